"""Raw recordings of a radar -> windows -> spectrograms.

`RawIQ` is for complex slow-time recordings, `PowerMatrix` for matrices that are spectrograms already. Both open a
file as a `Recording`, of which only the asked windows are read.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.echo import Radar
from mdgen.radar.range_bins import body_bins
from mdgen.radar.recording_files import spelled
from mdgen.radar.recording_formats import open_file
from mdgen.radar.spectrogram import cell_image, spectrogram

OBVIOUS_RATIO = 16  # an axis this many times as long as any other is slow time without being named
DB_SPAN = (3.0, 500.0)  # least and largest span of a window's decibels


@dataclass(frozen=True)
class RawIQ:
    """How complex slow-time samples of a coherent radar become images; the fields are numbers and strings (JSON).

    carrier_hz, prf_hz: the radar's. velocity_span (m/s), size (H, W), stft_window_s, dynamic_range_db and
    clutter_cutoff (m/s): as for `spectrogram`. slow_axis: the axis of slow time; None where it is the only one, or
    OBVIOUS_RATIO times as long as any other. fast_axis: the axis of an FMCW radar's raw samples within a chirp;
    they become range bins, of which range_bins about the body are used. All other axes (receivers, range bins) add
    up in power. flip: approaching is negative in these recordings (echo phase exp(+j 4 pi R / wavelength)).
    variables: see `open_file`. Axes are counted without a last axis of 2 of real numbers, which is (I, Q).
    """

    carrier_hz: float
    prf_hz: float
    velocity_span: tuple
    size: tuple = (128, 128)
    stft_window_s: float = 0.03
    dynamic_range_db: float = 40.0
    clutter_cutoff: float = 0.08
    slow_axis: int | None = None
    fast_axis: int | None = None
    range_bins: int = 15
    flip: bool = False
    variables: tuple = ()

    @property
    def rate_hz(self):
        return self.prf_hz

    def check(self, samples):
        """RequestError unless a window of so many samples can become an image; speaks of the command's flags."""
        radar = Radar(carrier_hz=self.carrier_hz, prf_hz=self.prf_hz)
        check_window(samples, max(self.size[1], round(self.stft_window_s * self.prf_hz)), self.prf_hz)
        low, high = check_span(*self.velocity_span)
        limit, at = radar.unambiguous_speed, f"{self.prf_hz:g} Hz at {self.carrier_hz / 1e9:g} GHz"
        if max(-low, high) > limit:
            least = int(np.ceil(4 * max(-low, high) / radar.wavelength_m))
            raise RequestError(f"--velocity-span is {low:g} {high:g}, but {at} shows +-{limit:.2f} m/s; give a span "
                               f"within that, or record with a PRF of {least} Hz")
        if not 0 <= self.clutter_cutoff < limit:
            raise RequestError(f"--clutter-cutoff is {self.clutter_cutoff:g} m/s; {at} allows 0 (off) or more, below "
                               f"{limit:.2f} m/s. Leave it out for 0.08")

    def open(self, path, least):
        """A file as a Recording of at least `least` samples; RequestError where it is no complex recording."""
        arrays = open_file(path, self.variables).arrays
        shape, is_real = arrays[0].shape, len(arrays) == 1 and not arrays[0].dtype.kind == "c"
        pairs = is_real and len(shape) > 1 and shape[-1] == 2
        if is_real and not pairs and self.fast_axis is None:
            raise RequestError(f"{path} holds real numbers ({arrays[0].dtype} {spelled(shape)}); expected complex I/Q, "
                               "a last axis of 2 (I, Q), or --variable with a real and an imaginary part. If it is a "
                               "spectrogram already, give --kind spectrogram")
        shape = shape[:-1] if pairs else shape
        fast = None if self.fast_axis is None else named_axis(path, shape, self.fast_axis, "--fast-axis")
        slow = slow_axis(path, shape, self.slow_axis, fast)
        check_length(path, shape, slow, least, self.rate_hz)
        rest = [axis for axis in range(len(shape)) if axis not in (slow, fast)] + ([] if fast is None else [fast])
        return Recording(Path(path), arrays, slow, tuple(rest), pairs)

    def image(self, recording, first, stop):
        """The Spectrogram of the samples first .. stop - 1, and of no others."""
        radar, samples = Radar(carrier_hz=self.carrier_hz, prf_hz=self.prf_hz), recording.read(first, stop)
        check_finite(recording.path, samples, first)
        if self.fast_axis is not None:
            samples = body_bins(samples, self.range_bins, self.prf_hz)
        elif samples.real.any() and not samples.imag.any():  # approaching and receding would look alike
            raise RequestError(f"{recording.path} has no imaginary part in samples {first} to {stop - 1}; expected "
                               "complex I/Q. Save both channels")
        samples = (samples.conj() if self.flip else samples).reshape(-1, stop - first)
        return spectrogram(samples, radar, size=self.size, velocity_span=self.velocity_span,
                           window_s=self.stft_window_s, dynamic_range_db=self.dynamic_range_db,
                           clutter_cutoff=self.clutter_cutoff)


