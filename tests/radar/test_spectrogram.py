import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar import Radar, Walker, spectrogram, walking_spectrogram
from mdgen.radar.spectrogram import area_mean, section

RADAR = Radar(carrier_hz=77e9, prf_hz=8000.0)
TIME = np.arange(16000) / 8000


def tone(velocity):
    return np.exp(4j * np.pi * velocity / RADAR.wavelength_m * TIME)


@pytest.mark.parametrize("velocity", [-1.2, 0.4, 2.3, 5.8])
def test_a_tone_lies_on_the_row_of_its_velocity_with_positive_up(velocity):
    result = spectrogram(tone(velocity), RADAR, size=(96, 40))
    rows = result.image.argmax(axis=0)
    assert result.image.shape == (96, 40) and result.image.dtype == np.float32
    assert np.abs(result.velocity[rows] - velocity).max() < 7.5 / 96
    assert result.velocity[0] > result.velocity[-1]
    np.testing.assert_allclose(result.doppler_hz, 2 * result.velocity * 77e9 / 299792458.0)


@pytest.mark.parametrize("overlap_s", [None, 0.04])
@pytest.mark.parametrize("sample", [60, 3900, 8100, 15900])
def test_a_click_lies_in_the_column_of_its_time(sample, overlap_s):
    click = np.zeros(16000, complex)
    click[sample] = 1
    result = spectrogram(click, RADAR, size=(32, 50), overlap_s=overlap_s, window_s=0.045, clutter_cutoff=0)
    loudest = result.time_s[result.image.sum(axis=0).argmax()]
    assert abs(loudest - sample / 8000) <= 0.04 / 2 + 1e-9


def test_levels_are_decibels_below_the_peak():
    high, low = (6.0 - (row + 0.5) * 7.5 / 64 for row in (16, 43))  # row centres
    signal = tone(high) + 0.1 * tone(low)                          # 20 dB apart
    image = spectrogram(signal, RADAR, dynamic_range_db=40.0, velocity_span=(-1.5, 6.0)).image
    low = image[40:].max(axis=0)[8:-8]
    assert image.max() == 1 and image.min() == 0
    np.testing.assert_allclose(low, 0.5, atol=0.03)
    halved = spectrogram(signal, RADAR, dynamic_range_db=80.0).image
    np.testing.assert_allclose(halved[40:].max(axis=0)[8:-8], 0.75, atol=0.015)


def test_columns_longer_than_the_window_skip_nothing():
    click = np.zeros(16000, complex)
    click[3350] = 1                                                # between the middles of two 0.25 s columns
    assert spectrogram(click, RADAR, size=(32, 8), clutter_cutoff=0, window_s=0.05).image[:, 1].max() == 1


def test_scaling_the_signal_changes_nothing_and_channels_add_power():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 8000)) + 1j * rng.normal(size=(40, 8000))
    one, many = spectrogram(noise[0], RADAR), spectrogram(noise, RADAR)
    np.testing.assert_allclose(spectrogram(1e-6 * noise[0], RADAR).image, one.image, atol=1e-5)
    assert many.image[:40].std() < 0.5 * one.image[:40].std()      # speckle averages out


def test_the_clutter_filter_takes_the_standing_echo_alone():
    moving, still = tone(2.0), 30 * tone(0.0) * (1 + 1e-3 * TIME)
    clean = spectrogram(moving, RADAR).image
    filtered = spectrogram(moving + still, RADAR).image
    raw = spectrogram(moving + still, RADAR, clutter_cutoff=0)
    np.testing.assert_allclose(filtered[:44, 2:-2], clean[:44, 2:-2], atol=0.02)
    assert abs(raw.velocity[raw.image[:, 32].argmax()]) < 0.12     # unfiltered, zero Doppler is the peak


def test_area_mean_keeps_the_integral_and_refines_and_coarsens():
    values, edges = np.array([[1.0], [3.0], [5.0]]), np.array([0.0, 1.0, 2.0, 4.0])
    np.testing.assert_allclose(area_mean(values, edges, np.array([0.0, 2.0, 4.0])), [[2.0], [5.0]])
    np.testing.assert_allclose(area_mean(values, edges, np.array([0.5, 1.5, 2.0])), [[2.0], [3.0]])
    fine = area_mean(values, edges, np.linspace(0, 4, 33))
    assert fine.sum() * 4 / 32 == pytest.approx(1 + 3 + 10)


