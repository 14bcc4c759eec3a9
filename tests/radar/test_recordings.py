import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from mdgen.errors import RequestError
from mdgen.radar import Radar, spectrogram
from mdgen.radar import recording_files as files
from mdgen.radar.recordings import PowerMatrix, RawIQ, body_track

RADAR = Radar(carrier_hz=24e9, prf_hz=2000.0)
SPAN, SIZE, LEAST = (-5.0, 5.0), (40, 32), 1000


def raw(**options):
    return RawIQ(carrier_hz=24e9, prf_hz=2000.0, velocity_span=SPAN, size=SIZE, **options)


def matrix(**options):
    return PowerMatrix(**dict(dict(carrier_hz=24e9, frame_rate_hz=50.0, velocity_span=SPAN, scale="power",
                                   rows="doppler", size=(8, 6)), **options))


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


# --- files ---

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
    reading = raw(variables=("re", "im") if "parts" in name else ())
    recording = reading.open(tmp_path / name, LEAST)
    assert recording.samples == 3000
    assert np.array_equal(recording.read(700, 1900), SIGNAL[:, 700:1900])
    image = reading.image(recording, 700, 1900)
    assert np.allclose(image.image, expected(SIGNAL[:, 700:1900]).image, atol=1e-5)


def test_what_is_not_compressed_is_mapped_and_never_copied(tmp_path):
    for name, maps in (("plain.npy", True), ("stored.npz", True), ("parts.npz", True), ("packed.npz", False)):
        WRITERS[name](tmp_path / name)
        arrays = files.open_arrays(tmp_path / name, ("re", "im") if "parts" in name else ())
        assert [isinstance(array, np.memmap) for array in arrays] == [maps] * len(arrays), name


def test_integers_count_as_they_are(tmp_path):
    counts = np.rint(PAIRS * 1000).astype(np.int16)
    recording = raw().open(saved(tmp_path, "a.npy", counts), LEAST)
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
reading = RawIQ(24e9, 2000.0, (-5.0, 5.0), (40, 32))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
recording = reading.open(path, 2000)
empty, full = (reading.image(recording, first, first + 2000).image for first in (0, 150_000_000))
print(peak() - before, recording.samples, empty.max() == empty.min(), full.mean(axis=1).argmax())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    grown, samples, is_empty, row = done.stdout.split()
    assert (tmp_path / "large.npy").stat().st_size > 6e9
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 200e6
    assert int(samples) == 200_000_000 and is_empty == "True"
    assert int(row) == 40 - 1 - int((320 * RADAR.wavelength_m / 2 + 5) / 10 * 40)


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_objects_are_refused_and_no_code_in_a_file_runs(tmp_path):
    trap, array = tmp_path / "trap", np.array([None], dtype=object)
    array[0] = Planted(trap)
    np.save(tmp_path / "o.npy", array, allow_pickle=True)
    np.savez(tmp_path / "o.npz", a=array)
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Planted(trap)))
    scipy.io.savemat(tmp_path / "o.mat", {"s": {"a": np.zeros(4000)}, "c": np.array([1, "x"], dtype=object)})
    for name, part in (("o.npy", "Python objects"), ("o.npz", "Python objects"), ("p.npy", "cannot be read"),
                       ("o.mat", "no array of numbers")):
        line = refusal(files.open_arrays, tmp_path / name)
        assert str(tmp_path / name) in line and part in line
    assert not trap.exists()


