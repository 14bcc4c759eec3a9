"""Arrays in HDF5 files: MATLAB v7.3, the Acconeer Exploration Tool, and arrays that h5py wrote.

Needs h5py, the optional extra `hdf5`. Only the asked part of an array is read.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.recording_files import Content, chosen, lone_numbers, read_mat

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FRAME = re.compile(r"(sessions/session_\d+)/group_(\d+)/entry_(\d+)/result/frame")  # as acconeer.exptool.a121 has it
A121_CARRIER = 60.5e9    # Hz
MATLAB_NUMBERS = re.compile(rb"double|single|u?int(8|16|32|64)")


@dataclass(frozen=True)
class HDF5Array:
    """An array in an HDF5 file: shape, dtype, ndim, and array[slices] with one slice for every axis.

    name: the dataset. turned: its axes are in reverse order, as MATLAB writes them. The file is open while it is read.
    """

    path: Path
    name: str
    shape: tuple
    dtype: np.dtype
    turned: bool = False

    @property
    def ndim(self):
        return len(self.shape)

    def __getitem__(self, slices):
        with library(self.path).File(self.path, "r") as file:
            values = file[self.name][slices[::-1] if self.turned else slices]
        return values.T if self.turned else values


def library(path):
    """h5py; RequestError that names the extra where it is not installed."""
    try:
        import h5py
    except ImportError:
        raise RequestError(f"{path} is an HDF5 file (.h5, or .mat of MATLAB v7.3) and needs h5py; install mdgen's "
                           "extra hdf5 (pip install -e '.[hdf5]') or h5py alone, or save with -v7 or as .npy") from None
    return h5py


def read_matlab(path, variables, wanted):
    """The Content of a .mat of any version; v7.3 is HDF5, with or without a head of 512 bytes."""
    with open(path, "rb") as file:
        head = file.read(512 + len(SIGNATURE))
    reader = read_hdf5 if SIGNATURE in (head[:len(SIGNATURE)], head[512:]) else read_mat
    return reader(path, variables, wanted)


def read_hdf5(path, variables, wanted):
    """The Content of an HDF5 file; arguments as of `read_npz`.

    A recording of the Acconeer Exploration Tool is its frames, [frames, sweeps, distances], and its facts those of
    its settings. Raises RequestError where h5py is missing.
    """
    held = hdf5_arrays(path)
    frames = {name: array for name, array in held.items() if FRAME.fullmatch(name)}
    shapes = {name: array.shape for name, array in ((not variables and frames) or held).items()}
    names = chosen(path, shapes, variables)
    lone = {name: array[(slice(None),) * array.ndim] for name, array in held.items()
            if wanted(name) and name not in names and math.prod(array.shape) == 1}
    facts = acconeer_facts(path, names[0]) if names[0] in frames else {}
    return Content(tuple(held[name] for name in names), facts, lone_numbers(lone))


def hdf5_arrays(path):
    """{name: HDF5Array} of all datasets of numbers or of compounds of them, without MATLAB's text and empty arrays."""
    h5py, found = library(path), {}

    def visit(name, item):
        if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "iufcV":
            return
        if name.startswith("#"):   # where MATLAB keeps what is in cells
            return
        matlab = item.attrs.get("MATLAB_class")
        if matlab is None:
            found[name] = HDF5Array(Path(path), name, item.shape, item.dtype)
        elif MATLAB_NUMBERS.fullmatch(bytes(matlab)) and "MATLAB_empty" not in item.attrs:
            found[name] = HDF5Array(Path(path), name, item.shape[::-1], item.dtype, turned=True)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def acconeer_facts(path, frame):
    """Facts (see `Content`) of a frame dataset of the Acconeer Exploration Tool, as far as its settings tell them.

    Slow time has the sweep rate that was set, or the highest one where none was; with one sweep a frame it has the
    frame rate. What Acconeer calls PRF, such as 15.6 MHz, is of the pulses that are averaged to one point of a sweep.
    """
    session, group, entry = FRAME.fullmatch(frame).groups()
    place = f"{session}/group_{group}/entry_{entry}"
    with library(path).File(path, "r") as file:
        config = json.loads(file[f"{session}/session_config"].asstr()[()])
        metadata = json.loads(file[f"{place}/metadata"].asstr()[()])
        sensor = config["groups"][int(group)][str(file[f"{place}/sensor_id"][()])]
    sweep_rate = sensor["sweep_rate"] or metadata["max_sweep_rate"]
    frame_rate = sensor["frame_rate"] or config["update_rate"]
    if sensor["continuous_sweep_mode"]:
        frame_rate = sweep_rate / sensor["sweeps_per_frame"]
    facts = dict(layout="acconeer", carrier_hz=A121_CARRIER, frame_rate_hz=frame_rate,
                 prf_hz=frame_rate if sensor["sweeps_per_frame"] == 1 else sweep_rate)
    return {name: value for name, value in facts.items() if value}
