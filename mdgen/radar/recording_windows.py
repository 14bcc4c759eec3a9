"""An opened file of a radar, of which only the asked windows are read, and what a window needs."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.echo import Radar
from mdgen.radar.recording_axes import Axes
from mdgen.radar.recording_files import spelled

CHECKED_BLOCKS, CHECKED_SAMPLES = 8, 8192  # of a recording, whose I and Q are looked at when it is opened


@dataclass(frozen=True)
class Recording:
    """An opened file.

    arrays: one, or real and imaginary part. prf_hz: of all transmitters; radar: with the rate of one of them.
    frame_rate_hz: of frames with pauses between, else None. pairs: real numbers with a last axis of 2, (I, Q).
    Samples count the chirps of the file in order, frame after frame, and matrix after matrix of a stack.
    """

    path: Path
    arrays: tuple
    axes: Axes
    prf_hz: float
    transmitters: int = 1
    frame_rate_hz: float | None = None
    radar: Radar | None = None
    pairs: bool = False

    @property
    def shape(self):
        return self.arrays[0].shape

    @property
    def frame_chirps(self):
        """Chirps of a frame, where there are pauses between frames, else 0."""
        return self.shape[self.axes.slow[1]] if self.frame_rate_hz else 0

    @property
    def length(self):
        """Samples of one matrix of the stack, or of the recording where there is none."""
        return int(np.prod([self.shape[axis] for axis in self.axes.slow]))

    @property
    def samples(self):
        return self.length * (1 if self.axes.stack is None else self.shape[self.axes.stack])

    @property
    def rate_hz(self):
        """Samples per second, pauses included."""
        return self.frame_rate_hz * self.frame_chirps if self.frame_rate_hz else self.prf_hz

    def windows(self, window_s, overlap_s):
        """(samples of a window, first sample of every window). A window begins with a frame, and with the first of
        the transmitters. RequestError where not one fits, or the overlap does not."""
        step = self.frame_chirps or self.transmitters
        rate = self.rate_hz / step
        if not 0 < window_s <= 1e6:
            raise RequestError(f"--window is {window_s:g} s; expected a number of seconds above 0")
        if not 0 <= overlap_s <= window_s - 1 / rate:
            raise RequestError(f"--overlap is {overlap_s:g} s; expected 0 or more and less than the window of "
                               f"{window_s:g} s by at least one sample or frame ({1 / rate:g} s)")
        samples, hop = (round(seconds * rate) * step for seconds in (window_s, window_s - overlap_s))
        if self.length < samples:
            axes = " and ".join(map(str, self.axes.slow))
            raise RequestError(f"{self.path} ({spelled(self.shape)}) has {self.length} samples along axis {axes}, but "
                               f"a window of {window_s:g} s at {self.rate_hz:g} Hz needs {samples}; choose a shorter "
                               "--window, name another --slow-axis if that is not slow time, or leave such files out "
                               "with --on-bad-file skip")
        within = range(0, self.length - samples + 1, hop)
        return samples, [start + first for start in range(0, self.samples, self.length) for first in within]

    def read(self, first, stop):
        """Samples first .. stop - 1 in memory: [..., stop - first], real or complex. Leading axes are those that add
        up, then range or its raw samples. Of a stack, all are in one matrix."""
        place, axes = [slice(None)] * len(self.shape), self.axes
        for axis, k in axes.picked:
            place[axis] = slice(k, k + 1)
        if axes.stack is not None:
            matrix = first // self.length
            place[axes.stack] = slice(matrix, matrix + 1)
            first, stop = first - matrix * self.length, stop - matrix * self.length
        chirps = self.shape[axes.slow[1]] if len(axes.slow) > 1 else 1
        begin = first // chirps
        place[axes.slow[0]] = slice(begin, -(-stop // chirps))
        values = as_numbers([np.asarray(array[tuple(place)]) for array in self.arrays], self.pairs)
        lengths = [values.shape[axis] for axis in axes.order[len(axes.order) - len(axes.slow) - self.leading:]]
        values = values.transpose(axes.order).reshape(*lengths[:self.leading], -1)
        return values[..., first - begin * chirps:stop - begin * chirps]

    @property
    def leading(self):
        """How many axes `read` gives before slow time."""
        return len(self.axes.summed) + (self.axes.fast is not None) + (self.axes.bins is not None)

    def outline(self):
        """The same without the samples, which takes no memory."""
        return replace(self, arrays=tuple(np.broadcast_to(np.zeros((), array.dtype), array.shape)
                                          for array in self.arrays))

    def blocks(self):
        """Blocks of samples from all over the recording."""
        size = min(CHECKED_SAMPLES, self.length)
        starts = np.unique(np.linspace(0, self.samples - size, CHECKED_BLOCKS).astype(int))
        if self.axes.stack is not None:
            starts = np.unique(starts // self.length * self.length)
        return [self.read(start, start + size) for start in starts.tolist()]


def as_numbers(parts, pairs):
    """Real or complex floats of one array, of pairs (I, Q) along its last axis, or of two arrays."""
    if pairs:
        parts = [parts[0][..., 0], parts[0][..., 1]]
    if len(parts) == 1:
        return parts[0].astype(np.result_type(parts[0].dtype, np.float32))
    values = np.empty(parts[0].shape, np.result_type(parts[0].dtype, np.complex64))
    values.real, values.imag = parts
    return values


def check_window(samples, least, rate_hz):
    if samples < least:
        raise RequestError(f"--window is {samples / rate_hz:g} s, {samples} samples at {rate_hz:g} Hz; at least "
                           f"{least} are needed for the image's columns and the Fourier window; choose a longer one")


def check_span(low, high):
    if not -np.inf < low < high < np.inf:
        raise RequestError(f"--velocity-span is {low:g} {high:g}; give the lower and then the higher velocity in m/s")
    return low, high


def check_picture(size, dynamic_range_db):
    if min(size) < 2:
        raise RequestError(f"--size is {size[0]} {size[1]}; expected at least 2 2")
    if not 1 <= dynamic_range_db <= 1000:
        raise RequestError(f"--dynamic-range is {dynamic_range_db:g} dB; expected 1 to 1000")