@dataclass(frozen=True)
class PowerMatrix:
    """How matrices that are spectrograms already become images; the fields are numbers and strings (JSON).

    carrier_hz: the radar's. frame_rate_hz: columns of the spectrogram per second. velocity_span: (low, high) in m/s
    at the outer edges of its Doppler axis. scale: "db", "power" or "amplitude". rows: "doppler" or "time".
    Doppler rises with the index (as a centred Fourier transform leaves it), flip: it falls. size, dynamic_range_db
    and the power mean over a cell: as for `spectrogram`. variables: see `open_file`.
    """

    carrier_hz: float
    frame_rate_hz: float
    velocity_span: tuple
    scale: str
    rows: str
    size: tuple = (128, 128)
    dynamic_range_db: float = 40.0
    flip: bool = False
    variables: tuple = ()

    @property
    def rate_hz(self):
        return self.frame_rate_hz

    def check(self, samples):
        """As `RawIQ.check`, of so many columns."""
        check_window(samples, 2, self.frame_rate_hz)
        check_span(*self.velocity_span)

    def open(self, path, least):
        """A file as a Recording of at least `least` columns; RequestError where it is no real matrix."""
        arrays = open_file(path, self.variables).arrays
        found = f"{arrays[0].dtype} {spelled(arrays[0].shape)}"
        if len(arrays) > 1 or arrays[0].dtype.kind == "c":
            raise RequestError(f"{path} is complex ({found}); expected real decibels, power or amplitude. Save the "
                               "magnitude, or give --kind iq for slow time")
        if arrays[0].ndim != 2 or min(arrays[0].shape) < 2:
            raise RequestError(f"{path} is {found}; expected a matrix of Doppler by time. Save one spectrogram a file")
        time = 1 if self.rows == "doppler" else 0
        check_length(path, arrays[0].shape, time, least, self.rate_hz)
        return Recording(Path(path), arrays, time, (1 - time,))

    def image(self, recording, first, stop):
        """The Spectrogram of the columns first .. stop - 1, and of no others."""
        power = self.power(recording.path, recording.read(first, stop).astype(np.float64), first)
        spans = (self.velocity_span, (0, (stop - first) / self.rate_hz))
        edges = [np.linspace(*span, cells + 1) for span, cells in zip(spans, power.shape, strict=True)]
        cell_edges = [np.linspace(*span, cells + 1) for span, cells in zip(spans, self.size, strict=True)]
        return cell_image(power[::-1] if self.flip else power, edges, cell_edges,
                          Radar(carrier_hz=self.carrier_hz).wavelength_m, self.dynamic_range_db)

    def power(self, path, values, first):
        """Values [Doppler, n] of the file as linear power; RequestError where they cannot be of the scale named."""
        if self.scale == "db":
            finite = np.where(np.isneginf(values), values.max(), values)  # -inf, the log of 0, is an empty cell
            check_finite(path, finite, first)
            if not DB_SPAN[0] <= np.ptp(finite) <= DB_SPAN[1]:
                raise RequestError(f"{path} has values of {finite.min():g} to {finite.max():g} from column {first} on; "
                                   f"decibels span {DB_SPAN[0]:g} to {DB_SPAN[1]:g}. If these are linear, give "
                                   "--scale power or amplitude")
            return 10 ** ((values - finite.max()) / 10)
        check_finite(path, values, first)
        if values.min() < 0:
            raise RequestError(f"{path} has negative values ({values.min():g}) from column {first} on, which no "
                               f"{self.scale} can be; give --scale db if these are decibels")
        return values if self.scale == "power" else values**2


