import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from mdgen.errors import RequestError
from mdgen.radar import Radar, spectrogram
from mdgen.radar.recordings import RawIQ

RADAR = Radar(carrier_hz=24e9, prf_hz=2000.0)
SPAN, SIZE, LEAST = (-5.0, 5.0), (40, 32), 1000


def raw(**options):
    return RawIQ(carrier_hz=24e9, prf_hz=2000.0, velocity_span=SPAN, size=SIZE, **options)


def walker_like(seed=0, shape=(3000,)):
    """Complex64 noise and a line of swinging Doppler."""
    rng = np.random.default_rng(seed)
    time = np.arange(shape[-1]) / RADAR.prf_hz
    line = np.exp(2j * np.pi * (200 * time - 30 * np.cos(2 * np.pi * 1.5 * time)))
    noise = rng.standard_normal((*shape, 2)) @ [1, 1j]
    return (line + 0.05 * noise).astype(np.complex64)


def expected(signal):
    return spectrogram(signal.reshape(-1, signal.shape[-1]), RADAR, size=SIZE, velocity_span=SPAN)


def refusal(call, *args):
    with pytest.raises(RequestError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(folder, name, array):
    np.save(folder / name, array)
    return folder / name


# --- samples ---

SIGNAL = walker_like(1, (4, 3000))
PAIRS = np.stack([SIGNAL.real, SIGNAL.imag], axis=-1)
WRITERS = {
    "plain.npy": lambda path: np.save(path, SIGNAL),
    "fortran.npy": lambda path: np.save(path, np.asfortranarray(SIGNAL)),
    "big_endian.npy": lambda path: np.save(path, SIGNAL.astype(">c8")),
    "double.npy": lambda path: np.save(path, SIGNAL.astype(np.complex128)),
    "pairs.npy": lambda path: np.save(path, PAIRS),
    "stored.npz": lambda path: np.savez(path, fs=2000.0, iq=SIGNAL),
    "packed.npz": lambda path: np.savez_compressed(path, fs=2000.0, iq=SIGNAL),
    "parts.npz": lambda path: np.savez(path, re=SIGNAL.real, im=SIGNAL.imag),
    "complex.mat": lambda path: scipy.io.savemat(path, {"iq": SIGNAL, "fs": 2000.0, "who": "ann"}),
    "packed.mat": lambda path: scipy.io.savemat(path, {"iq": SIGNAL}, do_compression=True),
    "parts.mat": lambda path: scipy.io.savemat(path, {"re": SIGNAL.real, "im": SIGNAL.imag}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_samples_that_were_saved(tmp_path, name):
    WRITERS[name](tmp_path / name)
    reading = raw(sum_axis=(0,), variables=("re", "im") if "parts" in name else ())
    recording = reading.open(tmp_path / name)
    assert recording.samples == 3000
    assert np.array_equal(recording.read(700, 1900), SIGNAL[:, 700:1900])
    image = reading.image(recording, 700, 1900)
    assert np.allclose(image.image, expected(SIGNAL[:, 700:1900]).image, atol=1e-5)


def test_integers_count_as_they_are(tmp_path):
    counts = np.rint(PAIRS * 1000).astype(np.int16)
    recording = raw(sum_axis=(0,)).open(saved(tmp_path, "a.npy", counts))
    assert np.array_equal(recording.read(0, 3000), counts[..., 0] + 1j * counts[..., 1])


def test_a_window_of_a_recording_beyond_the_memory_takes_little(tmp_path):
    """6 GB on a sparse file, with one second of a tone in it; in a process of its own, whose peak is its own."""
    pytest.importorskip("resource")
    script = f"""
import resource, numpy as np
from mdgen.radar.recordings import RawIQ
path, count = {str(tmp_path / 'large.npy')!r}, 200_000_000
file = np.lib.format.open_memmap(path, mode="w+", dtype=np.complex64, shape=(4, count))
tone = np.exp(2j * np.pi * 320 / 2000 * np.arange(2000))
file[:, 150_000_000:150_002_000] = tone
del file
reading = RawIQ(24e9, 2000.0, (-5.0, 5.0), (40, 32), sum_axis=(0,))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
recording = reading.open(path)
empty, full = (reading.image(recording, first, first + 2000).image for first in (0, 150_000_000))
print(peak() - before, recording.samples, empty.max() == empty.min(), full.mean(axis=1).argmax())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    grown, samples, is_empty, row = done.stdout.split()
    assert (tmp_path / "large.npy").stat().st_size > 6e9
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 200e6
    assert int(samples) == 200_000_000 and is_empty == "True"
    assert int(row) == 40 - 1 - int((320 * RADAR.wavelength_m / 2 + 5) / 10 * 40)


# --- axes ---

def test_axes_in_any_order_give_the_image_of_the_power_sum(tmp_path):
    cube = walker_like(2, (2, 3, 3000))
    turned = cube * np.exp(1j * np.arange(6).reshape(2, 3, 1))  # would cancel in a sum of amplitudes
    for order in ((0, 1, 2), (2, 0, 1), (0, 2, 1)):
        path = saved(tmp_path, "a.npy", turned.transpose(order))
        for slow in (None, order.index(2), order.index(2) - 3):
            reading = raw(slow_axis=slow, sum_axis=(order.index(0), order.index(1) - 3))
            image = reading.image(reading.open(path), 0, 3000).image
            assert np.allclose(image, expected(cube).image, atol=1e-4)


def test_slow_time_must_be_obvious_or_named(tmp_path):
    path = saved(tmp_path, "a.npy", np.zeros((1100, 1, 3000), np.complex64))
    line = refusal(raw().open, path)
    assert "1100x1x3000" in line and "--slow-axis (0 to 2)" in line
    assert raw(slow_axis=0, sum_axis=(2,)).open(path).samples == 1100
    short = raw(slow_axis=1, sum_axis=(0, 2)).open(path)
    assert "has 1 samples along axis 1, but a window of 0.5 s at 2000 Hz needs 1000" in refusal(short.windows, 0.5, 0)
    assert "--slow-axis is 3" in refusal(raw(slow_axis=3).open, path)
    assert "--fast-axis is -4" in refusal(raw(fast_axis=-4).open, path)
    assert "both 2" in refusal(raw(slow_axis=2, fast_axis=-1).open, path)
    for column in ((20000,), (20000, 1), (1, 20000), (20000, 1, 2)):
        path = saved(tmp_path, "b.npy", np.ones(column, np.float32 if column[-1] == 2 else np.complex64))
        assert raw().open(path).samples == 20000


@pytest.mark.parametrize("array, part", [
    (np.ones(3000), "holds real numbers (float64 3000)"),
    (np.ones((3000, 3)), "expected complex I/Q, a last axis of 2"),
    (np.zeros((), np.complex64), "a single number"),
    (np.zeros((1, 1, 2, 1, 3000), np.complex64), "axis 2 (length 2) and 4 (length 3000)"),
    (np.array(["a", "b"]), "expected an array of real or complex numbers"),
    (np.zeros(3000, [("t", "<f4"), ("x", "<f4")]), "expected an array of real or complex numbers"),
])
def test_what_is_no_complex_recording_is_refused(tmp_path, array, part):
    path = saved(tmp_path, "a.npy", array)
    line = refusal(raw().open, path)
    assert str(path) in line and part in line


def test_broken_samples_are_found_where_they_are(tmp_path):
    for number, value in ((1, np.nan), (2, np.inf), (3, complex(0, -np.inf))):
        bad = SIGNAL.copy()
        bad[2, 1700:1800] = value
        reading = raw(sum_axis=(0,))
        recording = reading.open(saved(tmp_path, f"{number}.npy", bad))
        assert reading.image(recording, 500, 1700).image.max() == 1
        line = refusal(reading.image, recording, 600, 1701)
        assert "the first at sample 1700" in line and f"{number}.npy" in line
    recording = raw(sum_axis=(0,)).open(saved(tmp_path, "real.npy", SIGNAL.real.astype(np.complex64)))
    assert "no imaginary part" in refusal(raw().image, recording, 0, 1000)


@pytest.mark.parametrize("options, samples, part", [
    (dict(prf_hz=2000.0), 1000, "+-1.95 m/s; give a span within that, or record with a PRF of 5137 Hz"),
    (dict(prf_hz=6000.0, velocity_span=(-6.0, 1.0)), 1000, "a PRF of 6165 Hz"),
    (dict(prf_hz=6000.0, velocity_span=(1.0, 1.0)), 1000, "--velocity-span is 1 1"),
    (dict(prf_hz=6000.0, velocity_span=(np.nan, 1.0)), 1000, "--velocity-span is nan 1"),
    (dict(prf_hz=6000.0), 179, "at least 180 are needed"),
    (dict(prf_hz=6000.0, size=(32, 256)), 255, "at least 256 are needed"),
    (dict(prf_hz=6000.0, clutter_cutoff=-0.1), 1000, "--clutter-cutoff is -0.1"),
    (dict(prf_hz=6000.0, clutter_cutoff=5.9), 1000, "below 5.84 m/s"),
])
def test_settings_that_no_recording_can_have_are_refused(tmp_path, options, samples, part):
    reading = RawIQ(**dict(dict(carrier_hz=77e9, velocity_span=SPAN, sum_axis=(0,)), **options))
    assert part in refusal(reading.check, reading.open(saved(tmp_path, "a.npy", SIGNAL)), samples)


def test_settings_at_the_limit_are_taken(tmp_path):
    limit = RADAR.unambiguous_speed
    reading = RawIQ(24e9, 2000.0, (-limit, limit), (64, 64), clutter_cutoff=0.99 * limit, sum_axis=(0,))
    recording = reading.open(saved(tmp_path, "a.npy", SIGNAL))
    reading.check(recording, 64)
    assert reading.image(recording, 7, 71).image.max() == 1


def test_flip_turns_the_doppler_axis(tmp_path):
    path = saved(tmp_path, "a.npy", SIGNAL)
    plain, turned = raw(sum_axis=(0,)), raw(sum_axis=(0,), flip=True)
    image = plain.image(plain.open(path), 0, 3000).image
    assert image[:20].mean() > image[20:].mean() + 0.1  # the line approaches
    assert np.allclose(turned.image(turned.open(path), 0, 3000).image, image[::-1], atol=1e-4)


@pytest.mark.parametrize("shape, makers", [((24, 32, 3, 32), "ti or infineon"), ((24, 32, 16), "acconeer")])
def test_orders_of_makers_are_named_where_axes_have_no_name(tmp_path, shape, makers):
    assert f"--layout {makers} names all" in refusal(raw().open, saved(tmp_path, "a.npy", np.ones(shape, "c8")))
