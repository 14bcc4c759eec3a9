"""Fréchet distance against closed forms, scipy's matrix square root and its own second route."""

import numpy as np
import pytest
import scipy.linalg

from mdgen.errors import RequestError
from mdgen.validation.metrics.frechet import (RunningMoments, frechet_between, frechet_distance, frechet_floor, real_pairs,
                                  statistics)


def random_covariance(dim, seed, rank=None):
    factor = np.random.default_rng(seed).normal(size=(dim, rank or 2 * dim))
    return factor @ factor.T / factor.shape[1]


def random_rotation(dim, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


def test_equal_covariances_leave_the_squared_mean_gap():
    sigma = random_covariance(dim=32, seed=0)
    gap = np.random.default_rng(1).normal(size=32)
    assert frechet_distance(np.zeros(32), sigma, gap, sigma) == pytest.approx((gap**2).sum(), rel=1e-9)


def test_commuting_covariances_leave_the_gap_of_their_roots():
    first, second = np.random.default_rng(0).uniform(0.1, 3, size=(2, 20))
    basis = random_rotation(20, seed=1)
    distance = frechet_distance(np.zeros(20), basis * first @ basis.T, np.zeros(20), basis * second @ basis.T)
    assert distance == pytest.approx(((np.sqrt(first) - np.sqrt(second)) ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_product_route_by_scipy(seed):
    rng = np.random.default_rng(seed)
    mu1, mu2 = rng.normal(size=(2, 24))
    sigma1, sigma2 = random_covariance(24, seed + 10), random_covariance(24, seed + 20)
    root = scipy.linalg.sqrtm(sigma1 @ sigma2).real
    expected = ((mu1 - mu2) ** 2).sum() + np.trace(sigma1 + sigma2 - 2 * root)
    assert frechet_distance(mu1, sigma1, mu2, sigma2) == pytest.approx(expected, rel=1e-8)


def test_symmetric_and_unchanged_by_a_common_rotation():
    rng = np.random.default_rng(0)
    mu1, mu2 = rng.normal(size=(2, 16))
    sigma1, sigma2, turn = random_covariance(16, 1), random_covariance(16, 2), random_rotation(16, 3)
    distance = frechet_distance(mu1, sigma1, mu2, sigma2)
    assert frechet_distance(mu2, sigma2, mu1, sigma1) == pytest.approx(distance, rel=1e-9)
    turned = frechet_distance(turn @ mu1, turn @ sigma1 @ turn.T, turn @ mu2, turn @ sigma2 @ turn.T)
    assert turned == pytest.approx(distance, rel=1e-9)


def test_directions_without_variance_change_nothing():
    mu1, mu2 = np.random.default_rng(0).normal(size=(2, 12))
    sigma1, sigma2 = random_covariance(12, 1), random_covariance(12, 2)
    turn = random_rotation(40, 3)[:, :12]  # the same Gaussians in 12 of 40 dimensions
    inside = frechet_distance(mu1, sigma1, mu2, sigma2)
    embedded = frechet_distance(turn @ mu1, turn @ sigma1 @ turn.T, turn @ mu2, turn @ sigma2 @ turn.T)
    assert embedded == pytest.approx(inside, rel=1e-6)


def test_rank_one_covariances_in_closed_form():
    u, v = np.random.default_rng(0).normal(size=(2, 30))
    distance = frechet_distance(np.zeros(30), np.outer(u, u), np.zeros(30), np.outer(v, v))
    assert distance == pytest.approx(u @ u + v @ v - 2 * abs(u @ v), rel=1e-6)


@pytest.mark.parametrize("rows, columns", [(200, 20), (15, 60)])
def test_both_routes_agree_with_and_without_full_rank(rows, columns):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns))
    y = rng.normal(size=(rows + 7, columns)) @ np.diag(rng.uniform(0.5, 2, columns)) + 0.3
    assert frechet_between(x, y) == pytest.approx(frechet_distance(*statistics(x), *statistics(y)), rel=1e-6)
    assert frechet_between(x, x) == pytest.approx(0, abs=1e-9)


def test_statistics_are_numpy_s_in_float64():
    features = (np.random.default_rng(0).normal(size=(50, 6)) + 1000).astype(np.float32)
    mu, sigma = statistics(features)
    assert mu.dtype == sigma.dtype == np.float64
    assert np.allclose(mu, features.astype(np.float64).mean(axis=0))
    assert np.allclose(sigma, np.cov(features.astype(np.float64), rowvar=False))


def moments_of(*batches):
    moments = RunningMoments()
    for batch in batches:
        moments.add(batch)
    return moments


@pytest.mark.parametrize("cuts", [[1, 2, 3], [7, 50], [0, 119]])
def test_running_moments_equal_those_of_all_rows(cuts):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(120, 9)) @ rng.normal(size=(9, 9)) + 1e4
    for got, wanted in zip(moments_of(*np.split(features, cuts)).statistics(), statistics(features)):
        assert np.allclose(got, wanted, rtol=1e-10, atol=1e-10)


