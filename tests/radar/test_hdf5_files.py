"""HDF5 as MATLAB v7.3 and the Acconeer Exploration Tool lay it out; and the refusal where h5py is missing."""

import json
import sys

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar.hdf5_files import SIGNATURE
from mdgen.radar.recording_formats import open_file

CUBE = np.arange(2 * 3 * 5).reshape(2, 3, 5) * (1 - 2j)


def whole(array):
    return array[(slice(None),) * array.ndim]


def refusal(*asked):
    with pytest.raises(RequestError) as caught:
        open_file(*asked)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name, head", [("a.h5", b""), ("a.mat", b""), ("a.mat", b"MATLAB 7.3 MAT-file".ljust(512))])
def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch, name, head):
    monkeypatch.setitem(sys.modules, "h5py", None)   # an import of it fails, as where it is not installed
    (tmp_path / name).write_bytes(head + SIGNATURE + bytes(1000))
    line = refusal(tmp_path / name)
    assert str(tmp_path / name) in line and "extra hdf5" in line and "-v7" in line


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py", reason="the extra hdf5 is not installed")


def compound(values, kind, names=("real", "imag")):
    fields = np.empty(values.shape, [(name, kind) for name in names])
    fields[names[0]], fields[names[1]] = values.real, values.imag
    return fields


def save_matlab(h5py, path, **arrays):
    """As MATLAB's save(..., '-v7.3'): axes in reverse order, complex numbers as compounds, a head of 512 bytes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            kind = "char" if values.dtype == np.uint16 else "double"
            stored = compound(values, "<f8") if np.iscomplexobj(values) else values
            file[name] = stored.T
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def test_matlab_has_its_axes_and_its_scalars_and_no_text(tmp_path, h5py):
    path = save_matlab(h5py, tmp_path / "a.mat", x=CUBE, fs=np.array([[2000.0]]), note=np.full((1, 9), 65, np.uint16),
                       **{"#refs#/b": np.ones((1, 4))})
    content = open_file(path, wanted=lambda name: name == "fs")
    array, = content.arrays
    assert array.shape == CUBE.shape and array.dtype == np.complex128 and content.scalars == {"fs": 2000.0}
    assert np.array_equal(whole(array), CUBE)
    assert np.array_equal(array[1:, :2, ::2], CUBE[1:, :2, ::2])
    assert "no array note; it holds fs (1x1), x (2x3x5)" in refusal(path, ("note",))


def test_other_arrays_go_by_name_and_keep_their_axes(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["day/x"], file["i"], file["q"], file["text"] = CUBE, CUBE.real, CUBE.imag, "walk"
    assert np.array_equal(whole(open_file(tmp_path / "a.h5", ("day/x",)).arrays[0]), CUBE)
    parts = open_file(tmp_path / "a.h5", ("i", "q")).arrays
    assert np.array_equal(whole(parts[0]) + 1j * whole(parts[1]), CUBE)
    assert "day/x (2x3x5), i (2x3x5), q (2x3x5); expected one array" in refusal(tmp_path / "a.h5")
    (tmp_path / "half.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:3000])
    assert "half.h5 cannot be read" in refusal(tmp_path / "half.h5")


def save_acconeer(h5py, path, entries=1, **sensor):
    sensor = dict(sweep_rate=None, frame_rate=None, continuous_sweep_mode=False, sweeps_per_frame=3) | sensor
    with h5py.File(path, "w") as file:
        file["session"] = h5py.SoftLink("/sessions/session_0")
        session = file.create_group("sessions/session_0")
        session["session_config"] = json.dumps({"groups": [{"2": sensor, "5": sensor}], "update_rate": None})
        for entry, sensor_id in zip(range(entries), (2, 5)):
            place = session.create_group(f"group_0/entry_{entry}")
            place["sensor_id"], place["metadata"] = sensor_id, json.dumps({"max_sweep_rate": 2575.0})
            place["result/temperature"] = np.arange(2)
            place.create_dataset("result/frame", data=compound(CUBE + entry, "<i2"), chunks=True, compression="gzip")
    return path


FACTS = {"layout": "acconeer", "carrier_hz": 60.5e9}


@pytest.mark.parametrize("sensor, facts", [
    ({"sweep_rate": 2000.0, "frame_rate": 20.0}, {"prf_hz": 2000.0, "frame_rate_hz": 20.0}),
    ({"frame_rate": 20.0}, {"prf_hz": 2575.0, "frame_rate_hz": 20.0}), ({}, {"prf_hz": 2575.0}),
    ({"sweep_rate": 1500.0, "continuous_sweep_mode": True}, {"prf_hz": 1500.0, "frame_rate_hz": 500.0}),
    ({"frame_rate": 300.0, "sweeps_per_frame": 1}, {"prf_hz": 300.0, "frame_rate_hz": 300.0})])
def test_acconeer_is_its_frames_and_its_rates(tmp_path, h5py, sensor, facts):
    content = open_file(save_acconeer(h5py, tmp_path / "a.h5", **sensor))
    assert content.facts == FACTS | facts
    array, = content.arrays
    assert array.dtype == np.complex64 and array.shape == CUBE.shape and np.array_equal(whole(array), CUBE)


def test_one_of_several_acconeer_sensors_is_named(tmp_path, h5py):
    path = save_acconeer(h5py, tmp_path / "a.h5", entries=2)
    names = [f"sessions/session_0/group_0/entry_{entry}/result/frame" for entry in (0, 1)]
    assert all(f"{name} (2x3x5)" in refusal(path) for name in names) and "temperature" not in refusal(path)
    content = open_file(path, (names[1],))
    assert np.array_equal(whole(content.arrays[0]), CUBE + 1) and content.facts["prf_hz"] == 2575.0
