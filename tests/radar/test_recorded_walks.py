"""One walk of +1.2 m/s, saved as radars and people save it: the torso has that speed, or the file is refused."""

import numpy as np
import pytest
import scipy.io

from mdgen.errors import RequestError
from mdgen.radar import Radar, Walker, radar_echo, simulate_walk, torso_line
from mdgen.radar.recordings import RawIQ

CARRIER, SPEED, SECONDS = 24e9, 1.2, 4
SPAN = dict(velocity_span=(-2.0, 5.0), size=(64, 64))


@pytest.fixture(scope="module")
def walk():
    """walk(prf_hz): the walk's signal [4 s * PRF]."""
    radar = Radar(CARRIER, 12000.0)
    way = simulate_walk(Walker(height=1.75, speed=SPEED), np.arange(SECONDS * 400 + 1) / 400)
    signal = radar_echo(way, radar, range_m=12, snr_db=25, clutter_db=0, seed=1)
    return lambda prf: signal[::round(12000 / prf)]


def saved(folder, array, name="a.npy", **scalars):
    if name.endswith(".mat"):
        scipy.io.savemat(folder / name, dict(x=array, **scalars))
    elif scalars:
        np.savez(folder / "a.npz", x=array, **scalars)
        return folder / "a.npz"
    else:
        np.save(folder / name, array)
    return folder / name


def torso(reading, path, window_s=1.0):
    """Mean torso speed in m/s over all windows; each spans the time that it is to."""
    recording = reading.open(path)
    samples, starts = recording.windows(window_s, 0)
    assert len(starts) == SECONDS // window_s and samples / recording.rate_hz == pytest.approx(window_s)
    reading.check(recording, samples)
    images = [reading.image(recording, start, start + samples) for start in starts]
    assert all(image.time_s[-1] + image.time_s[0] == pytest.approx(window_s) for image in images)
    return np.mean([torso_line(image.image, image.velocity).mean() for image in images])


