"""DCA1000 captures, written here number by number in the order of SWRA581B, sections 5 and 6."""

import struct

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar.capture_card import LAYOUTS, open_dca1000

FRAMES, CHIRPS, RECEIVERS, SAMPLES = 3, 4, 4, 6
ASKED = dict(adc_samples=SAMPLES, receivers=RECEIVERS, chirps=CHIRPS)


def cube(real=False, receivers=RECEIVERS):
    """Values that name their own place: int16 real and imaginary parts, all different."""
    shape = (FRAMES, CHIRPS, receivers, SAMPLES)
    values = np.arange(np.prod(shape)).reshape(shape) - 500
    return values if real else values + 1j * (values + 10_000)


def four_lanes(cube, real):
    """One sample after the other: its receivers' real parts, then their imaginary parts; 0 for those that are off."""
    for chirp in cube.reshape(-1, *cube.shape[2:]):
        for sample in range(SAMPLES):
            lanes = [*chirp[:, sample], *[0] * (4 - len(chirp))]
            yield from (int(value.real) for value in lanes)
            yield from (int(value.imag) for value in lanes if not real)


def two_lanes(cube, real):
    """One receiver after the other; complex samples in pairs, I I Q Q."""
    for line in cube.reshape(-1, SAMPLES):
        for first in range(0, SAMPLES, 2):
            pair = line[first:first + 2]
            yield from (int(value.real) for value in pair)
            yield from (int(value.imag) for value in pair if not real)


def write(path, numbers):
    numbers = list(numbers)
    path.write_bytes(struct.pack(f"<{len(numbers)}h", *numbers))
    return path


def refusal(path, **asked):
    with pytest.raises(RequestError) as caught:
        open_dca1000(path, **{"layout": "xwr16xx", **ASKED, **asked})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("real", [False, True], ids=["complex", "real"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_number_comes_from_its_place(tmp_path, layout, real):
    wanted, order = cube(real), four_lanes if layout == "xwr14xx" else two_lanes
    found = open_dca1000(write(tmp_path / "a.bin", order(wanted, real)), layout=layout, real_adc=real, **ASKED)
    assert found.shape == wanted.shape and found.ndim == 4
    assert found.dtype == (np.int16 if real else np.complex64)
    for part in (np.s_[:, :, :, :], np.s_[1:2, 1:4, :, :], np.s_[:, 3:4, 2:3, 3:], np.s_[::2, ::-1, 1::2, ::3]):
        taken = found[part]
        assert np.array_equal(taken, wanted[part]) and taken.dtype == found.dtype
        assert not isinstance(taken, np.memmap)   # a copy, so that the file is let go


@pytest.mark.parametrize("real", [False, True], ids=["complex", "real"])
def test_receivers_that_are_off_are_zeros_on_four_lanes(tmp_path, real):
    path = write(tmp_path / "a.bin", four_lanes(cube(real, receivers=2), real))
    found = open_dca1000(path, layout="xwr14xx", real_adc=real, **{**ASKED, "receivers": 2})
    assert np.array_equal(found[:, :, :, :], cube(real, receivers=2))
    line = refusal(path, layout="xwr14xx", real_adc=real, receivers=3)
    assert "has 2 of 4 lanes" in line and "--receivers is 3" in line and "--layout" in line


def test_on_two_lanes_there_is_nothing_of_receivers_that_are_off(tmp_path):
    path = write(tmp_path / "a.bin", two_lanes(cube(receivers=3), False))
    found = open_dca1000(path, layout="xwr18xx", **{**ASKED, "receivers": 3})
    assert np.array_equal(found[:, :, :, :], cube(receivers=3))


def test_a_length_that_is_no_whole_number_of_frames_is_refused_with_the_numbers(tmp_path):
    frame = CHIRPS * RECEIVERS * SAMPLES * 4
    path = write(tmp_path / "a.bin", list(two_lanes(cube(), False))[:-1])
    line = refusal(path)
    assert f"{3 * frame - 2} bytes" in line and "2 times a frame of 4 chirps of 4 receivers of 6 complex" in line
    assert f"({frame} bytes) and {frame - 2} bytes more" in line and f"cut it to {2 * frame} bytes" in line
    path.write_bytes(path.read_bytes()[:2 * frame])   # what the line says
    assert open_dca1000(path, layout="xwr16xx", **ASKED).shape[0] == 2
    path.write_bytes(path.read_bytes()[:frame - 1])
    assert f"{frame - 1} bytes of samples" in refusal(path)


def test_what_cannot_be_a_capture_of_samples_is_refused(tmp_path):
    path = write(tmp_path / "adc_data_Raw_0.bin", two_lanes(cube(), False))
    path.write_bytes(struct.pack("<IIIH", 1, 1456, 0, 0) + path.read_bytes()[14:])
    assert "head of a network packet" in refusal(path)
    assert "--adc-samples is 5" in refusal(path, adc_samples=5)
    assert "--receivers is 5" in refusal(path, receivers=5)
