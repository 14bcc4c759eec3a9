import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from mdgen.validation.metrics.level_histogram import BANDS, histogram_distance, level_figures, level_shares


def images(seed, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (5, 1, 16, 16), dtype=np.uint8)


def test_the_distance_is_scipys_between_all_pixels():
    first, second = images(0), images(1, 40, 200)
    found = histogram_distance(level_shares(first), level_shares(second))
    assert found == pytest.approx(wasserstein_distance(first.ravel(), second.ravel()))


def test_a_haze_of_ten_levels_over_half_the_pixels_is_five_levels():
    real = np.zeros((4, 1, 8, 8), np.uint8)
    hazy = real.copy()
    hazy[..., :4] = 10
    found = level_figures(real, real, hazy)
    assert found["distance"] == {"generated": pytest.approx(5.0), "held_out": 0.0}
    assert found["shares"]["generated"][:4] == [0.5, 0, 0, 0.5]


def test_bands_hold_every_level_once():
    assert [level for low, high in BANDS for level in range(low, high + 1)] == list(range(256))
    assert sum(level_figures(*[images(k) for k in range(3)])["shares"]["generated"]) == pytest.approx(1)
