from dataclasses import asdict
from itertools import combinations

import numpy as np
import pytest

from mdgen.radar import draw_walkers, vary
from mdgen.radar.population import PERSONS


@pytest.mark.parametrize("count, seed", [(8, 0), (31, 5)])
def test_no_two_persons_share_a_parameter(count, seed):
    walkers = [asdict(w) for w in draw_walkers(count, seed)]
    for a, b in combinations(walkers, 2):
        assert all(a[name] != b[name] for name in PERSONS)
    for name, spread in PERSONS.items():
        values = [walker[name] for walker in walkers]
        assert spread.low <= min(values) < max(values) <= spread.high
        middle, width = (spread.low + spread.high) / 2, spread.high - spread.low
        assert np.mean(values) == pytest.approx(middle, abs=0.01 * width + 1e-4)


def test_the_seed_decides_who_they_are():
    assert draw_walkers(5, 1) == draw_walkers(5, 1)
    assert draw_walkers(5, 1) != draw_walkers(5, 2)


def test_a_person_varies_by_its_own_deviation_and_keeps_its_body():
    person = draw_walkers(8)[3]
    days = [asdict(vary(person, np.random.default_rng(seed))) for seed in range(400)]
    for name, spread in PERSONS.items():
        values = np.array([day[name] for day in days])
        expected = spread.within * (abs(getattr(person, name)) if spread.relative else 1)
        assert values.std() == pytest.approx(expected, rel=0.15, abs=1e-12)
        assert abs(values.mean() - getattr(person, name)) <= 0.2 * expected + 1e-12
    assert {(day["height"], day["build"]) for day in days} == {(person.height, person.build)}


def test_persons_lie_farther_apart_than_a_person_from_itself():
    """Distances in units of the deviation within a person."""
    def place(walker):
        return np.array([getattr(walker, name) / (spread.within * (getattr(walker, name) if spread.relative else 1))
                         for name, spread in PERSONS.items() if not spread.relative or name == "speed"] +
                        [np.log(getattr(walker, name)) / spread.within for name, spread in PERSONS.items()
                         if spread.relative and spread.within and name not in ("speed", "surge")])

    walkers = draw_walkers(31, 5)
    gaps = [np.linalg.norm(place(a) - place(b)) for a, b in combinations(walkers, 2)]
    own = [np.linalg.norm(place(vary(w, np.random.default_rng(i))) - place(w)) for i, w in enumerate(walkers)]
    assert np.median(gaps) > 2 * max(own) and min(gaps) > np.median(own)
