"""Intervals against what theory and repeated experiments say of them."""

import numpy as np
import pytest
from scipy.stats import binom, f

from mdgen.validation.metrics.bootstrap import (
    bounded_interval,
    jackknife_interval,
    percentiles,
    resampled,
    share_interval,
)
from mdgen.validation.metrics.frechet import frechet_between
from mdgen.validation.metrics.verification import area, equal_error_rate, resampled_errors, roc_curve


def test_a_unit_is_drawn_as_a_whole_and_as_often_as_chance_has_it():
    weights = resampled([3, 3, 7, 9, 9, 9], replicates=4000)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(weights[:, 2].var(), 2 / 3, atol=0.05)          # binomial, 3 draws of 1/3


def test_intervals_of_a_share_cover_it_though_windows_repeat_each_other():
    """Every recording is five times the same answer: single windows would give intervals 2.2 times too narrow."""
    covered, narrow = [], []
    for seed in range(200):
        answers = np.random.default_rng(seed).random(60) < 0.8
        hits, units = np.repeat(answers, 5), np.repeat(np.arange(60), 5)
        for found, of in ((covered, units), (narrow, np.arange(300))):
            low, high = share_interval(hits, of, resampled(of, 200, seed))
            found.append(low <= 0.8 <= high)
    assert 0.89 <= np.mean(covered) <= 0.99 and np.mean(narrow) < 0.7


def test_where_all_agree_the_exact_interval_stands_in():
    units = np.repeat(np.arange(12), 3)
    low, high = share_interval(np.ones(36, bool), units, resampled(units))
    assert high == 1 and binom.pmf(12, 12, low) == pytest.approx(0.025)        # so rare would 12 of 12 be
    assert share_interval(np.zeros(36, bool), units, resampled(units)) == [0.0, pytest.approx(1 - low)]
    assert share_interval([], [], np.ones((3, 0))) is None


def test_the_jackknife_of_a_mean_is_student_s_interval():
    values = np.random.default_rng(0).normal(3, 2, 10)
    low, high = jackknife_interval(lambda rows: values[rows].mean(), values.mean(), np.arange(10))
    reach = np.sqrt(f.ppf(0.95, 1, 9) * values.var(ddof=1) / 10)               # t squared is F
    assert low == pytest.approx(values.mean() - reach) and high == pytest.approx(values.mean() + reach)
    assert jackknife_interval(lambda rows: 0.0, 1.0, [5, 5, 5]) is None


def test_the_jackknife_of_a_distance_has_the_spread_of_new_images():
    other = np.random.default_rng(0).normal(size=(200, 4))

    def distance(values):
        return frechet_between(values, other)

    draws = [np.random.default_rng([1, k]).normal(0.4, 1, size=(80, 4)) for k in range(80)]
    found = np.array([jackknife_interval(lambda rows, x=x: distance(x[rows]), distance(x), np.arange(80))
                      for x in draws])
    spread = np.std([distance(x) for x in draws])
    assert np.ptp(found, axis=1).mean() / 2 / 2.262 == pytest.approx(spread, rel=0.2)


def test_no_error_seen_is_no_certainty():
    units = np.arange(24)
    assert bounded_interval(np.zeros(9), units) == [0.0, pytest.approx(1 - 0.025 ** (1 / 24))]
    assert bounded_interval(np.ones(9), units) == [pytest.approx(0.025 ** (1 / 24)), 1.0]
    assert bounded_interval([0.2, 0.3, 0.4], units) == percentiles([0.2, 0.3, 0.4])
    assert bounded_interval([np.nan], units) is None


def test_percentiles_leave_out_what_has_no_value():
    assert percentiles([*np.linspace(0, 1, 1001), np.nan]) == pytest.approx([0.025, 0.975])
    assert percentiles([np.nan]) is None


def test_errors_of_a_replicate_are_those_of_the_probes_that_were_drawn():
    rng = np.random.default_rng(2)
    gallery_users, users = np.repeat([0, 1, 2], 8), np.repeat([0, 1, 2], 5)
    gallery, probes = (rng.normal(size=(len(u), 3)) + 1.5 * np.eye(3)[u] for u in (gallery_users, users))
    weights = resampled(np.arange(15), 5)
    found = resampled_errors(gallery, gallery_users, probes, users, weights, thresholds=120)
    for k, drawn in enumerate(weights):
        rows = np.repeat(np.arange(15), drawn.astype(int))
        distance = np.linalg.norm(probes[rows][:, None] - gallery, axis=2)
        same = users[rows][:, None] == gallery_users
        curve = roc_curve(distance[same], [distance[~same]])
        assert found["eer"][k] == pytest.approx(equal_error_rate(*curve), abs=0.01)
        assert found["auc"][k] == pytest.approx(area(*curve), abs=0.01)
