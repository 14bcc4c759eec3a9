import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar import Walker, bandwidth, cadence, envelope, limb_amplitude, torso_line, walking_spectrogram

VELOCITY = np.linspace(5.9, -1.5, 75)
TIME = (np.arange(64) + 0.5) * 2.2 / 64


def drawn(upper, lower, torso, seed=None):
    """An image with a band at 0.4 between two curves [W] and a ridge at 1 along torso [W]."""
    rows = VELOCITY[:, None]
    image = np.where((rows <= upper) & (rows >= lower), 0.4, 0.0)
    image = np.maximum(image, np.exp(-(((rows - torso) / 0.1) ** 2)) * (np.abs(rows - torso) < 0.25))
    if seed is not None:                                           # lone noise cells
        noise = np.random.default_rng(seed).random(image.shape)
        image = np.where(noise > 0.98, np.maximum(image, 0.3), image)
    return image


@pytest.mark.parametrize("seed", [None, 0])
def test_drawn_curves_are_read_back(seed):
    swing = np.sin(2 * np.pi * 1.8 * TIME)
    upper, lower, torso = 3.5 + swing, -0.3 + 0.2 * swing, 1.3 + 0.15 * swing
    image = drawn(upper, lower, torso, seed)
    high, low = envelope(image, VELOCITY)
    assert np.median(np.abs(high - upper)) <= 0.1 and np.median(np.abs(low - lower)) <= 0.1
    assert np.sqrt(np.mean((torso_line(image, VELOCITY) - torso) ** 2)) < 0.06
    assert bandwidth(image, VELOCITY) == pytest.approx((upper - lower).mean(), abs=0.2)
    assert limb_amplitude(image, VELOCITY) == pytest.approx(np.percentile(upper, 90) - 1.3, abs=0.15)


def test_measures_move_with_the_doppler_axis():
    image = drawn(3.5 + 0 * TIME, 0 * TIME, 1.3 + 0 * TIME)
    np.testing.assert_allclose(torso_line(image, VELOCITY + 1), torso_line(image, VELOCITY) + 1)
    np.testing.assert_allclose(envelope(image, VELOCITY + 1)[0], envelope(image, VELOCITY)[0] + 1)
    assert limb_amplitude(image, 2 * VELOCITY) > 1.8 * limb_amplitude(image, VELOCITY)


@pytest.mark.parametrize("rate", [1.37, 1.8, 2.21])
def test_cadence_of_a_drawn_swing(rate):
    swing = np.sin(2 * np.pi * rate * TIME + 1)
    found, explained = cadence(drawn(3.5 + 1.5 * swing, 0 * TIME, 1.3 + 0 * TIME, seed=1), TIME)
    assert found == pytest.approx(rate, rel=0.02)
    assert explained > 0.3


def test_cadence_explains_little_of_noise():
    noise = np.random.default_rng(0).random((64, 64))
    assert cadence(noise, TIME)[1] < 0.15


def test_noisy_simulated_walks_give_back_speed_and_cadence():
    rng = np.random.default_rng(7)
    torso_errors, cadence_errors = [], []
    for seed in range(14):
        walker = Walker(height=rng.uniform(1.55, 1.9), speed=rng.uniform(0.9, 1.5),
                        cadence=rng.uniform(0.92, 1.08), surge=rng.uniform(-1.2, -0.6),
                        asymmetry=rng.uniform(-0.1, 0.1))
        image = walking_spectrogram(walker, range_m=rng.uniform(9, 13), snr_db=20.0, clutter_db=-10.0,
                                    start_phase=rng.random(), seed=seed)
        torso_errors.append(torso_line(image.image, image.velocity).mean() / walker.speed - 1)
        cadence_errors.append(cadence(image.image, image.time_s)[0] / walker.step_rate_hz - 1)
    assert np.abs(cadence_errors).max() < 0.03
    assert np.abs(torso_errors).max() < 0.08 and abs(np.mean(torso_errors)) < 0.03


def test_limb_amplitude_orders_walkers_by_their_leg_swing():
    def amplitude(hip, knee):
        image = walking_spectrogram(Walker(hip=hip, knee=knee), range_m=10.0, snr_db=25.0, seed=2)
        return limb_amplitude(image.image, image.velocity)

    assert amplitude(0.8, 0.8) + 0.2 < amplitude(1.0, 1.0)
    assert amplitude(1.0, 1.0) + 0.2 < amplitude(1.15, 1.15)


def test_empty_images_have_no_envelope_and_bad_axes_are_refused():
    empty = np.zeros((75, 64))
    assert np.isnan(envelope(empty, VELOCITY)).all() and np.isnan(bandwidth(empty, VELOCITY))
    assert np.isnan(limb_amplitude(empty, VELOCITY)) and np.isnan(cadence(empty, TIME)[0])
    with pytest.raises(ValueError, match="must fall"):
        envelope(empty, VELOCITY[::-1])
    with pytest.raises(ValueError, match=r"\(75, 64\)"):
        torso_line(empty, VELOCITY[:-1])
    with pytest.raises(RequestError, match="use a longer window"):
        cadence(empty[:, :16], TIME[:16])
