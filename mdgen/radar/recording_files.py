"""Files of numbers (.npy, .npz, .mat) -> arrays.

Nothing in a file is ever run: no pickles, no object arrays. What the format lets be mapped into memory (.npy, the
members of an uncompressed .npz) takes none until it is used, so that a recording may be larger than the memory.
"""

import math
import struct
import zipfile
from dataclasses import dataclass, field

import numpy as np
from scipy.io import loadmat, whosmat

from mdgen.errors import RequestError

MAX_IN_MEMORY = 4 * 2**30  # bytes of an array that cannot be mapped
PARTS = (("real", "imag"), ("re", "im"), ("r", "i"), ("i", "q"))  # fields of a complex number, of any case


@dataclass(frozen=True)
class Content:
    """What a file holds.

    arrays: one, or real and imaginary part. An array is anything with shape, dtype and ndim of which a tuple of
    slices, one for every axis, gives an ndarray: only what is asked for need be read. facts: what the format itself
    tells, of prf_hz (chirps per second, as --prf), carrier_hz, frame_rate_hz and layout (as --layout); numbers are
    Hz. scalars: {name: number}, lone numbers among those that were asked for, in whatever unit the file has.
    """

    arrays: tuple
    facts: dict = field(default_factory=dict)
    scalars: dict = field(default_factory=dict)


class ComplexFields:
    """An array of compounds of a real and an imaginary part, as an array of complex numbers."""

    def __init__(self, array, names):
        self.array, self.names, self.shape, self.ndim = array, names, array.shape, array.ndim
        self.dtype = np.result_type(*(array.dtype[name] for name in names), np.complex64)

    def __getitem__(self, place):
        part = self.array[place]
        values = np.empty(part.shape, self.dtype)
        values.real, values.imag = (part[name] for name in self.names)
        return values


def numbers(path, array):
    """The array as one of real or complex numbers; RequestError where it is none."""
    dtype = getattr(array, "dtype", None)
    names = dtype.names if dtype is not None and dtype.names else ()
    if tuple(name.lower() for name in names) in PARTS and all(dtype[name].kind in "iuf" for name in names):
        return ComplexFields(array, names)
    if dtype is None or dtype.kind not in "iufc":
        raise RequestError(f"{path} holds {type(array).__name__ if dtype is None else dtype}; expected an array of "
                           "real or complex numbers, or of compounds of real and imag (objects, cells and structures "
                           "are never loaded). Save the plain array")
    return array


def read_npy(path, variables, wanted):
    return Content((mapped(path, 0),))


def read_npz(path, variables, wanted):
    """Members that were not asked for are not opened; without --variable, of each the header alone."""
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): archive.getinfo(name) for name in archive.namelist()}
        headers = not variables or not all(name in members for name in variables)  # of all, to say what is there
        asked = [name for name in members if headers or name in variables or wanted(name)]
        shapes, unread = {}, []
        for name in asked:
            with archive.open(members[name]) as file:
                dtype, shape, _ = npy_header(path, file)
            if dtype.hasobject:
                unread.append(f"{name} (Python objects, which are never loaded)")
            else:
                shapes[name] = shape
        names = chosen(path, shapes, variables, unread)
        arrays = tuple(read_member(path, archive, members[name]) for name in names)
        lone = [name for name in shapes if wanted(name) and name not in names and math.prod(shapes[name]) == 1]
        return Content(arrays, scalars=lone_numbers({name: read_member(path, archive, members[name]) for name in lone}))


def read_member(path, archive, member):
    if member.compress_type == zipfile.ZIP_STORED:
        with open(path, "rb") as file:
            file.seek(member.header_offset + 26)  # where the local header says how long its name and extra are
            return mapped(path, member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))))
    check_memory(path, member.file_size)
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_mat(path, variables, wanted):
    held = whosmat(path)
    numeric = ("double", "single", "int", "uint")
    shapes = {name: shape for name, shape, kind in held if kind.startswith(numeric)}
    names = chosen(path, shapes, variables, [f"{name} ({kind})" for name, _, kind in held if name not in shapes])
    check_memory(path, sum(16 * math.prod(shapes[name]) for name in names))
    lone = [name for name in shapes if wanted(name) and name not in names and math.prod(shapes[name]) == 1]
    found = loadmat(path, variable_names=[*names, *lone])
    return Content(tuple(found[name] for name in names), scalars=lone_numbers({name: found[name] for name in lone}))


def lone_numbers(arrays):
    """{name: float} of arrays of one real number each."""
    return {name: float(np.asarray(array).item()) for name, array in arrays.items() if array.dtype.kind in "iuf"}


def chosen(path, shapes, variables, others=()):
    """The names to read, of all {name: shape} in the file; others: what it holds that is not read."""
    parts = [f"{name} ({spelled(shape)})" for name, shape in shapes.items()]
    held = ", ".join([*(parts or ["no array of numbers"]), *others])
    missing = [name for name in variables if name not in shapes]
    if missing:
        raise RequestError(f"{path} has no array {missing[0]}; it holds {held}. Correct --variable")
    names = list(variables) or [name for name, shape in shapes.items() if math.prod(shape) > 1]
    if not variables and len(names) != 1:
        raise RequestError(f"{path} holds {held}; expected one array. Name it with --variable, or name two: the real "
                           "and the imaginary part")
    return names


def npy_header(path, file):
    """(dtype, shape, whether in Fortran order) of the .npy data that file stands at; file then stands at the values."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return dtype, shape, fortran


def mapped(path, offset):
    """The .npy data at offset of a file as a read-only array in the file itself."""
    with open(path, "rb") as file:
        file.seek(offset)
        dtype, shape, fortran = npy_header(path, file)
        if dtype.hasobject:
            raise RequestError(f"{path} holds Python objects, which are never loaded since that can run code; expected "
                               "an array of numbers. Save it with a numeric dtype")
        return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def check_memory(path, size):
    if size > MAX_IN_MEMORY:
        raise RequestError(f"{path} is compressed and needs {size / 2**30:.1f} GB of memory, more than "
                           f"{MAX_IN_MEMORY / 2**30:g} GB; save it as .npy, which is read piece by piece")


def spelled(shape):
    """A shape for messages."""
    return "x".join(map(str, shape)) or "a single number"
