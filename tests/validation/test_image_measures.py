"""Measures of drawn and simulated walks against what was drawn, and what faults do to them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mdgen.data.image_axes import ImageAxes
from mdgen.radar import Walker, draw_recording, walking_spectrogram
from mdgen.radar.simulation import PROFILES
from mdgen.validation.image_measures import CURVES, UNITS, image_measures, not_measured

AXES = ImageAxes(-1.5, 6.0, 2.2)
SHAPES = {"torso_line", "upper_envelope", "lower_envelope", "spectrum"}


def drawn_walk(size=64, torso=0.4, above=0.3, below=0.15, swing=0.03, steps=4):
    """uint8 [1, size, size]: a bright ridge in a band, heights as shares of the image."""
    height, time = 1 - (np.arange(size)[:, None] + 0.5) / size, (np.arange(size) + 0.5) / size
    phase = np.sin(2 * np.pi * steps * time)
    line, upper = torso + swing * phase, torso + above * (0.75 + 0.25 * phase)
    image = np.where((height < upper) & (height > torso - below), 0.4, 0.0)
    return (255 * np.maximum(image, np.exp(-(((height - line) / 0.02) ** 2)))).astype(np.uint8)[None]


@pytest.fixture(scope="module")
def simulated():
    """(images [8, 1, 64, 64] uint8, their step rates in Hz)."""
    images, rates = [], []
    for k, walker in enumerate([Walker(height=1.6, speed=1.0), Walker(height=1.85, speed=1.4)] * 4):
        own, options = draw_recording(PROFILES["plain77"], walker, [k], (64, 64))
        result = walking_spectrogram(own, PROFILES["plain77"].radar, **options)
        images.append((255 * result.image).round().astype(np.uint8)[None])
        rates.append(own.step_rate_hz)
    return np.stack(images), np.array(rates)


def test_a_drawn_walk_is_read_in_shares_of_the_height():
    found = image_measures(drawn_walk()[None])
    assert found["torso_mean"] == pytest.approx(0.4, abs=0.01)
    assert found["torso_swing"] == pytest.approx(0.03 / np.sqrt(2), abs=0.004)
    assert found["limbs_above"] == pytest.approx(0.3, abs=0.02)
    assert found["limbs_below"] == pytest.approx(0.15, abs=0.02)
    assert found["limb_asymmetry"] == pytest.approx((0.3 - 0.15) / 0.45, abs=0.05)
    assert found["bandwidth"] == pytest.approx(0.75 * 0.3 + 0.15, abs=0.02)


def test_a_shift_by_rows_shifts_the_curves_and_nothing_else():
    image = drawn_walk()[None]
    low, high = image_measures(image), image_measures(np.roll(image, -9, axis=2))
    for name in (*CURVES, "torso_mean"):
        np.testing.assert_allclose(high[name] - low[name], 9 / 64, atol=1e-6)
    for name in set(UNITS) - {*CURVES, "torso_mean", "cadence"}:
        np.testing.assert_allclose(high[name], low[name], atol=1e-6)


def test_axes_give_metres_per_second():
    image = drawn_walk()[None]
    shares, speeds = image_measures(image), image_measures(image, ImageAxes(-1.4, 6.0))
    assert speeds["torso_mean"] == pytest.approx(shares["torso_mean"] * 7.4 - 1.4)
    assert speeds["limbs_above"] == pytest.approx(shares["limbs_above"] * 7.4)
    assert speeds["speckle"] == pytest.approx(shares["speckle"])


def test_size_in_pixels_and_colours_do_not_matter():
    small, large = (image_measures(drawn_walk(size)[None]) for size in (64, 128))
    for name in ("torso_mean", "torso_swing", "bandwidth", "limbs_above"):
        assert large[name] == pytest.approx(small[name], abs=0.02)
    grey = drawn_walk()
    colours = image_measures(np.concatenate([grey, grey, grey])[None])
    assert all(np.array_equal(colours[name], value, equal_nan=True) for name, value in small.items())


def test_simulated_walkers_have_their_cadence(simulated):
    images, rates = simulated
    found = image_measures(images, AXES)
    np.testing.assert_allclose(found["cadence"], rates, rtol=0.03)
    assert np.ptp(rates) > 0.15
    assert all(value.shape == ((8, {"spectrum": 32}.get(name, 64)) if name in SHAPES else (8,))
               for name, value in found.items())


def test_blur_and_noise_show_in_the_texture_and_not_in_the_torso(simulated):
    images, _ = simulated
    noise = np.random.default_rng(0).normal(0, 25, images.shape)
    sharp, blurred, noisy = (image_measures(x, AXES) for x in (
        images, gaussian_filter(images, (0, 0, 1, 1)), np.clip(images + noise, 0, 255).astype(np.uint8)))
    assert (blurred["fine_share"] < 0.3 * sharp["fine_share"]).all()
    assert (noisy["fine_share"] > 1.5 * sharp["fine_share"]).all()
    assert (blurred["speckle"] < 0.8 * sharp["speckle"]).all() and (noisy["speckle"] > sharp["speckle"]).all()
    assert ((sharp["spectrum"] - blurred["spectrum"])[:, 24:] > 6).all()     # dB
    assert ((noisy["spectrum"] - sharp["spectrum"])[:, 24:].mean(axis=1) > 1).all()
    for changed in (blurred, noisy):
        assert np.abs(changed["torso_mean"] - sharp["torso_mean"]).max() < 0.06   # m/s; a row is 0.12


def test_a_wave_lies_in_its_ring_of_the_spectrum():
    rows, columns = np.mgrid[:64, :64] / 64
    wave = 127 + 100 * np.cos(2 * np.pi * (13 * rows + 15 * columns))    # 19.85 cycles
    spectrum = image_measures(wave.astype(np.uint8)[None, None])["spectrum"][0]
    assert spectrum.argmax() == 19 and spectrum[19] > spectrum[:17].max() + 30


def test_statistics_of_known_amplitudes():
    """Two levels at random: skewness 0, excess kurtosis -2, and 8/9 of the variance within 3 x 3 cells."""
    image = drawn_walk(swing=0, steps=0)[0].astype(float)
    image[image == 102] += 25 * np.random.default_rng(0).choice([-1, 1], (image == 102).sum())
    found = image_measures(image.astype(np.uint8)[None, None])
    assert found["skewness"] == pytest.approx(0, abs=0.25) and found["kurtosis"] == pytest.approx(-2, abs=0.35)
    assert found["speckle"] > 25 / 255 * np.sqrt(8 / 9) * 0.95


def test_an_empty_image_gives_no_figure_instead_of_a_wrong_one():
    found = image_measures(np.zeros((1, 1, 64, 64), np.uint8), AXES)
    for name in ("limb_asymmetry", "cadence", "fine_share", "speckle", "skewness"):
        assert np.isnan(found[name]).all()
    assert all(np.isfinite(found[name]).all() for name in (*CURVES, "spectrum"))


def test_what_cannot_be_measured_is_named_and_left_out():
    assert set(not_measured((64, 64), None)) == set(not_measured((64, 64), ImageAxes(0, 6))) == {"cadence"}
    assert set(not_measured((32, 64), ImageAxes(0, 6, 1.0))) == {"cadence", "fine_share"}
    assert not_measured((64, 64), AXES) == {}
    assert set(UNITS) - set(image_measures(drawn_walk(32)[None])) == {"cadence", "fine_share"}
