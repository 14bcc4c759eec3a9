"""The discriminant on Gaussian data, whose best boundary and error rate are known in closed form."""

import math

import numpy as np
import pytest

from mdgen.validation.metrics.linear_discriminant import linear_discriminant

COVARIANCE = np.array([[2.0, 0.9, 0.0], [0.9, 1.0, 0.3], [0.0, 0.3, 0.5]])
MEANS = np.array([[0.0, 0.0, 0.0], [1.5, -0.5, 0.4]])


def exact(count, mean, covariance, rng):
    """Rows [count, D] whose sample mean and covariance (over count) are exactly these."""
    x = rng.normal(size=(count, len(mean)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / count)).T
    return white @ np.linalg.cholesky(covariance).T + mean


def two_classes(count=500, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([exact(count, mean, COVARIANCE, rng) for mean in MEANS]), np.repeat([0, 1], count)


def test_the_boundary_is_fisher_s():
    """With the exact moments, a point is nearer in Mahalanobis distance to the mean of its label."""
    new = np.random.default_rng(1).normal(size=(2000, 3)) * 2
    distances = [np.einsum("nd,de,ne->n", new - mean, np.linalg.inv(COVARIANCE), new - mean) for mean in MEANS]
    expected = np.argmin(distances, axis=0)
    assert np.array_equal(linear_discriminant(*two_classes(), shrinkage=0)(new), expected)


def test_the_error_rate_is_that_of_the_mahalanobis_distance():
    """Phi(-Delta / 2) for two Gaussians of one covariance."""
    gap = MEANS[1] - MEANS[0]
    delta = math.sqrt(gap @ np.linalg.inv(COVARIANCE) @ gap)
    rng = np.random.default_rng(2)
    x, labels = rng.multivariate_normal(np.zeros(3), COVARIANCE, 40000), rng.integers(0, 2, 40000)
    wrong = (linear_discriminant(*two_classes(), shrinkage=0)(x + MEANS[labels]) != labels).mean()
    assert wrong == pytest.approx(0.5 * math.erfc(delta / 2 / math.sqrt(2)), abs=4 * math.sqrt(0.25 / 40000))


def test_full_shrinkage_forgets_the_correlations_alone():
    new = np.random.default_rng(3).normal(size=(2000, 3)) * 2
    scaled = (new[:, None] - MEANS) ** 2 / np.diag(COVARIANCE)
    assert np.array_equal(linear_discriminant(*two_classes(), shrinkage=1)(new), scaled.sum(axis=2).argmin(axis=1))


@pytest.mark.parametrize("shrinkage", [0.1, 1.0])
def test_units_do_not_matter_and_labels_keep_their_names(shrinkage):
    x, labels = two_classes()
    new, units = np.random.default_rng(4).normal(size=(500, 3)), np.array([1e-2, 1.0, 1e3])
    plain = linear_discriminant(x, labels, shrinkage)(new)
    named = linear_discriminant(x * units + 7, np.where(labels, 9, 4), shrinkage)(new * units + 7)
    assert np.array_equal(named, np.where(plain, 9, 4)) and set(named) == {4, 9}


def test_features_that_repeat_each_other_or_never_vary_are_no_harm():
    x, labels = two_classes()
    new = np.random.default_rng(5).normal(size=(500, 3))
    twice = [np.column_stack([one, one[:, 0], np.ones(len(one))]) for one in (x, new)]
    answers = linear_discriminant(twice[0], labels)(twice[1])
    assert (answers == linear_discriminant(x, labels)(new)).mean() > 0.9


def test_a_feature_that_does_not_vary_within_a_label_decides():
    x = np.column_stack([np.repeat([1.0, 2.0], 10), np.random.default_rng(6).normal(size=20)])
    labels = np.repeat([0, 1], 10)
    assert np.array_equal(linear_discriminant(x, labels)(x), labels)
