import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar import (
    Radar,
    Walker,
    asymmetry,
    bandwidth,
    cadence,
    envelope,
    limb_amplitude,
    torso_line,
    walking_spectrogram,
)
from mdgen.radar.measures import best_trial, noise_level, noise_threshold, periodic_torso, rhythm

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


def test_rhythm_explains_a_sine_fully_and_a_parabola_gives_its_vertex():
    trials, shares = rhythm(np.outer([1.0, 2.0], np.sin(2 * np.pi * 2 * TIME)), TIME, 1.25, 2.5)
    assert shares.max() == pytest.approx(1) and trials[shares.argmax()] == pytest.approx(2, abs=0.005)
    rate, share = best_trial(np.arange(251.0), 1 - (np.arange(251) - 100.3) ** 2 / 1e5)
    assert rate == pytest.approx(100.3) and share == pytest.approx(1, abs=1e-5)


def noise_image(level_db, rows, seed=0):
    """dB image, range 40 dB, of exponentially distributed noise power of mean level_db below the peak."""
    power = 10 ** (level_db / 10) * np.random.default_rng(seed).exponential(size=(len(rows), 400))
    return np.clip(1 + 10 * np.log10(power) / 40, 0, 1)


@pytest.mark.parametrize("level_db", [-20.0, -30.0])
def test_noise_level_and_threshold_of_exponential_noise(level_db):
    median = 1 + (level_db + 10 * np.log10(np.log(2))) / 40
    upper = 1 + (level_db + 10 * np.log10(np.log(4))) / 40
    noise = noise_image(level_db, VELOCITY)
    noise[30:60] = np.maximum(noise[30:60], 0.9)                   # an echo in the middle rows does not count
    assert noise_level(noise, VELOCITY) == pytest.approx(median, abs=0.01)
    assert noise_threshold(noise, VELOCITY) == pytest.approx(median + 3 * (upper - median), abs=0.03)


def test_without_noise_the_threshold_is_that_of_a_clean_image():
    image = drawn(3.5 + 0 * TIME, 0 * TIME, 1.3 + 0 * TIME)
    assert noise_level(image, VELOCITY) == 0 and noise_threshold(image, VELOCITY) == 0.12


@pytest.mark.parametrize("level_db", [-25.0, -32.0])
def test_the_envelope_stays_on_a_band_in_noise(level_db):
    noise = noise_image(level_db, VELOCITY)[:, :64]
    swing = np.sin(2 * np.pi * 1.8 * TIME)
    band = drawn(3.5 + swing, 0 * TIME, 1.3 + 0 * TIME) * 2
    upper, lower = envelope(np.maximum(np.clip(band, 0, 1), noise), VELOCITY)
    assert np.mean(np.abs(upper - 3.5 - swing) <= 0.2) > 0.95 and np.mean(np.abs(lower) <= 0.2) > 0.95
    fixed = envelope(np.maximum(np.clip(band, 0, 1), noise), VELOCITY, threshold=0.12)[0]
    assert np.mean(np.abs(fixed - 3.5 - swing) <= 0.2) < 0.5       # which a fixed threshold does not


@pytest.mark.parametrize("start", [1.3, 1.65])
def test_periodic_torso_bridges_gaps_and_leaves_a_wrong_start(start):
    torso = 1.3 + 0.02 * (TIME - TIME.mean()) + 0.3 * np.sin(2 * np.pi * 1.8 * TIME + 0.5)
    image = np.exp(-(((VELOCITY[:, None] - torso) / 0.15) ** 2))
    image[:, 10:16] = image[:, 40:46] = 0
    image[(VELOCITY > 2.5) & (VELOCITY < 4), 10:16] = 0.9          # a limb is brighter where the torso fades
    found = periodic_torso(image, VELOCITY, TIME, np.full(64, start), 1.8)
    np.testing.assert_allclose(found, torso, atol=0.03)


def test_periodic_torso_of_a_strong_swing_does_not_stay_at_its_bright_turning_points():
    torso = 1.9 + 0.45 * np.sin(2 * np.pi * 1.8 * TIME)
    rows = VELOCITY[:, None]
    image = np.where((rows < 2.8) & (rows > 0.3), 0.6, 0) * np.ones(64)
    image = np.maximum(image, 0.75 * np.exp(-(((rows - torso) / 0.2) ** 2)))
    image[(np.abs(VELOCITY - 2.3) < 0.15)[:, None] & (torso > 2.2)] = 1
    found = periodic_torso(image, VELOCITY, TIME, np.full(64, 2.3), 1.8)
    np.testing.assert_allclose(found, torso, atol=0.08)


@pytest.mark.parametrize("uneven", [0.0, 0.1, -0.2])
def test_asymmetry_of_drawn_steps(uneven):
    rate, time = 2.0, (np.arange(150) + 0.5) / 50                  # six steps, the first in the middle of column 12
    step = np.round(rate * time - 0.5)
    height = (2.2 + 0.1 * step) * (1 - 0.4 * np.abs(rate * time - 0.5 - step)) * (1 + uneven * (-1) ** step)
    image = drawn(1.3 + height, 0 * time, 1.3 + 0 * time)
    found = asymmetry(image, VELOCITY, time, rate)
    assert abs(found) == pytest.approx(abs(uneven), abs=0.015)
    assert abs(asymmetry(image[:, 25:], VELOCITY, time[25:], rate)) == pytest.approx(abs(uneven), abs=0.02)
    assert np.isnan(asymmetry(image[:, :50], VELOCITY, time[:50], rate))


def test_limb_amplitude_of_a_receding_walker_is_that_of_its_mirror_image():
    image = drawn(3.5 + 0 * TIME, 0 * TIME, 1.3 + 0 * TIME)
    assert limb_amplitude(image[::-1], -VELOCITY[::-1]) == pytest.approx(limb_amplitude(image, VELOCITY))
    assert limb_amplitude(image, VELOCITY) > 1.8


def mean_asymmetry(**walking):
    found = []
    for seed in range(16):
        walker = Walker(speed=0.9 + 0.04 * seed, foot_lock=seed % 2, **walking)
        image = walking_spectrogram(walker, Radar(prf_hz=12000.0), duration_s=3.0, start_phase=seed / 16, range_m=9.0,
                                    snr_db=20.0, seed=seed, image=dict(velocity_span=(-3.0, 10.0)))
        found.append(abs(asymmetry(image.image, image.velocity, image.time_s, walker.step_rate_hz)))
    return np.mean(found)


def test_asymmetry_rises_with_the_walkers_and_with_a_limp():
    even = mean_asymmetry()
    assert even < 0.03
    assert even + 0.01 < mean_asymmetry(asymmetry=0.1) < mean_asymmetry(asymmetry=0.25) - 0.01
    assert even + 0.01 < mean_asymmetry(limp=0.15) < mean_asymmetry(limp=0.3) - 0.02


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