def test_unreadable_files_are_named_with_the_remedy(tmp_path, monkeypatch):
    whole = saved(tmp_path, "whole.npy", SIGNAL)
    (tmp_path / "half.npy").write_bytes(whole.read_bytes()[:5000])
    np.savez_compressed(tmp_path / "z.npz", a=SIGNAL)
    (tmp_path / "half.npz").write_bytes((tmp_path / "z.npz").read_bytes()[:5000])
    scipy.io.savemat(tmp_path / "m.mat", {"a": SIGNAL})
    (tmp_path / "half.mat").write_bytes((tmp_path / "m.mat").read_bytes()[:5000])
    for name in ("half.npy", "half.npz", "half.mat", "absent.npy", "absent.mat", "absent.npz"):
        line = refusal(files.open_arrays, tmp_path / name)
        assert f"{tmp_path / name} cannot be read" in line and "Save it again" in line
    for head in (b"", b"MATLAB 7.3 MAT-file".ljust(512)):
        (tmp_path / "new.mat").write_bytes(head + files.HDF5 + bytes(1000))
        assert "v7.3" in (line := refusal(files.open_arrays, tmp_path / "new.mat")) and "-v7" in line
    assert "'.h5'" in refusal(files.open_arrays, tmp_path / "a.h5")
    monkeypatch.setattr(files, "MAX_IN_MEMORY", 50_000)
    for name in ("z.npz", "m.mat"):
        assert "save it as .npy" in refusal(files.open_arrays, tmp_path / name)
    assert files.open_arrays(whole)[0].nbytes > 50_000  # mapped, so no limit


@pytest.mark.parametrize("suffix, save", [(".npz", np.savez), (".mat", lambda path, **a: scipy.io.savemat(path, a))])
def test_the_variable_is_named_or_the_only_one(tmp_path, suffix, save):
    path = tmp_path / f"a{suffix}"
    save(path, i=SIGNAL.real, q=SIGNAL.imag, short=SIGNAL.real[:, :9], z=SIGNAL, fs=2000.0)
    assert np.array_equal(files.open_arrays(path, ("z",))[0], SIGNAL)
    for names, part in (((), "expected one array"), (("signal",), "has no array signal")):
        line = refusal(files.open_arrays, path, names)
        assert part in line and "i (4x3000), q (4x3000), short (4x9), z (4x3000)" in line and "--variable" in line
    for names in (("i", "short"), ("z", "q")):
        assert "real numbers of one shape" in refusal(files.open_arrays, path, names)


# --- axes ---

def test_axes_in_any_order_give_the_image_of_the_power_sum(tmp_path):
    cube = walker_like(2, (2, 3, 3000))
    turned = cube * np.exp(1j * np.arange(6).reshape(2, 3, 1))  # would cancel in a sum of amplitudes
    for order in ((0, 1, 2), (2, 0, 1), (0, 2, 1)):
        path = saved(tmp_path, "a.npy", turned.transpose(order))
        for slow in (None, order.index(2), order.index(2) - 3):
            reading = raw(slow_axis=slow)
            image = reading.image(reading.open(path, LEAST), 0, 3000).image
            assert np.allclose(image, expected(cube).image, atol=1e-4)


def test_slow_time_must_be_obvious_or_named(tmp_path):
    path = saved(tmp_path, "a.npy", np.zeros((1100, 1, 3000), np.complex64))
    line = refusal(raw().open, path, LEAST)
    assert "1100x1x3000" in line and "--slow-axis (0 to 2)" in line
    assert raw(slow_axis=0).open(path, LEAST).samples == 1100
    assert "has 1 samples along axis 1, but a window of 0.5 s at 2000 Hz needs 1000" in refusal(
        raw(slow_axis=1).open, path, LEAST)
    assert "--slow-axis is 3" in refusal(raw(slow_axis=3).open, path, LEAST)
    assert "--fast-axis is -4" in refusal(raw(fast_axis=-4).open, path, LEAST)
    assert "both 2" in refusal(raw(slow_axis=2, fast_axis=-1).open, path, LEAST)
    for column in ((20000, 1), (1, 20000), (20000, 4, 2)):
        path = saved(tmp_path, "b.npy", np.ones(column) if len(column) > 2 else np.ones(column, np.complex64))
        assert raw().open(path, LEAST).samples == 20000
    # the longest axis of raw chirps may be fast time
    path = saved(tmp_path, "c.npy", np.zeros((4, 4096, 200), np.complex64))
    assert "--slow-axis" in refusal(raw(fast_axis=1).open, path, 100)
    assert raw(fast_axis=1, slow_axis=2).open(path, 100).samples == 200