@dataclass(frozen=True)
class Recording:
    """An opened file. arrays: one, or real and imaginary part; rest: the axes beside time_axis, in the order in which
    `read` gives them; pairs: real numbers with a last axis of 2, (I, Q)."""

    path: Path
    arrays: tuple
    time_axis: int
    rest: tuple
    pairs: bool = False

    @property
    def shape(self):
        return self.arrays[0].shape

    @property
    def samples(self):
        return self.shape[self.time_axis]

    def read(self, first, stop):
        """Samples first .. stop - 1 in memory: [..., stop - first], real or complex."""
        place = (slice(None),) * self.time_axis + (slice(first, stop),)
        parts = [np.asarray(array[place]) for array in self.arrays]
        if self.pairs:
            parts = [parts[0][..., 0], parts[0][..., 1]]
        if len(parts) == 1:
            values = parts[0].astype(np.result_type(parts[0].dtype, np.float32))
        else:
            values = np.empty(parts[0].shape, np.result_type(parts[0].dtype, np.complex64))
            values.real, values.imag = parts
        return values.transpose(*self.rest, self.time_axis)


def check_window(samples, least, rate_hz):
    if samples < least:
        raise RequestError(f"--window is {samples / rate_hz:g} s, {samples} samples at {rate_hz:g} Hz; at least "
                           f"{least} are needed for the image's columns and the Fourier window; choose a longer one")


def check_span(low, high):
    if not -np.inf < low < high < np.inf:
        raise RequestError(f"--velocity-span is {low:g} {high:g}; give the lower and then the higher velocity in m/s")
    return low, high


def check_finite(path, values, first):
    """values: [..., n], the samples from `first` on."""
    bad = ~np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=0)
    if bad.any():
        raise RequestError(f"{path} has NaN or infinite values, the first at sample {first + int(bad.argmax())}; "
                           "expected finite numbers. Repair that part or cut it out")


def check_length(path, shape, axis, least, rate_hz):
    if shape[axis] < least:
        raise RequestError(f"{path} ({spelled(shape)}) has {shape[axis]} samples along axis {axis}, but a window of "
                           f"{least / rate_hz:g} s at {rate_hz:g} Hz needs {least}; choose a shorter --window, or "
                           "name another axis if that is not slow time")


def named_axis(path, shape, axis, flag):
    if not -len(shape) <= axis < len(shape):
        raise RequestError(f"{flag} is {axis}, but {path} ({spelled(shape)}) has {len(shape)} axes; give one of 0 to "
                           f"{len(shape) - 1}")
    return axis % len(shape)


def slow_axis(path, shape, named, fast):
    """The axis of slow time from 0, as named or obvious."""
    if not 1 <= len(shape) <= 4 or fast is not None and len(shape) < 2:
        raise RequestError(f"{path} is {spelled(shape)}; expected 1 to 4 axes: slow time, and with --fast-axis fast "
                           "time, beside receivers or range bins. Save one recording a file")
    if named is not None:
        slow = named_axis(path, shape, named, "--slow-axis")
        if slow == fast:
            raise RequestError(f"--slow-axis and --fast-axis are both {slow}; name two axes of {path}")
        return slow
    order = np.argsort(shape)
    if len(shape) > 1 and (shape[order[-1]] < OBVIOUS_RATIO * shape[order[-2]] or order[-1] == fast):
        raise RequestError(f"{path} is {spelled(shape)}, and which axis is slow time is not obvious; name it with "
                           f"--slow-axis (0 to {len(shape) - 1})")
    return int(order[-1])