def test_impossible_requests_are_refused():
    with pytest.raises(RequestError, match="raise prf_hz above 8219 Hz"):
        spectrogram(tone(1.0), RADAR, velocity_span=(-1, 8.0))
    with pytest.raises(RequestError, match="the window of 0.03 s needs 240"):
        spectrogram(tone(1.0)[:100], RADAR)


def test_silence_is_the_floor():
    assert not spectrogram(np.zeros(8000, complex), RADAR).image.any()


def test_a_walk_fills_bands_around_its_torso_line():
    result = walking_spectrogram(Walker(speed=1.3, surge=-1), snr_db=25.0, range_m=10.0, seed=1)
    occupied = (result.image > 0.1).mean(axis=1)
    at = {v: occupied[np.abs(result.velocity - v).argmin()] for v in (5.9, 3.0, 1.3, 0.6, -1.4)}
    assert at[1.3] > 0.95 and at[0.6] > 0.6                        # torso line and legs below it
    assert 0.2 < at[3.0] < 0.9 and at[5.9] < 0.2 and at[-1.4] < 0.3
    assert 0.3 < (result.image == 0).mean() < 0.75                 # floor colour, as in measured images


def test_an_independent_transform_gives_the_same_image():
    """Frame by frame with NumPy's own transform, cells filled bin by bin, and dB by hand."""
    rng = np.random.default_rng(3)
    signal = (tone(2.0) + 0.3 * tone(-0.7) + 0.1 * (rng.normal(size=(2, 16000)).T @ [1, 1j]))[:8192]
    radar, frames, samples = Radar(carrier_hz=77e9, prf_hz=8192.0), 64, 128
    result = spectrogram(signal, radar, size=(128, frames), velocity_span=(-3.0, 5.0), window="hann",
                         window_s=samples / 8192, overlap_s=0.0, clutter_cutoff=0, dynamic_range_db=60.0)
    taper = np.sin(np.pi * np.arange(1, samples + 1) / (samples + 1)) ** 2
    power = np.empty((512, frames))
    for k in range(frames):
        power[:, k] = np.abs(np.fft.fftshift(np.fft.fft(signal[k * 128:k * 128 + samples] * taper, 512))) ** 2
    bins = (np.arange(512) - 256) * 16.0 * radar.wavelength_m / 2        # m/s
    fine = bins[:, None] + (np.arange(40) - 19.5) / 40 * (bins[1] - bins[0])
    level = 10 * np.log10(np.array([np.repeat(power, 40, axis=0)[np.abs(fine.ravel() - v) < 4 / 128].mean(axis=0)
                                    for v in result.velocity]))
    np.testing.assert_allclose(result.image, np.clip(1 + (level - level.max()) / 60, 0, 1), atol=0.01)


def test_a_section_keeps_seconds_and_stretches_the_picture():
    image = spectrogram(tone(2.0) * (TIME > 1), RADAR, size=(32, 80), clutter_cutoff=0)
    half = section(image, 0.5, 1.5, 80)
    assert half.image.shape == (32, 80)
    np.testing.assert_allclose(half.time_s[[0, -1]], [0.5 + 1 / 160, 1.5 - 1 / 160])
    row = half.image[half.image.sum(axis=1).argmax()]
    assert row[:36].max() < 0.2 and row[44:].min() > 0.8                  # the onset at 1 s is in the middle
    with pytest.raises(RequestError, match="lasts from 0.00 to 2.00 s, but 0.50 to 2.50"):
        section(image, 0.5, 2.5, 80)


@pytest.mark.parametrize("wrong, message", [
    (dict(window="no"), "window is 'no'"), (dict(overlap_s=0.03), "overlap_s is 0.03"),
    (dict(dynamic_range_db=0), "dynamic_range_db is 0"), (dict(window_s=0.0), "window_s is 0.0"),
    (dict(size=(0, 8)), "image height is 0"), (dict(clutter_cutoff=float("nan")), "clutter_cutoff is nan"),
    (dict(clutter_cutoff=9.8), "clutter_cutoff is 9.8 m/s; expected 0"),
    (dict(clutter_cutoff=-1), "clutter_cutoff is -1")])
def test_senseless_settings_are_refused(wrong, message):
    with pytest.raises(RequestError, match=message):
        spectrogram(tone(1.0), RADAR, **wrong)


def test_a_signal_that_is_not_finite_is_refused():
    with pytest.raises(RequestError, match="NaN or infinite samples"):
        spectrogram(np.where(TIME == 0.5, np.nan, tone(1.0)), RADAR)
