"""Files of numbers (.npy, .npz, .mat) -> arrays.

Nothing in a file is ever run: no pickles, no object arrays. What the format lets be mapped into memory (.npy, the
members of an uncompressed .npz) takes none until it is used, so that a recording may be larger than the memory.
"""

import math
import struct
import zipfile
from pathlib import Path

import numpy as np
from scipy.io import loadmat, whosmat

from mdgen.errors import RequestError

SUFFIXES = (".npy", ".npz", ".mat")
MAX_IN_MEMORY = 4 * 2**30  # bytes of an array that cannot be mapped
HDF5 = b"\x89HDF\r\n\x1a\n"


def open_arrays(path, variables=()):
    """The array of a file, or the two named ones (real and imaginary part), as a tuple; mapped where possible.

    variables: names in an .npz or .mat; without any, the file's only array of more than one number. Raises
    RequestError where the file cannot be read without running code, as an array of numbers, or in memory.
    """
    path, readers = Path(path), {".npy": lambda path, _: (mapped(path, 0),), ".npz": read_npz, ".mat": read_mat}
    if path.suffix.lower() not in readers:
        raise RequestError(f"{path} ends in {path.suffix!r}; expected one of {', '.join(readers)}. Save it as .npy")
    try:
        arrays = readers[path.suffix.lower()](path, variables)
    except (MemoryError, RequestError):
        raise
    except Exception as error:  # readers raise whatever a broken file leads them to
        raise RequestError(f"{path} cannot be read ({error or type(error).__name__}); expected a whole "
                           f"{path.suffix} file. Save it again, as .npy if in doubt") from error
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufc":
            found = getattr(array, "dtype", type(array).__name__)
            raise RequestError(f"{path} holds {found}; expected an array of real or complex numbers (objects, cells "
                               "and structures are never loaded). Save the plain array")
    if len({array.shape for array in arrays}) > 1 or len(arrays) > 1 and any(map(np.iscomplexobj, arrays)):
        found = " and ".join(f"{array.dtype} {spelled(array.shape)}" for array in arrays)
        raise RequestError(f"{path} has {found} in {' and '.join(variables)}; expected real numbers of one shape, the "
                           "real and the imaginary part. Correct --variable")
    return arrays


def read_npz(path, variables):
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): archive.getinfo(name) for name in archive.namelist()}
        shapes = {}
        for name, member in members.items():
            with archive.open(member) as file:
                shapes[name] = npy_header(path, file)[1]
        return tuple(read_member(path, archive, members[name]) for name in chosen(path, shapes, variables))


def read_member(path, archive, member):
    if member.compress_type == zipfile.ZIP_STORED:
        with open(path, "rb") as file:
            file.seek(member.header_offset + 26)  # where the local header says how long its name and extra are
            return mapped(path, member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))))
    check_memory(path, member.file_size)
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_mat(path, variables):
    with open(path, "rb") as file:
        head = file.read(512 + len(HDF5))
    if HDF5 in (head[:len(HDF5)], head[512:]):
        raise RequestError(f"{path} is a MATLAB v7.3 (HDF5) file; expected v7 or older. Save it with "
                           "save(..., '-v7'), or as .npy if it is larger than 2 GB")
    numeric = ("double", "single", "int", "uint")
    shapes = {name: shape for name, shape, kind in whosmat(path) if kind.startswith(numeric)}
    names = chosen(path, shapes, variables)
    check_memory(path, sum(16 * math.prod(shapes[name]) for name in names))
    found = loadmat(path, variable_names=names)
    return tuple(found[name] for name in names)


def chosen(path, shapes, variables):
    """The names to read, of all {name: shape} in the file."""
    held = ", ".join(f"{name} ({spelled(shape)})" for name, shape in shapes.items()) or "no array of numbers"
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
    if dtype.hasobject:
        raise RequestError(f"{path} holds Python objects, which are never loaded since that can run code; expected "
                           "an array of numbers. Save it with a numeric dtype")
    return dtype, shape, fortran


def mapped(path, offset):
    """The .npy data at offset of a file as a read-only array in the file itself."""
    with open(path, "rb") as file:
        file.seek(offset)
        dtype, shape, fortran = npy_header(path, file)
        return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def check_memory(path, size):
    if size > MAX_IN_MEMORY:
        raise RequestError(f"{path} is compressed and needs {size / 2**30:.1f} GB of memory, more than "
                           f"{MAX_IN_MEMORY / 2**30:g} GB; save it as .npy, which is read piece by piece")


def spelled(shape):
    """A shape for messages."""
    return "x".join(map(str, shape)) or "a single number"