@pytest.mark.parametrize("array, part", [
    (np.ones(3000), "holds real numbers (float64 3000)"),
    (np.ones((3000, 3)), "expected complex I/Q, a last axis of 2"),
    (np.zeros((), np.complex64), "a single number"),
    (np.zeros((1, 1, 1, 1, 3000), np.complex64), "expected 1 to 4 axes"),
    (np.array(["a", "b"]), "expected an array of real or complex numbers"),
    (np.zeros(3000, [("i", "<f4"), ("q", "<f4")]), "expected an array of real or complex numbers"),
    (np.zeros(999, np.complex64), "has 999 samples along axis 0"),
])
def test_what_is_no_complex_recording_is_refused(tmp_path, array, part):
    path = saved(tmp_path, "a.npy", array)
    line = refusal(raw().open, path, LEAST)
    assert str(path) in line and part in line


def test_broken_samples_are_found_where_they_are(tmp_path):
    for number, value in ((1, np.nan), (2, np.inf), (3, complex(0, -np.inf))):
        bad = SIGNAL.copy()
        bad[2, 1700:1800] = value
        reading = raw()
        recording = reading.open(saved(tmp_path, f"{number}.npy", bad), LEAST)
        assert reading.image(recording, 500, 1700).image.max() == 1
        line = refusal(reading.image, recording, 600, 1701)
        assert "the first at sample 1700" in line and f"{number}.npy" in line
    recording = raw().open(saved(tmp_path, "real.npy", SIGNAL.real.astype(np.complex64)), LEAST)
    assert "no imaginary part" in refusal(raw().image, recording, 0, 1000)


def test_a_velocity_span_beyond_the_prf_names_the_prf_that_is_needed(tmp_path):
    reading = RawIQ(carrier_hz=77e9, prf_hz=2000.0, velocity_span=SPAN)
    recording = reading.open(saved(tmp_path, "a.npy", SIGNAL), LEAST)
    line = refusal(reading.image, recording, 0, 1000)
    assert "+-1.95 m/s" in line and "prf_hz above 5137 Hz" in line  # 4 * 5 m/s / wavelength


def test_flip_turns_the_doppler_axis(tmp_path):
    path = saved(tmp_path, "a.npy", SIGNAL)
    plain, turned = raw(), raw(flip=True)
    image = plain.image(plain.open(path, LEAST), 0, 3000).image
    assert image[:20].mean() > image[20:].mean() + 0.1  # the line approaches
    assert np.allclose(turned.image(turned.open(path, LEAST), 0, 3000).image, image[::-1], atol=1e-4)


# --- FMCW ---

def chirps(real=False):
    """[2 receivers, 128 fast, 3000 slow] of a body that comes from bin 50 to 35, still clutter 40 dB above it, and
    a weaker mover at bin 60 that recedes; with the body's signal and its bin at every chirp."""
    time, body = np.arange(3000) / RADAR.prf_hz, walker_like(3)
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
    reading = raw(slow_axis=order.index(2), fast_axis=order.index(1), range_bins=9)
    path = saved(tmp_path, "a.npy", cube.transpose(order))
    recording = reading.open(path, LEAST)
    assert recording.read(0, 5).shape == (2, 128, 5)
    image, wanted = reading.image(recording, 0, 3000).image, expected(body).image
    assert np.abs(image - wanted)[wanted > 0.5].mean() < 0.03  # 1.2 dB within 20 dB of the peak
    everything = expected(np.fft.fft(cube, axis=1)[:, :64]).image
    row = int((5 + 250 * RADAR.wavelength_m / 2) / 10 * 40)  # of the receding mover
    assert everything[row].mean() > everything[-4].mean() + 0.4  # stands out of the noise, and here it is gone
    assert image[row].mean() == pytest.approx(image[-4].mean(), abs=0.03)


def test_the_body_is_tracked_past_stronger_clutter():
    cube, _, bins = chirps()
    profile = np.fft.fft(cube, axis=1)
    power = np.abs(profile - profile.mean(axis=-1, keepdims=True)) ** 2
    error = body_track(power, RADAR.prf_hz) - bins
    assert np.abs(error).max() < 2 and np.sqrt((error**2).mean()) < 1


