"""PSNR and SSIM by closed forms and by a second route; outlines that were moved by a known number of rows."""

import numpy as np
import pytest

from mdgen.validation.metrics.image_quality import envelope_error, psnr, ssim


def noise(seed, shape=(3, 1, 20, 16)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_psnr_of_a_constant_error_is_its_closed_form():
    x = np.full((2, 3, 8, 8), 100, dtype=np.uint8)
    y = x.copy()
    y[0] += 5
    y[1] -= 50
    assert psnr(x, y) == pytest.approx([20 * np.log10(255 / 5), 20 * np.log10(255 / 50)])
    assert psnr(x / 255.0, y / 255.0, data_range=1.0) == pytest.approx(psnr(x, y))


def test_equal_images_have_infinite_psnr_and_similarity_one():
    x = noise(0)
    assert (psnr(x, x) == np.inf).all() and ssim(x, x) == pytest.approx(1)


def test_ssim_of_flat_images_is_the_luminance_term():
    """Without variance the structure term is 1; Wang et al. 2004, eq. 6."""
    a, b, c1 = 60.0, 90.0, (0.01 * 255) ** 2
    x, y = (np.full((1, 1, 16, 16), value) for value in (a, b))
    assert ssim(x, y) == pytest.approx([(2 * a * b + c1) / (a**2 + b**2 + c1)])


def by_windows(x, y, data_range=255.0):
    """Equation 13 window by window, with the two-dimensional Gaussian spelt out."""
    offsets = np.arange(11) - 5
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i:i + 11, j:j + 11], y[i:i + 11, j:j + 11]
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum()
            cov = (weights * (a - ma) * (b - mb)).sum()
            values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return np.mean(values)


def test_ssim_is_the_papers_formula_window_by_window():
    x, y = noise(0, (2, 2, 20, 16)).astype(float), noise(1, (2, 2, 20, 16)).astype(float)
    y = 0.5 * x + 0.5 * y
    expected = [np.mean([by_windows(a, b) for a, b in zip(*pair)]) for pair in zip(x, y)]
    assert ssim(x, y) == pytest.approx(expected, abs=1e-10)
    assert ssim(x / 255, y / 255, data_range=1.0) == pytest.approx(expected, abs=1e-10)


def test_an_inverted_image_has_negative_similarity_and_a_small_image_none():
    x = noise(0)
    assert (ssim(x, 255 - x) < 0).all()
    with pytest.raises(ValueError, match="10x16"):
        ssim(x[:, :, :10], x[:, :, :10])


def band(top, bottom, size=40, channels=1):
    """An echo from row `top` to row `bottom` over faint noise."""
    image = np.random.default_rng(0).integers(0, 12, (1, channels, size, size), dtype=np.uint8)
    image[:, :, top:bottom + 1] = 200
    return image


@pytest.mark.parametrize("channels", [1, 3])
def test_outlines_moved_by_known_rows_are_found_as_such(channels):
    original = band(12, 24, channels=channels)
    for other, expected in [(band(12, 24), 0), (band(9, 24), 1.5), (band(12, 26), 1), (band(15, 27), 3)]:
        rows, missed = envelope_error(original, np.repeat(other, channels, axis=1) if channels > 1 else other)
        assert rows == pytest.approx([expected]) and missed == [0]


def test_an_echo_that_is_gone_is_missed_and_an_empty_pair_has_no_outline():
    half = band(12, 24)
    half[..., :20] = 0
    rows, missed = envelope_error(band(12, 24), half)
    assert rows == [0] and missed == pytest.approx([0.5], abs=0.03)
    rows, missed = envelope_error(np.zeros((1, 1, 40, 40), np.uint8), np.zeros((1, 1, 40, 40), np.uint8))
    assert np.isnan(rows[0]) and missed == [0]


def test_a_haze_does_not_raise_the_bar_for_itself():
    """Both outlines are taken above the original's noise: above its own, the haze would leave the outline alone."""
    hazy = band(12, 24)
    hazy[hazy < 200] = np.random.default_rng(1).integers(0, 80, (hazy < 200).sum())
    rows, _ = envelope_error(band(12, 24), hazy)
    assert rows[0] > 8
