"""Latents with known moments, and planted dead channels."""

import numpy as np
import pytest
from scipy.stats import kstest

from mdgen.validation.metrics.latent_statistics import distance_to_gaussian, latent_statistics


def draws(channels=1, n=60, seed=0):
    return np.random.default_rng(seed).standard_normal((n, channels, 12, 12))


def test_unit_gaussian_latents_are_what_diffusion_expects():
    found = latent_statistics(0.8 * draws(2, seed=5), np.full((60, 2, 12, 12), 0.6))      # 0.8² + 0.6² = 1
    for channel in range(2):
        assert found["mean"][channel] == pytest.approx(0, abs=0.05)
        assert found["deviation"][channel] == pytest.approx(1, abs=0.03)
        assert found["signal"][channel] == pytest.approx(0.64, abs=0.03)
        assert found["skewness"][channel] == pytest.approx(0, abs=0.1)
        assert found["excess_kurtosis"][channel] == pytest.approx(0, abs=0.2)
        assert found["off_gaussian"][channel] < 0.02
    assert found["dead"] == [] and found["dead_share"] == 0


def test_moments_of_other_shapes_are_theirs():
    rng = np.random.default_rng(0)
    means = np.concatenate([3 + 2 * rng.uniform(-1, 1, (200, 1, 12, 12)),        # uniform: excess kurtosis -1.2
                            rng.exponential(size=(200, 1, 12, 12))], axis=1)      # exponential: skewness 2, kurtosis 6
    found = latent_statistics(means, np.zeros_like(means))
    assert found["mean"] == pytest.approx([3, 1], abs=0.05)
    assert found["deviation"] == pytest.approx([2 / np.sqrt(3), 1], abs=0.03)
    assert found["skewness"] == pytest.approx([0, 2], abs=0.15)
    assert found["excess_kurtosis"] == pytest.approx([-1.2, 6], abs=1)
    assert found["off_gaussian"][1] == pytest.approx(0.1587, abs=0.01)           # at 0, where the density jumps


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    values = np.random.default_rng(1).normal(0.2, 1.3, 500)
    assert distance_to_gaussian(values) == pytest.approx(kstest(values, "norm").statistic, abs=1e-12)


def test_a_channel_that_says_nothing_of_the_image_is_dead():
    means = draws(3)
    means[:, 1] = draws(1, seed=1)[:1, 0]       # a pattern over places, the same in every image
    means[:, 2] *= 0.05                         # almost nothing beside a deviation of 1
    found = latent_statistics(means, np.ones_like(means))
    assert found["dead"] == [1, 2] and found["dead_share"] == pytest.approx(2 / 3)
