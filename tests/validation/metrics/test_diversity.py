"""Pair distances against closed forms, and texture against images of known frequency."""

import numpy as np
import pytest

from mdgen.validation.metrics.diversity import MOST_IMAGES, user_diversity
from mdgen.validation.metrics.spectral_texture import fine_power, user_fine_power


def wave(cycles_down, cycles_across, size=64, amplitude=1.0):
    rows, columns = np.mgrid[:size, :size] / size
    return amplitude * np.cos(2 * np.pi * (cycles_down * rows + cycles_across * columns))[None]


def one_user(vectors, **more):
    return user_diversity(vectors, np.zeros(len(vectors), int), 1, **more)[0]


def test_gaussian_vectors_lie_root_two_deviations_apart():
    vectors = np.random.default_rng(0).normal(scale=3.0, size=(40, 5000))
    assert one_user(vectors) == pytest.approx(3 * np.sqrt(2), rel=0.01)


def test_one_image_again_and_again_has_no_diversity():
    assert one_user(np.repeat(np.random.default_rng(0).normal(size=(1, 3, 8, 8)), 6, axis=0)) == 0.0


def test_pairs_that_share_samples_are_left_out():
    values, windows = np.array([0.0, 1.0, 10.0, 11.0])[:, None], np.array([[0, p, p + 3] for p in (0, 1, 4, 5)])
    assert one_user(values, windows=windows) == pytest.approx((10 + 11 + 10) / 3)
    assert one_user(values) == pytest.approx((1 + 10 + 11 + 9 + 10 + 1) / 6)


def test_without_a_pair_nothing_is_claimed():
    assert np.isnan(one_user(np.ones((1, 4))))
    assert np.isnan(one_user(np.ones((3, 4)), windows=np.array([[0, p, p + 3] for p in (5, 6, 7)])))


def test_many_images_are_represented_by_a_spread_of_them():
    drift = np.linspace(0, 1, 10 * MOST_IMAGES)[:, None]      # mean distance of two uniform points is a third
    assert one_user(drift) == pytest.approx(1 / 3, rel=0.02)


def test_distances_stay_within_users():
    users = np.repeat([0, 1], 3)
    vectors = np.array([0, 1, 2, 100, 100, 100.0])[:, None]
    np.testing.assert_allclose(user_diversity(vectors, users, 3), [4 / 3, 0.0, np.nan])


def test_a_replicate_is_the_mean_over_pairs_of_different_images():
    vectors, users = np.random.default_rng(1).normal(size=(7, 3)), np.array([0, 0, 0, 0, 1, 1, 1])
    weights = np.array([[1.0] * 7, [2, 1, 0, 3, 0, 0, 2]])
    found = user_diversity(vectors, users, 2, weights=weights)
    np.testing.assert_allclose(found[0], user_diversity(vectors, users, 2))
    drawn = [0, 0, 1, 3, 3, 3]                                     # of user 0 in the second replicate
    pairs = [np.sqrt(((vectors[i] - vectors[j]) ** 2).mean()) for i in drawn for j in drawn if i != j]
    assert found[1, 0] == pytest.approx(np.mean(pairs)) and np.isnan(found[1, 1])   # of user 1 only one image


def test_a_wave_counts_as_fine_from_its_cycles_per_image():
    coarse, slanted, fine = (fine_power(wave(*cycles)[None])[0] for cycles in ((16, 0), (12, 12), (0, 17)))
    assert coarse == pytest.approx(0, abs=1e-20)
    assert slanted == pytest.approx(fine, rel=1e-9) and fine > 1e-5   # 12 and 12 lie 16.97 from the centre


def test_fine_power_follows_parseval_and_ignores_the_mean():
    noise = np.random.default_rng(0).normal(size=(1, 1, 64, 64)) * 2.0
    assert fine_power(noise, cycles=0.0)[0] * (64 * 64 - 1) == pytest.approx(noise.var(), rel=1e-9)
    assert fine_power(noise + 5.0)[0] == pytest.approx(fine_power(noise)[0], rel=1e-9)
    assert fine_power(3 * noise)[0] == pytest.approx(9 * fine_power(noise)[0], rel=1e-9)


def test_colours_count_by_their_mean():
    grey = wave(20, 3)[None]
    assert fine_power(np.repeat(grey, 3, axis=1))[0] == pytest.approx(fine_power(grey)[0])
    assert fine_power(np.concatenate([grey, -grey, 0 * grey], axis=1))[0] == pytest.approx(0, abs=1e-20)


def test_images_too_small_for_fine_texture_say_so():
    assert user_fine_power(np.ones((2, 1, 16, 16)), np.array([0, 1]), 3) == [None, None, None]
