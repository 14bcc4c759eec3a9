"""Simple features of images whose figures are known by construction."""

import numpy as np
import pytest
from scipy.stats import kurtosis, mannwhitneyu, skew

from mdgen.validation.metrics.simple_features import BANDS, area_under_curve, band_name, simple_features


def noise(count=3, size=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 1, size, size), dtype=np.uint8)


def test_shares_of_levels_sum_to_one_and_a_planted_haze_shows_in_its_band():
    images = noise()
    found = simple_features(images)
    np.testing.assert_allclose(sum(found[band_name(*band)] for band in BANDS), 1)
    images[:, :, :16] = 12
    hazy = simple_features(images)
    np.testing.assert_allclose(hazy["share of levels 5 to 20"], 0.25 + 0.75 * 16 / 256, atol=0.01)
    assert (hazy["maximum"] == images.max(axis=(1, 2, 3))).all()


def test_only_the_grid_of_the_right_size_is_seen():
    rng = np.random.default_rng(1)
    patches = rng.integers(60, 120, (4, 1, 16, 16)).repeat(4, axis=2).repeat(4, axis=3)
    images = (patches + rng.integers(0, 40, (4, 1, 64, 64))).astype(np.uint8)
    found, plain = simple_features(images, (4, 5)), simple_features(noise(4), (4, 5))
    assert found["grid of 4 pixels"].min() > 1.4 and abs(found["grid of 5 pixels"] - 1).max() < 0.1
    assert abs(plain["grid of 4 pixels"] - 1).max() < 0.1
    assert "grid of 8 pixels" not in simple_features(noise(1, size=8), (8,))


def test_differences_against_scipy():
    images = noise(2)
    steps = np.diff(images[:, 0].astype(float), axis=2).reshape(2, -1)
    found = simple_features(images)
    np.testing.assert_allclose(found["differences in time, skewness"], skew(steps, axis=1), atol=1e-9)
    np.testing.assert_allclose(found["differences in time, kurtosis"], kurtosis(steps, axis=1), atol=1e-9)
    # of independent pixels, neighbouring differences share one: their correlation is -1/2
    np.testing.assert_allclose(found["differences in time, correlation"], -0.5, atol=0.03)
    turned = simple_features(images.swapaxes(2, 3))
    for name in ("skewness", "kurtosis", "correlation"):
        np.testing.assert_allclose(turned[f"differences in Doppler, {name}"], found[f"differences in time, {name}"])


def test_a_wave_has_its_power_in_its_octave():
    columns = np.arange(64) / 64
    wave = np.round(128 + 100 * np.cos(2 * np.pi * 6 * columns)).astype(np.uint8)
    found = simple_features(np.broadcast_to(wave, (1, 1, 64, 64)).copy())
    powers = {name: value[0] for name, value in found.items() if name.startswith("power")}
    assert list(powers) == [f"power at {low} to {2 * low} cycles" for low in (1, 2, 4, 8, 16)]
    others = [value for name, value in powers.items() if name != "power at 4 to 8 cycles"]
    assert powers["power at 4 to 8 cycles"] > max(others) + 30


def test_a_constant_image_has_values_that_are_finite():
    found = simple_features(np.full((2, 3, 32, 32), 7, np.uint8), (4, 8))
    assert all(np.isfinite(values).all() and values.shape == (2,) for values in found.values())


def test_the_area_is_mann_and_whitney_s():
    x, y = np.random.default_rng(3).integers(0, 9, 30), np.random.default_rng(4).integers(2, 11, 25)
    assert area_under_curve(x, y) == pytest.approx(mannwhitneyu(y, x).statistic / (30 * 25))
    assert area_under_curve([0, 1], [2, 3]) == 1 and area_under_curve([1, 1], [1]) == 0.5