# --- matrices that are spectrograms already ---

def power_matrix(seed=5, rows=16, columns=24):
    return np.random.default_rng(seed).gamma(1, 1, (rows, columns)) * np.logspace(-3, 0, rows)[:, None]


def block_means(power):
    """dB image [8, 6] of power [16, 24], whose first row is the lowest velocity."""
    cells = power.reshape(8, 2, 6, 4).mean(axis=(1, 3))[::-1]
    return np.clip(1 + np.log10(np.maximum(cells / cells.max(), 1e-9)) / 4, 0, 1)


@pytest.mark.parametrize("scale, code", [("power", lambda p: p), ("amplitude", np.sqrt),
                                         ("db", lambda p: 10 * np.log10(p) - 70)])
@pytest.mark.parametrize("rows", ["doppler", "time"])
@pytest.mark.parametrize("flip", [False, True])
def test_a_matrix_becomes_the_means_of_its_power(tmp_path, scale, code, rows, flip):
    power = power_matrix(columns=40)
    stored = code(power)[::-1] if flip else code(power)
    reading = matrix(scale=scale, rows=rows, flip=flip)
    path = tmp_path / "m.mat"
    scipy.io.savemat(path, {"S": stored if rows == "doppler" else stored.T})
    recording = reading.open(path, 24)
    assert recording.samples == 40
    result = reading.image(recording, 10, 34)
    assert np.allclose(result.image, block_means(power[:, 10:34]), atol=1e-6)
    assert np.allclose(result.time_s, (np.arange(6) + 0.5) * 4 / 50)
    assert np.allclose(result.velocity, 5 - (np.arange(8) + 0.5) * 10 / 8)
    assert np.allclose(result.doppler_hz, 2 * result.velocity * 24e9 / 299792458)


def test_the_logarithm_of_zero_is_an_empty_cell(tmp_path):
    power = power_matrix()
    power[0:2, 0:4] = 0
    with np.errstate(divide="ignore"):
        path = saved(tmp_path, "a.npy", 10 * np.log10(power))
    reading = matrix(scale="db")
    image = reading.image(reading.open(path, 24), 0, 24).image
    assert image[-1, 0] == 0 and np.allclose(image, block_means(power), atol=1e-6)


@pytest.mark.parametrize("scale, values, part", [
    ("power", lambda p: 10 * np.log10(p), "give --scale db"),
    ("amplitude", lambda p: 10 * np.log10(p), "give --scale db"),
    ("db", lambda p: 1e5 * p, "give --scale power or amplitude"),
    ("db", lambda p: p / p.max(), "give --scale power or amplitude"),
    ("power", lambda p: np.where(p == p[3, 4], np.nan, p), "first at sample 4"),
    ("db", lambda p: np.where(p == p[3, 4], np.inf, 10 * np.log10(p)), "first at sample 4"),
    ("db", lambda p: np.where(p == p[3, 4], np.nan, 10 * np.log10(p)), "first at sample 4"),
])
def test_values_that_cannot_be_of_the_scale_are_refused(tmp_path, scale, values, part):
    reading = matrix(scale=scale)
    recording = reading.open(saved(tmp_path, "a.npy", values(power_matrix())), 24)
    line = refusal(reading.image, recording, 0, 24)
    assert part in line and "a.npy" in line


@pytest.mark.parametrize("array, part", [
    (SIGNAL, "is complex (complex64 4x3000)"), (np.ones(3000), "expected a matrix"),
    (np.ones((3, 40, 50)), "expected a matrix"), (np.ones((1, 3000)), "expected a matrix"),
    (np.ones((64, 20)), "has 20 samples along axis 1, but a window of 0.48 s at 50 Hz needs 24"),
])
def test_what_is_no_real_matrix_is_refused(tmp_path, array, part):
    assert part in refusal(matrix().open, saved(tmp_path, "a.npy", array), 24)
