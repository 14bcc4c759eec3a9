import numpy as np
import pytest
import scipy.io

from mdgen.errors import Note, RequestError
from mdgen.radar.power_matrix import PowerMatrix

SPAN = (-5.0, 5.0)


def matrix(**options):
    return PowerMatrix(**dict(dict(carrier_hz=24e9, frame_rate_hz=50.0, velocity_span=SPAN, scale="power",
                                   rows="doppler", size=(8, 6)), **options))


def refusal(call, *args):
    with pytest.raises(RequestError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(folder, name, array):
    np.save(folder / name, array)
    return folder / name


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
    recording = reading.open(path)
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
    image = reading.image(reading.open(path), 0, 24).image
    assert image[-1, 0] == 0 and np.allclose(image, block_means(power), atol=1e-6)


@pytest.mark.parametrize("scale, values, part", [
    ("power", lambda p: 10 * np.log10(p), "give --scale db"),
    ("amplitude", lambda p: 10 * np.log10(p), "give --scale db"),
    ("db", lambda p: 1e5 * p, "give --scale power or amplitude"),
    ("db", lambda p: p / p.max(), "give --scale level; if these are linear, give --scale power or amplitude"),
    ("power", lambda p: np.where(p == p[3, 4], np.nan, p), "first at sample 4"),
    ("db", lambda p: np.where(p == p[3, 4], np.inf, 10 * np.log10(p)), "first at sample 4"),
    ("db", lambda p: np.where(p == p[3, 4], np.nan, 10 * np.log10(p)), "first at sample 4"),
])
def test_values_that_cannot_be_of_the_scale_are_refused(tmp_path, scale, values, part):
    reading = matrix(scale=scale)
    recording = reading.open(saved(tmp_path, "a.npy", values(power_matrix())))
    line = refusal(reading.image, recording, 0, 24)
    assert part in line and "a.npy" in line


@pytest.mark.parametrize("array, part", [
    (np.ones((4, 3000), np.complex64), "is complex (complex64 4x3000)"), (np.ones(3000), "expected a matrix"),
    (np.ones((3, 40, 50)), "expected a matrix"), (np.ones((1, 3000)), "expected a matrix"),
    (np.ones((3, 40, 50)), "name the axis along which they lie with --stack-axis"),
])
def test_what_is_no_real_matrix_is_refused(tmp_path, array, part):
    assert part in refusal(matrix().open, saved(tmp_path, "a.npy", array))


# --- images already ---

LEVELS = np.random.default_rng(1).integers(0, 256, (8, 18), dtype=np.uint8)


@pytest.mark.parametrize("stored", [LEVELS, LEVELS / 255, (LEVELS / 255).astype(np.float32)])
@pytest.mark.parametrize("rows, flip", [("doppler", False), ("doppler", True), ("time", False)])
def test_levels_pass_as_they_are(tmp_path, stored, rows, flip):
    """One pixel a cell: the image is the matrix, whatever its peak is; the first row is the lowest velocity."""
    reading = matrix(scale="level", rows=rows, flip=flip)
    recording = reading.open(saved(tmp_path, "a.npy", stored if rows == "doppler" else stored.T))
    for first in (0, 12):
        wanted = LEVELS[:, first:first + 6] / 255
        image = reading.image(recording, first, first + 6).image
        assert np.allclose(image, wanted if flip else wanted[::-1], atol=1e-6)


def test_cells_of_several_levels_have_their_mean(tmp_path):
    reading = matrix(scale="level", size=(4, 2))
    image = reading.image(reading.open(saved(tmp_path, "a.npy", LEVELS)), 0, 18).image
    assert np.allclose(image, LEVELS.reshape(4, 2, 2, 9).mean(axis=(1, 3))[::-1] / 255, atol=1e-6)


@pytest.mark.parametrize("scale, values, part", [
    ("db", LEVELS, "levels from 0 to 255 of an image, but --scale is db; give --scale level"),
    ("amplitude", LEVELS, "give --scale level"), ("power", LEVELS, "give --scale level"),
    ("db", LEVELS.astype(np.float32), "no decibels; save them as uint8 and give --scale level"),
    ("db", LEVELS / 255, "If these are levels of an image, give --scale level"),
    ("level", LEVELS.astype(np.uint16), "whose full scale is not known"),
    ("level", LEVELS.astype(np.float64), "uint8, or 0 to 1. Save them as uint8"),
    ("level", LEVELS / 50, "expected levels of uint8, or 0 to 1. Divide by the largest level"),
    ("level", LEVELS / 255 - 1, "has negative values"),
])
def test_images_under_another_scale_are_told_of_the_right_one(tmp_path, scale, values, part):
    reading, path = matrix(scale=scale), saved(tmp_path, "a.npy", values)
    assert part in refusal(lambda: reading.image(reading.open(path), 0, 18))


def test_levels_as_amplitude_are_told_and_linear_power_is_not(tmp_path, recwarn):
    for scale in ("amplitude", "power"):
        with pytest.warns(Note, match="if they are levels of an image already, give --scale level"):
            matrix(scale=scale).image(matrix(scale=scale).open(saved(tmp_path, "a.npy", LEVELS / 255)), 0, 18)
    recwarn.clear()
    power = power_matrix()
    matrix().image(matrix().open(saved(tmp_path, "b.npy", power / power.max())), 0, 24)
    assert not recwarn


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_matrices_of_a_stack_are_windows_of_their_own(tmp_path, axis):
    stack = np.stack([power_matrix(seed, columns=20) for seed in range(3)])
    reading = matrix(stack_axis=axis)
    recording = reading.open(saved(tmp_path, "a.npy", np.moveaxis(stack, 0, axis)))
    assert recording.samples == 60
    samples, starts = recording.windows(12 / 50, 6 / 50)
    assert (samples, starts) == (12, [0, 6, 20, 26, 40, 46])  # none reaches into the next matrix
    cells = matrix(size=(8, 6))
    for start in starts:
        alone = cells.open(saved(tmp_path, "b.npy", stack[start // 20]))
        wanted = cells.image(alone, start % 20, start % 20 + 12)
        assert np.allclose(reading.image(recording, start, start + 12).image, wanted.image)
    assert "has 20 samples along axis" in refusal(recording.windows, 21 / 50, 0)


def test_weak_linear_power_is_no_decibels(tmp_path):
    """Speckle of mean 1 reaches 6 to 9: as decibels it would be a bright picture without a walk."""
    power = np.random.default_rng(0).exponential(size=(32, 200)).clip(max=6)
    np.save(tmp_path / "a.npy", power)
    reading = PowerMatrix(carrier_hz=77e9, frame_rate_hz=40, velocity_span=(-5, 5), scale="db", rows="doppler")
    with pytest.raises(RequestError, match="--scale power or amplitude"):
        reading.image(reading.open(tmp_path / "a.npy"), 0, 200)
    np.save(tmp_path / "b.npy", 10 * np.log10(power))
    assert reading.image(reading.open(tmp_path / "b.npy"), 0, 200).image.mean() < 1
