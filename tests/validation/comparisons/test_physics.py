"""Distances in units of how a person varies: real against real is 1, planted faults show where they belong."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mdgen.data.image_axes import ImageAxes
from mdgen.data.windows import separate
from mdgen.radar import Walker, draw_recording, walking_spectrogram
from mdgen.radar.simulation import PROFILES
from mdgen.validation.comparisons.physics import physics, random_pairs
from mdgen.validation.image_measures import UNITS, image_measures
from mdgen.validation.judges.features import JudgedSet

AXES = ImageAxes(-1.5, 6.0, 2.2)
WALKERS = [Walker(height=1.6, speed=1.05), Walker(height=1.75, speed=1.25), Walker(height=1.85, speed=1.5)]
COUNTS = {"training": 12, "held_out": 7, "generated": 7}


def judged(images, users, positions=None):
    windows = separate(len(users)) if positions is None else np.stack([users, positions, positions + 3], axis=1)
    return JudgedSet(images, users, windows, np.empty((len(users), 0)), np.empty((len(users), 0)))


@pytest.fixture(scope="module")
def sets():
    """Three sets of three simulated persons; no image shares samples with another."""
    made, chosen = {}, PROFILES["plain77"]
    for part, (name, count) in enumerate(COUNTS.items()):
        images = []
        for user, walker in enumerate(WALKERS):
            for k in range(count):
                own, options = draw_recording(chosen, walker, [part, user, k], (64, 64))
                images.append(255 * walking_spectrogram(own, chosen.radar, **options).image[None])
        users = np.repeat(np.arange(3), count)
        made[name] = judged(np.round(images).astype(np.uint8), users)
    return made


def scores(sets, generated=None, **options):
    options = {"axes": AXES, **options}
    found = physics(sets["training"], sets["held_out"], generated or sets["generated"], 3, **options)
    return found["features"]


@pytest.fixture(scope="module")
def honest(sets):
    return scores(sets)


def test_other_walks_of_the_same_persons_are_as_near_as_they_are_to_themselves(honest):
    for side in ("generated", "held_out"):
        for name, feature in honest.items():
            assert feature[side]["to_user"]["overall"] == pytest.approx(1, abs=0.35), name
            assert feature[side]["to_others"]["overall"] == pytest.approx(1, abs=0.25), name
            assert feature[side]["spread"]["overall"] == pytest.approx(1, abs=0.5), name


def test_what_carries_identity_separates(honest):
    assert min(honest[name]["separability"]["overall"] for name in ("torso_line", "torso_mean", "cadence")) > 1.8
    assert honest["speckle"]["separability"]["overall"] < 1.4


def test_images_of_another_user_are_far_from_the_wanted_one_and_near_to_the_others(sets, honest):
    made = sets["generated"]
    users = made.users.copy()
    users[made.users == 0], users[made.users == 2] = 2, 0          # the slowest and the fastest change names
    found = scores(sets, judged(made.images, users))
    for name in ("torso_line", "torso_mean"):
        old, new = honest[name]["generated"], found[name]["generated"]
        assert new["to_user"]["per_user"][0] > 2.5 and new["to_user"]["per_user"][2] > 2.5
        assert new["to_others"]["per_user"][0] < 0.75 * old["to_others"]["per_user"][0]
        assert new["to_user"]["per_user"][1] == pytest.approx(old["to_user"]["per_user"][1], abs=0.2)
        assert found[name]["held_out"] == honest[name]["held_out"]


def test_blur_and_noise_fire_the_texture_and_not_the_torso(sets, honest):
    made = sets["generated"]
    noise = np.random.default_rng(0).normal(0, 25, made.images.shape)
    blurred = judged(gaussian_filter(made.images, (0, 0, 1, 1)), made.users)
    noisy = judged(np.clip(made.images + noise, 0, 255).astype(np.uint8), made.users)
    for fault, fires in ((blurred, ("spectrum", "fine_share", "speckle")), (noisy, ("spectrum", "fine_share"))):
        found = scores(sets, fault)
        for name in fires:
            before = honest[name]["generated"]["to_user"]["overall"]
            assert found[name]["generated"]["to_user"]["overall"] > 1.6 * before
        for name in ("torso_line", "torso_mean"):
            assert found[name]["generated"]["to_user"]["overall"] == pytest.approx(
                honest[name]["generated"]["to_user"]["overall"], abs=0.25)


def test_one_image_again_and_again_has_no_spread(sets):
    made = sets["generated"]
    first = np.repeat([made.of_user(user)[0] for user in range(3)], COUNTS["generated"])
    for feature in scores(sets, judged(made.images[first], made.users)).values():
        assert feature["generated"]["spread"]["overall"] == 0


def test_scalars_follow_their_definition(sets):
    """Without axes, and all pairs by hand for the torso's mean."""
    train, made = (image_measures(sets[name].images)["torso_mean"] for name in ("training", "generated"))
    mine, others = np.split(train, [12])
    within = np.abs(mine[:, None] - mine)[np.triu_indices(12, 1)].mean()
    feature = scores(sets, axes=None)["torso_mean"]
    assert feature["unit"] == "share of height" and feature["within"][0] == pytest.approx(within)
    assert feature["generated"]["to_user"]["per_user"][0] == pytest.approx(
        np.abs(made[:7, None] - mine).mean() / within)
    assert feature["generated"]["spread"]["per_user"][0] == pytest.approx(
        np.abs(made[:7, None] - made[:7])[np.triu_indices(7, 1)].mean() / within)
    assert feature["between"][0] == pytest.approx(np.abs(mine[:, None] - others).mean())


def test_without_axes_there_is_no_cadence_but_a_reason(sets):
    found = physics(sets["training"], sets["held_out"], sets["generated"], 3)
    assert found["features"]["cadence"] is None and "not known" in found["not_measured"]["cadence"]
    assert set(found["features"]) == set(UNITS)


def test_windows_that_overlap_are_no_pair():
    users, positions = np.repeat([0, 1], 6), np.tile(np.arange(6), 2)
    one = judged(np.empty((12, 0)), users, positions)
    found = random_pairs(one, one, 2, 100, np.random.default_rng(0))
    assert sorted(map(tuple, found["itself"][1])) == [(6, 10), (6, 11), (7, 11)]
    assert len(found["others"][0]) == 36 and (users[found["others"][0]] == [0, 1]).all()
    few = random_pairs(one, one, 2, 10, np.random.default_rng(0))["others"][0]
    assert len(set(map(tuple, few))) == 10 and (users[few] == [0, 1]).all()


def test_a_user_without_images_and_empty_images_give_none_and_valid_json(sets):
    made = sets["generated"]
    kept = made.users != 1
    images = made.images.copy()
    images[made.users == 2] = 0
    found = physics(sets["training"], sets["held_out"], judged(images[kept], made.users[kept]), 3, axes=AXES)
    assert found["features"]["torso_line"]["generated"]["to_user"]["per_user"][1] is None
    assert found["features"]["cadence"]["generated"]["to_user"]["per_user"][1:] == [None, None]
    assert found["features"]["spectrum"]["generated"]["to_user"]["per_user"][2] > 10
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_same_seed_gives_the_same_figures(sets):
    options = dict(axes=None, pairs=20)
    assert scores(sets, **options) == scores(sets, **options) != scores(sets, seed=1, **options)
