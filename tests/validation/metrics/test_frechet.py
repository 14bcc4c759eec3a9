"""Fréchet distance against closed forms, scipy's matrix square root and its own second route."""

import numpy as np
import pytest
import scipy.linalg

from mdgen.errors import RequestError
from mdgen.validation.metrics.frechet import frechet_between, frechet_distance, statistics


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


def test_wrong_requests_are_refused():
    with pytest.raises(RequestError, match="1 image"):
        statistics(np.zeros((1, 4)))
    with pytest.raises(RequestError, match="not finite"):
        statistics(np.array([[0.0], [np.nan]]))
    with pytest.raises(ValueError, match="shapes"):
        frechet_distance(np.zeros(3), np.eye(3), np.zeros(4), np.eye(4))
