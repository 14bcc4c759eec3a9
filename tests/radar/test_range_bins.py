import numpy as np
import pytest

from mdgen.radar import Radar, spectrogram
from mdgen.radar.range_bins import body_track
from mdgen.radar.recordings import RawIQ

RADAR, SPAN, SIZE = Radar(carrier_hz=24e9, prf_hz=2000.0), (-5.0, 5.0), (40, 32)


def expected(signal):
    return spectrogram(signal.reshape(-1, signal.shape[-1]), RADAR, size=SIZE, velocity_span=SPAN)


def chirps(real=False):
    """[2 receivers, 128 fast, 3000 slow] of a body that comes from bin 50 to 35, still clutter 40 dB above it, and
    a weaker mover at bin 60 that recedes; with the body's signal and its bin at every chirp."""
    time = np.arange(3000) / RADAR.prf_hz
    body = np.exp(2j * np.pi * (200 * time - 30 * np.cos(2 * np.pi * 1.5 * time)))
    bins = np.linspace(50, 35, 3000)
    fast = np.arange(128)[:, None] / 128
    cube = (body * np.exp(2j * np.pi * bins * fast) + 100 * np.exp(2j * np.pi * 12 * fast)
            + 0.5 * np.exp(2j * np.pi * (60 * fast - 250 * time)))
    noise = np.random.default_rng(4).standard_normal((2, 2, 128, 3000))
    cube = np.stack([cube, 1j * cube]) + 0.5 * (noise[0] + 1j * noise[1])
    return (cube.real.astype(np.float32) if real else cube.astype(np.complex64)), body, bins


@pytest.mark.parametrize("real", [False, True])
def test_raw_chirps_become_the_spectrogram_of_the_body_alone(tmp_path, real):
    cube, body, _ = chirps(real)
    order = (1, 0, 2) if real else (2, 0, 1)  # of the axes on disk
    reading = RawIQ(24e9, 2000.0, SPAN, SIZE, slow_axis=order.index(2), fast_axis=order.index(1), range_bins=9,
                    sum_axis=(order.index(0),))
    np.save(tmp_path / "a.npy", cube.transpose(order))
    recording = reading.open(tmp_path / "a.npy")
    assert recording.read(0, 5).shape == (2, 128, 5)
    image, wanted = reading.image(recording, 0, 3000).image, expected(body).image
    assert np.abs(image - wanted)[wanted > 0.5].mean() < 0.03  # 1.2 dB within 20 dB of the peak
    everything = expected(np.fft.fft(cube, axis=1)[:, :64]).image
    row = int((5 + 250 * RADAR.wavelength_m / 2) / 10 * 40)  # of the receding mover
    assert everything[row].mean() > everything[-4].mean() + 0.2  # stands out of the noise, and here it is gone
    assert image[row].mean() == pytest.approx(image[-4].mean(), abs=0.03)


def test_the_body_is_tracked_past_stronger_clutter():
    cube, _, bins = chirps()
    profile = np.fft.fft(cube, axis=1)
    power = np.abs(profile - profile.mean(axis=-1, keepdims=True)) ** 2
    error = body_track(power, RADAR.prf_hz) - bins
    assert np.abs(error).max() < 2 and np.sqrt((error**2).mean()) < 1
