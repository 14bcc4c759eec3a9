"""Which reader a file of a recording gets: by its suffix, or by the kind that the user names."""

from functools import partial
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.capture_card import read_dca1000
from mdgen.radar.file_arrays import read_interleaved
from mdgen.radar.glasgow_text import read_glasgow
from mdgen.radar.hdf5_files import read_hdf5, read_matlab
from mdgen.radar.recording_files import numbers, read_npy, read_npz, spelled
from mdgen.radar.sigmf import META, read_sigmf

READERS = {".npy": read_npy, ".npz": read_npz, ".mat": read_matlab, ".h5": read_hdf5, ".hdf5": read_hdf5,
           META: read_sigmf, ".dat": read_glasgow}   # reader(path, variables, wanted) -> Content
INTERLEAVED = (".bin", ".dat", ".raw", ".iq", ".cfile", ".cs16", ".sc16", ".cf32", ".fc32")
KINDS = {"dca1000": ((".bin",), read_dca1000),
         "iq-int16": (INTERLEAVED, partial(read_interleaved, dtype="<i2")),
         "iq-float32": (INTERLEAVED, partial(read_interleaved, dtype="<f4"))}
# kind: (suffixes, reader(path, **options) -> Content), of files that do not tell their own layout


def suffixes_of(kind):
    """Endings of the files that are recordings of a kind."""
    return KINDS[kind][0] if kind in KINDS else tuple(READERS)


def open_file(path, variables=(), wanted=lambda name: False, kind="", options=None):
    """The Content of a file; arrays are mapped where possible.

    variables: names of one array, or of real and imaginary part; without any, the file's only array of more than one
    number. wanted(name): whether a lone number of that name is asked for as a scalar. kind, options: of KINDS and the
    keyword arguments of its reader; any other kind goes by the suffix. Raises RequestError where the file cannot be
    read without running code, as an array of numbers, or in memory.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if kind not in KINDS and suffix not in READERS:
        raise RequestError(f"{path} ends in {path.suffix!r}; expected one of {', '.join(READERS)}. Save it as .npy")
    try:
        if kind in KINDS:
            content = KINDS[kind][1](path, **(options or {}))
        else:
            content = READERS[suffix](path, variables, wanted)
    except (MemoryError, RequestError):
        raise
    except Exception as error:  # readers raise whatever a broken file leads them to
        raise RequestError(f"{path} cannot be read ({error or type(error).__name__}); expected a whole "
                           f"{path.suffix} file. Save it again, as .npy if in doubt") from error
    arrays = tuple(numbers(path, array) for array in content.arrays)
    complex_parts = len(arrays) > 1 and any(np.issubdtype(array.dtype, np.complexfloating) for array in arrays)
    if len({array.shape for array in arrays}) > 1 or complex_parts:
        found = " and ".join(f"{array.dtype} {spelled(array.shape)}" for array in arrays)
        raise RequestError(f"{path} has {found} in {' and '.join(variables)}; expected real numbers of one shape, the "
                           "real and the imaginary part. Correct --variable")
    return type(content)(arrays, content.facts, content.scalars)
