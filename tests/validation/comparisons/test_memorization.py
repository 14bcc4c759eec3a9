"""Copies are found whatever was done to hide them; images that are merely typical are not copies."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mdgen.data.copies import lower_fence, near, pixel_distances
from mdgen.validation.comparisons.memorization import moments, originality
from mdgen.validation.judges.features import JudgedSet

USERS, PER_USER = 3, 40


def images_of(rng, user, count):
    """Speckled bands: each image has a texture of its own under a line that belongs to the user."""
    texture = gaussian_filter(rng.normal(size=(count, 32, 32)), (0, 1, 1)) * 100 + 60
    texture[:, 8 + 6 * user:11 + 6 * user] += 100
    return texture.clip(0, 255).astype(np.uint8)[:, None]


def judged(images, users, positions=None):
    features = images.reshape(len(images), -1)[:, ::3].astype(np.float64)
    positions = np.concatenate([np.arange(n) for n in np.bincount(users)]) if positions is None else positions
    windows = np.stack([users, positions, positions + 3], axis=1)   # an image shares samples with the next three
    return JudgedSet(images, users, windows, features, np.eye(USERS)[users])


def real_set(seed, per_user=PER_USER):
    rng = np.random.default_rng(seed)
    return judged(np.concatenate([images_of(rng, user, per_user) for user in range(USERS)]),
                  np.repeat(np.arange(USERS), per_user))


@pytest.fixture(scope="module")
def sets():
    return real_set(0), real_set(1, 15), real_set(2, 15)


@pytest.mark.parametrize("hide", [
    lambda image, rng: image,
    lambda image, rng: 0.7 * image,
    lambda image, rng: np.roll(image, 3, axis=-1),
    lambda image, rng: image + rng.normal(0, 8, image.shape),
    lambda image, rng: gaussian_filter(image, (0, 0.6, 0.6))], ids=["exact", "gain", "moved", "noise", "blur"])
def test_planted_copies_and_no_others_are_flagged(sets, hide):
    training, held_out, fresh = sets
    rng, images = np.random.default_rng(3), fresh.images.copy()
    planted, sources = [2, 20, 41], [5, 60, 100]
    for place, source in zip(planted, sources):
        images[place] = hide(training.images[source].astype(float), rng).clip(0, 255).round()
    found = originality(training, held_out, judged(images, fresh.users))
    assert np.flatnonzero(found["nearest"]["copy"]).tolist() == planted
    assert [found["nearest"]["row"][place] for place in planted] == sources
    assert found["copies"] == found["moments"] == 3 and found["copy_rate"] == pytest.approx(3 / 45)


def test_new_real_images_are_no_copies(sets):
    found = originality(*sets)
    assert found["copies"] == 0 == found["held_out_rate"] == found["moments"]
    assert found["pixels"]["generated"]["distance"] == pytest.approx(found["pixels"]["held_out"]["distance"], rel=0.05)


def test_an_average_image_is_near_to_many_and_no_copy(sets):
    training, held_out, fresh = sets
    means = np.stack([training.images[training.users == user].mean(axis=0) for user in fresh.users])
    found = originality(training, held_out, judged(means.round().astype(np.uint8), fresh.users))
    assert found["features"]["generated"]["distance"] < 0.8 * found["features"]["held_out"]["distance"]
    assert found["copies"] == 0


def test_too_few_held_out_images_flag_nothing(sets):
    training, _, fresh = sets
    found = originality(training, real_set(1, 1), fresh)
    assert found["copies"] is None is found["copy_rate"] and not any(found["nearest"]["copy"])


def test_copies_of_overlapping_windows_are_one_moment(sets):
    training, held_out, _ = sets
    rows = np.array([10, 11, 12, 25, 50])           # of user 0 three neighbours and one apart; one of user 1
    copies = judged(training.images[rows], training.users[rows], np.arange(5))
    found = originality(training, held_out, copies)
    assert found["copies"] == 5 and found["moments"] == 3
    assert moments(np.array([], dtype=int), training) == 0


def test_a_training_window_that_overlaps_the_nearest_is_no_second_neighbour():
    training = judged(np.zeros((6, 1, 16, 16), np.uint8), np.array([0, 0, 0, 0, 0, 1]), np.array([0, 1, 2, 3, 4, 0]))
    found = near(np.array([[1.0, 1.1, 1.2, 1.3, 4.0, 5.0]]), training)
    assert found["row"] == [0] and found["distance"] == [1.0] and found["ratio"] == [0.25]


def test_pixel_distance_is_that_of_the_best_correlation():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (count, 3, 12, 24), dtype=np.uint8) for count in (4, 5))
    slow = np.full((4, 5), np.inf)
    for i, j, shift in np.ndindex(4, 5, 9):
        a, b = first[i].mean(axis=0)[:, 4:20].ravel(), second[j].mean(axis=0)[:, shift:shift + 16].ravel()
        slow[i, j] = min(slow[i, j], np.sqrt(2 - 2 * np.corrcoef(a, b)[0, 1]))
    np.testing.assert_allclose(pixel_distances(first, second), slow, atol=1e-5)


def test_the_fence_lies_four_deviations_below_the_users_median_or_that_of_all():
    rng = np.random.default_rng(0)
    users = np.repeat([0, 1], 20000)
    values = np.exp(np.array([1.0, 3.0])[users] + 0.2 * rng.normal(size=40000))
    np.testing.assert_allclose(np.log(lower_fence(values, users)), [0.2, 1.2], atol=0.02)   # 2 is the median of both
    values[:200] = 1e-9                                          # held-out copies do not lower it
    np.testing.assert_allclose(np.log(lower_fence(values, users)), [0.2, 1.2], atol=0.03)