def test_running_moments_merge_in_any_order():
    parts = np.split(np.random.default_rng(0).normal(size=(100, 6)) + 5, [3, 60])
    merged = moments_of(parts[2])
    for moments in (RunningMoments(), moments_of(parts[0]), moments_of(parts[1])):
        merged.merge(moments)
    fresh = RunningMoments()
    fresh.merge(merged)
    assert merged.count == fresh.count == 100
    for moments in (merged, fresh):
        for got, wanted in zip(moments.statistics(), statistics(np.concatenate(parts))):
            assert np.allclose(got, wanted, rtol=1e-10, atol=1e-10)


def test_running_moments_keep_a_small_spread_on_a_large_offset():
    steps = np.random.default_rng(0).integers(-8, 8, size=(400, 3)) / 8     # exact beside 2^30
    _, sigma = moments_of(*np.split(steps + 2.0**30, 40)).statistics()
    assert np.allclose(sigma, np.cov(steps, rowvar=False), rtol=1e-6, atol=1e-6)


def test_floor_falls_as_the_number_of_images_grows():
    real = np.random.default_rng(0).normal(size=(800, 16))
    few, _ = frechet_floor(real, size=40)
    many, _ = frechet_floor(real, size=400)
    assert 0 < many < few / 4  # bias about 1/N


def test_floor_lies_below_the_distance_of_another_distribution():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(400, 8)), rng.normal(size=(200, 8)) * 0.7
    mean, deviation = frechet_floor(real, size=200)
    assert frechet_between(real[:200], fake) > mean + 5 * deviation


def test_floor_against_held_out_data_sees_its_shift():
    rng = np.random.default_rng(0)
    real, held_out = rng.normal(size=(300, 8)), rng.normal(size=(300, 8)) + 0.5
    assert frechet_floor(real, held_out)[0] == pytest.approx(frechet_floor(real)[0] + 8 * 0.25, rel=0.3)


def test_halves_are_disjoint_of_the_asked_size_and_repeat_by_seed():
    real = np.arange(21)[:, None]
    pairs = list(real_pairs(real, size=10, repeats=3, seed=5))
    assert len(pairs) == 3
    for left, right in pairs:
        assert len(left) == len(right) == 10 and len({*left.ravel(), *right.ravel()}) == 20
    again = list(real_pairs(real, size=10, repeats=3, seed=5))
    assert all(np.array_equal(a, b) for pair in zip(pairs, again) for a, b in zip(*pair))
    assert not np.array_equal(pairs[0][0], next(real_pairs(real, size=10, seed=6))[0])


def test_wrong_requests_are_refused():
    with pytest.raises(RequestError, match="1 image"):
        statistics(np.zeros((1, 4)))
    with pytest.raises(RequestError, match="not finite"):
        statistics(np.array([[0.0], [np.nan]]))
    with pytest.raises(RequestError, match="not finite"):
        moments_of(np.array([[0.0], [np.inf]]))
    with pytest.raises(RequestError, match="1 image"):
        moments_of(np.zeros((1, 4))).statistics()
    with pytest.raises(RequestError, match="N = 6.*to 5"):
        frechet_floor(np.zeros((10, 3)), size=6)
    with pytest.raises(ValueError, match="shapes"):
        frechet_distance(np.zeros(3), np.eye(3), np.zeros(4), np.eye(4))