def refusal(call, *args):
    with pytest.raises(RequestError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def framed(signal, prf, frame_rate, chirps):
    """What a radar keeps that chirps so many times per frame: [frames, chirps]."""
    period = round(prf / frame_rate)
    return signal[:len(signal) // period * period].reshape(-1, period)[:, :chirps]


def raw_chirps(signal, receivers=2, samples=16, at_bin=3.3, real=False):
    """[n, receivers, samples] raw samples in each chirp of a body at a range bin, with 12-bit counts where real."""
    fast = np.exp(2j * np.pi * at_bin * np.arange(samples) / samples)
    cube = signal[:, None, None] * fast * np.exp(1j * np.arange(receivers))[:, None]
    return np.rint(2048 + 800 * cube.real / np.abs(cube).max()).astype(np.uint16) if real else cube


# --- frames of chirps ---

@pytest.mark.parametrize("frame_rate, chirps", [(20, 16), (20, 64), (10, 150), (40, 24)])
def test_frames_with_pauses_show_the_walk_in_real_time(tmp_path, walk, frame_rate, chirps):
    path = saved(tmp_path, framed(walk(2000), 2000, frame_rate, chirps))
    reading = RawIQ(CARRIER, 2000.0, slow_axis=(0, 1), frame_rate_hz=float(frame_rate), **SPAN)
    assert torso(reading, path) == pytest.approx(SPEED, abs=0.12)
    samples, starts = reading.open(path).windows(1.0, 0.5)
    assert samples == frame_rate * chirps and starts[1] == samples // 2  # counted in chirps, from frame to frame


def test_frames_are_never_taken_for_channels_or_for_one_row_of_chirps(tmp_path, walk):
    frames = framed(walk(2000), 2000, 20, 16)
    line = refusal(RawIQ(CARRIER, 2000.0, **SPAN).open, saved(tmp_path, frames))
    assert "80x16" in line and "--slow-axis" in line and "--sum-axis" in line and "--index" in line
    assert "--frame-rate is missing" in refusal(RawIQ(CARRIER, 2000.0, slow_axis=(0, 1)).open, saved(tmp_path, frames))
    fast = RawIQ(CARRIER, 2000.0, slow_axis=(0, 1), frame_rate_hz=130.0)
    assert "take 0.008 s each; give at most 125" in refusal(fast.open, saved(tmp_path, frames))
    flat = RawIQ(CARRIER, 2000.0, **SPAN)  # the pauses have vanished
    recording = flat.open(saved(tmp_path, frames.ravel()))
    line = refusal(flat.image, recording, 0, recording.samples)
    assert "frames of 16 chirps" in line and "--slow-axis 0 1 and --frame-rate" in line


def test_frames_without_pauses_are_one_signal(tmp_path, walk):
    signal = walk(2000)
    plain = RawIQ(CARRIER, 2000.0, **SPAN)
    reading = RawIQ(CARRIER, 2000.0, slow_axis=(1, 0), frame_rate_hz=20.0, **SPAN)
    recording = reading.open(saved(tmp_path, framed(signal, 2000, 20, 100).T))
    assert np.array_equal(recording.read(130, 2270), signal[130:2270])
    wanted = plain.image(plain.open(saved(tmp_path, signal, "b.npy")), 150, 2150)
    assert np.array_equal(reading.image(recording, 150, 2150).image, wanted.image)


def test_a_tone_in_frames_has_its_row_and_begins_at_its_time(tmp_path):
    """Closed form: 320 Hz from frame 10 of 20 on, beside a still echo 40 dB above it."""
    time = np.arange(20)[:, None] / 20 + np.arange(32) / 2000
    frames = np.exp(2j * np.pi * 320 * time) * (np.arange(20) >= 10)[:, None] + 100
    reading = RawIQ(CARRIER, 2000.0, (-5.0, 5.0), (50, 40), slow_axis=(0, 1), frame_rate_hz=20.0)
    image = reading.image(reading.open(saved(tmp_path, frames)), 0, 640)
    assert np.allclose(image.time_s, (np.arange(40) + 0.5) / 40)
    peak = image.velocity[image.image[:, 20:].mean(axis=1).argmax()]
    assert peak == pytest.approx(320 * Radar(CARRIER).wavelength_m / 2, abs=0.2)
    assert image.image[:, :20].max() == 0 and image.image[:, 20:].max(axis=0).min() > 0.99


def test_still_echoes_go_from_frames_and_the_walk_stays(tmp_path, walk):
    frames, options = framed(walk(2000), 2000, 40, 24), dict(slow_axis=(0, 1), frame_rate_hz=40.0, **SPAN)
    still = 300 * np.abs(frames).max()
    images = []
    for added in (0, still):
        reading = RawIQ(CARRIER, 2000.0, **options)
        images.append(reading.image(reading.open(saved(tmp_path, frames + added)), 0, frames.size).image)
    assert np.abs(images[0] - images[1]).max() < 0.02


# --- transmitters in turn ---

@pytest.mark.parametrize("count, prf", [(2, 6000), (3, 12000), (4, 12000)])
def test_transmitters_in_turn_are_found_and_separated(tmp_path, walk, count, prf):
    signal, phases = walk(prf), np.array([0, 2.0, 5.0, 1.0])[:count]
    path = saved(tmp_path, signal * np.exp(1j * phases)[np.arange(len(signal)) % count])
    unaware = RawIQ(CARRIER, float(prf), **SPAN)
    line = refusal(unaware.image, unaware.open(path), 0, prf)
    assert f"PRF / {count}" in line and f"--transmitters {count}" in line
    reading = RawIQ(CARRIER, float(prf), transmitters=count, **SPAN)
    assert torso(reading, path) == pytest.approx(SPEED, abs=0.06)
    assert reading.open(path).radar.prf_hz == prf / count  # --prf is that of all


def test_transmitters_add_up_in_power_as_receivers_do(tmp_path, walk):
    signal = walk(6000)
    reading = RawIQ(CARRIER, 6000.0, transmitters=2, **SPAN)
    pair = RawIQ(CARRIER, 3000.0, sum_axis=(1,), **SPAN)
    turned = reading.image(reading.open(saved(tmp_path, signal)), 600, 6600)
    summed = pair.image(pair.open(saved(tmp_path, signal.reshape(-1, 2), "b.npy")), 300, 3300)
    assert np.allclose(turned.image, summed.image, atol=1e-5)


def test_transmitters_in_frames(tmp_path, walk):
    frames = framed(walk(6000), 6000, 20, 96) * np.where(np.arange(96) % 2, np.exp(2j), 1)
    options = dict(slow_axis=(0, 1), frame_rate_hz=20.0, **SPAN)
    path = saved(tmp_path, frames)
    assert torso(RawIQ(CARRIER, 6000.0, transmitters=2, **options), path) == pytest.approx(SPEED, abs=0.12)
    blind = RawIQ(CARRIER, 6000.0, **options)
    assert "--transmitters 2" in refusal(blind.image, blind.open(path), 0, frames.size)
    assert "frames of 96 chirps" in refusal(RawIQ(CARRIER, 6000.0, transmitters=5, **options).open, path)


# --- rates that files know ---

def test_files_of_different_rates_show_one_speed(tmp_path, walk):
    for prf in (2000, 4000):
        for name, value, options in (("fs", prf, dict(prf_variable="fs")), ("T", 1 / prf, dict(period_variable="T"))):
            for kind in ("a.npz", "a.mat"):
                path = saved(tmp_path, walk(prf)[None], kind, **{name: float(value)})
                assert RawIQ(CARRIER, None, **options, **SPAN).open(path).prf_hz == pytest.approx(prf)
        path = saved(tmp_path, walk(prf), fs=prf)
        assert torso(RawIQ(CARRIER, None, prf_variable="fs", **SPAN), path) == pytest.approx(SPEED, abs=0.06)


@pytest.mark.parametrize("scalars, parts", [
    (dict(fs=4000.0), ["--prf is 2000", "fs = 4000", "--prf-variable fs", "--prf-variable none"]),
    (dict(Fs=4000), ["Fs = 4000"]), (dict(PRF=1000.0), ["PRF = 1000"]), (dict(sample_rate=500), ["sample_rate = 500"]),
    (dict(pri=1e-3), ["pri = 0.001", "1000 Hz", "--period-variable pri"]),
])
def test_a_rate_in_the_file_that_contradicts_prf_is_refused(tmp_path, walk, scalars, parts):
    path = saved(tmp_path, walk(2000), **scalars)
    line = refusal(RawIQ(CARRIER, 2000.0, **SPAN).open, path)
    assert all(part in line for part in parts), line
    assert RawIQ(CARRIER, 2000.0, prf_variable="none", **SPAN).open(path).prf_hz == 2000


@pytest.mark.parametrize("scalars", [dict(fs=2000), dict(fs=2001.0), dict(fs=2.0), dict(fs=10e6), dict(gain=7.0),
                                     dict(fs=44100.0, prf=2000.0)])
def test_a_rate_in_the_file_that_agrees_or_is_another_thing_is_no_reason(tmp_path, walk, scalars):
    assert RawIQ(CARRIER, 2000.0, **SPAN).open(saved(tmp_path, walk(2000), **scalars)).prf_hz == 2000


def test_a_missing_rate_names_what_the_file_has(tmp_path, walk):
    path = saved(tmp_path, walk(2000), fs=2000.0)
    assert "--prf-variable fs" in refusal(RawIQ(CARRIER, None, **SPAN).open, path)
    line = refusal(RawIQ(CARRIER, None, prf_variable="rate", **SPAN).open, path)
    assert "no single number above 0 named rate; it holds fs = 2000" in line


# --- arrays of three makers ---

def test_the_order_of_ti(tmp_path, walk):
    cube = framed(walk(6000) * np.where(np.arange(SECONDS * 6000) % 2, np.exp(2j), 1), 6000, 20, 96)
    array = raw_chirps(cube.ravel()).reshape(80, 96, 2, 16)  # frames, chirps, receivers, samples
    reading = RawIQ(CARRIER, 6000.0, layout="ti", frame_rate_hz=20.0, transmitters=2, range_bins=5, **SPAN)
    assert torso(reading, saved(tmp_path, array.astype(np.complex64))) == pytest.approx(SPEED, abs=0.12)


def test_the_order_of_infineon(tmp_path, walk):
    array = raw_chirps(framed(walk(2000), 2000, 20, 64).ravel(), real=True).reshape(80, 64, 2, 16)
    path = saved(tmp_path, array.transpose(0, 2, 1, 3))  # frames, receivers, chirps, samples
    reading = RawIQ(CARRIER, 2000.0, layout="infineon", frame_rate_hz=20.0, range_bins=5, **SPAN)
    assert torso(reading, path) == pytest.approx(SPEED, abs=0.12)
    one = RawIQ(CARRIER, 2000.0, layout="infineon", index=("1=1",), frame_rate_hz=20.0, range_bins=5, **SPAN)
    assert one.open(path).read(0, 5).shape == (16, 5)
    assert torso(one, path) == pytest.approx(SPEED, abs=0.12)


def test_the_order_of_acconeer_with_its_compound_of_integers(tmp_path, walk):
    frames = framed(walk(2000), 2000, 20, 64)
    profile = np.zeros((80, 64, 12), [("real", "<i2"), ("imag", "<i2")])  # frames, sweeps, distances
    for place, gain in ((5, 2000), (6, 3000), (11, 200)):
        profile["real"][..., place] = np.rint(gain * frames.real / np.abs(frames).max())
        profile["imag"][..., place] = np.rint(gain * frames.imag / np.abs(frames).max())
    reading = RawIQ(CARRIER, 2000.0, layout="acconeer", frame_rate_hz=20.0, range_bins=3, **SPAN)
    assert torso(reading, saved(tmp_path, profile)) == pytest.approx(SPEED, abs=0.12)


def test_frames_of_raw_chirps_cannot_become_one_image_by_a_shorter_window(tmp_path):
    path = saved(tmp_path, np.zeros((60, 3, 64, 64), np.uint16))
    for options in (dict(), dict(slow_axis=2, fast_axis=3), dict(slow_axis=2, fast_axis=3, sum_axis=(1,)),
                    dict(fast_axis=3), dict(slow_axis=(0, 2), fast_axis=3, frame_rate_hz=20.0)):
        line = refusal(RawIQ(60e9, 3000.0, (-3.0, 3.0), **options).open, path)
        assert "60x3x64x64" in line and ("--sum-axis" in line or "--fast-axis" in line and "--layout" in line)
    complex_path = saved(tmp_path, np.zeros((60, 64), np.complex64), "b.npy")
    line = refusal(RawIQ(60e9, 3000.0, layout="acconeer").open, complex_path)
    assert "is for 3 axes: frames, sweeps, distances" in line
    assert "names all axes" in refusal(RawIQ(60e9, 3000.0, layout="ti", fast_axis=3).open, path)


# --- what is no I and Q of one receiver ---

def test_two_receivers_and_times_are_no_pair(tmp_path, walk):
    signal = walk(2000)
    pair = np.stack([signal.real, signal.imag], axis=-1)
    plain = RawIQ(CARRIER, 2000.0, **SPAN)
    assert torso(plain, saved(tmp_path, pair)) == pytest.approx(SPEED, abs=0.06)
    noise = 0.05 * np.abs(signal).std() * np.random.default_rng(0).standard_normal((len(signal), 2))
    receivers = np.stack([signal.real, (signal * np.exp(0.2j)).real], axis=-1) + noise
    for array, part in ((receivers, "correlation of 0.9"), (pair * [1, 0.2], "differ in power by 1"),
                        (np.stack([np.arange(len(signal)) / 2000, signal.real], axis=-1), "the first of the two only"),
                        (np.stack([signal.imag, -np.arange(len(signal))], axis=-1), "second of the two only falls")):
        line = refusal(plain.open, saved(tmp_path, array))
        assert part in line and "--variable" in line
    path = saved(tmp_path, signal.real, t=np.arange(len(signal)) / 2000)
    times = RawIQ(CARRIER, 2000.0, variables=("t", "x"), **SPAN)
    assert "the first of the two only rises" in refusal(times.open, path)


def test_real_chirps_are_told_of_the_fast_axis(tmp_path):
    line = refusal(RawIQ(60e9, 3000.0).open, saved(tmp_path, np.ones((3000, 64), np.int16)))
    assert "--fast-axis" in line and "--layout" in line and "I/Q" in line


def test_a_frame_rate_as_prf_is_told_to_be_one(tmp_path, walk):
    path = saved(tmp_path, walk(2000))
    line = refusal(RawIQ(77e9, 20.0).open, path)
    assert "--prf is 20 Hz" in line and "frame rate" in line and "--frame-rate 20" in line
    assert "--carrier is 77 Hz" in refusal(RawIQ(77.0, 2000.0).open, path)
    slow = RawIQ(77e9, 40.0, (-0.03, 0.03))
    recording = slow.open(path)
    line = refusal(slow.check, recording, 4000)
    assert "--clutter-cutoff 0" in line and "Leave it out" not in line
    short = RawIQ(77e9, 100.0, (-0.03, 0.03), clutter_cutoff=0.0)
    line = refusal(short.check, short.open(path), 4000)
    assert "--stft-window is 0.03 s" in line and "window_s" not in line
