"""Arrays that stay in their file: what is asked for is read, and nothing is kept.

A radar's raw file holds its numbers in an order of its own. A FileArray says what shape they have for a reader, and
puts only the asked part into that order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.recording_files import Content


@dataclass(frozen=True)
class FileArray:
    """An array in a file: shape, dtype, ndim, and array[slices] with up to one slice for every axis.

    stored: shape of the numbers in the file, of dtype stored_dtype, from byte `offset` on. shape, dtype: what a reader
    gets. shared: how many leading axes the two have in common; along these, only the asked part of the file is
    touched. decode: the numbers of a part, [*part of the shared axes, ...] -> a new array. The file is mapped anew by
    each read, so that a recording of any length takes the memory of one part, mapped pages included.
    """

    path: Path
    stored_dtype: np.dtype
    offset: int
    stored: tuple
    shape: tuple
    dtype: np.dtype
    shared: int
    decode: Callable = np.array

    @property
    def ndim(self):
        return len(self.shape)

    def __getitem__(self, slices):
        mapped = np.memmap(self.path, self.stored_dtype, "r", self.offset, self.stored)
        part = self.decode(mapped[slices[:self.shared]])
        return part[(slice(None),) * self.shared + slices[self.shared:]]


def whole_numbers(path, dtype, offset=0, trailing=0, need=1, what="a complex sample"):
    """How many groups of `need` numbers a file holds between two places; RequestError unless it is a whole count.

    dtype: of a number; offset, trailing: bytes before and after them; what: what a group is, for the message.
    """
    size, group = Path(path).stat().st_size - offset - trailing, need * np.dtype(dtype).itemsize
    if size < group:
        raise RequestError(f"{path} holds {max(size, 0)} bytes of samples; {what} takes {group}. Check whether it was "
                           "copied in full" + (", and --header-bytes" if offset else ""))
    if size % group:
        raise RequestError(f"{path} holds {size} bytes of samples, which are {size // group} times {what} ({group} "
                           f"bytes) and {size % group} bytes more; correct the numbers that describe the file, or cut "
                           f"it to {offset + size - size % group} bytes")
    return size // group


def read_interleaved(path, *, dtype, header_bytes=0):
    """The Content of a file of I, Q, I, Q ... after header_bytes: complex [N]. See `interleaved`.

    RequestError also for a file whose bytes are no little-endian numbers of 16 bits, where these are asked for.
    """
    samples = interleaved(path, dtype, header_bytes)
    if np.dtype(dtype) == np.dtype("<i2"):
        check_bytes(path, header_bytes)
    return Content((samples,))


def check_bytes(path, header_bytes, bytes_read=1 << 17):
    """RequestError where a file read as little-endian I and Q of 16 bits holds floats, or has its bytes swapped.

    I and Q are alike, so that their bytes vary alike: those of a float do not. The higher byte of a number varies less
    than the lower one, and a signal is smoother than what swapped bytes make of it; both must speak for a swap, since
    an ADC may leave the lowest bits 0. Files of fewer than 4096 bytes are taken as they are.
    """
    with open(path, "rb") as file:
        file.seek(header_bytes)
        data = np.frombuffer(file.read(bytes_read), np.uint8)
    data = data[:len(data) // 4 * 4].reshape(-1, 4)
    if len(data) < 1024:
        return
    i_low, i_high, q_low, q_high = (entropy(column) for column in data.T)
    if min(i_low + i_high, q_low + q_high) > 0 and max(abs(i_low - q_low), abs(i_high - q_high)) > 2:
        raise RequestError(f"{path} holds no I and Q of 16 bits: every second number is of another kind, as in floats; "
                           "give --kind iq-float32, or --header-bytes if the samples begin later")
    kept, swapped = (roughness(data.view(kind)) for kind in ("<i2", ">i2"))
    if i_high - i_low > 0.1 and swapped < 0.5 * kept:
        raise RequestError(f"{path} has the higher byte of every number first (big-endian); expected little-endian. "
                           "Swap the bytes, or describe the file by a .sigmf-meta with ci16_be")


def entropy(values) -> float:
    """Of uint8 [N], in bits."""
    shares = np.bincount(values, minlength=256) / len(values)
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def roughness(values) -> float:
    """How far neighbours of [N, 2] differ, over how far values are from 0."""
    values = values.astype(np.float64)
    return float(np.abs(np.diff(values, axis=0)).mean() / max(np.abs(values).mean(), 1e-9))


def interleaved(path, dtype, offset=0, trailing=0, channels=1):
    """I, Q, I, Q ... of a file as complex [N], or [N, channels] where the channels take turns sample by sample.

    dtype: of I and of Q, with its byte order. Unsigned numbers are offset by half their range, as SigMF has it.
    Raises RequestError where the file is no whole number of samples.
    """
    dtype = np.dtype(dtype)
    complex_dtype = np.result_type(dtype, np.complex64)
    count = whole_numbers(path, dtype, offset, trailing, 2 * channels)
    shape = (count,) if channels == 1 else (count, channels)

    def decode(stored):   # [..., 2] -> [...]
        if dtype.kind == "u":   # to turn the highest bit is to take half the range away
            stored = (stored ^ dtype.type(2 ** (8 * dtype.itemsize - 1))).view(f"i{dtype.itemsize}")
        return np.array(stored, np.finfo(complex_dtype).dtype, order="C").view(complex_dtype)[..., 0]

    return FileArray(Path(path), dtype, offset, (*shape, 2), shape, complex_dtype, len(shape), decode)
