"""Matrices that are spectrograms, or images of them, already -> windows -> images."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdgen.errors import Note, RequestError
from mdgen.radar.echo import Radar
from mdgen.radar.recording_axes import Axes, named_axis
from mdgen.radar.recording_checks import check_finite
from mdgen.radar.recording_files import spelled
from mdgen.radar.recording_formats import open_file
from mdgen.radar.recording_rates import check_radar
from mdgen.radar.recording_windows import Recording, check_picture, check_span, check_window
from mdgen.radar.spectrogram import cell_image, cell_levels

SCALES = ("db", "power", "amplitude", "level")
DB_SPAN = (10.0, 500.0)  # least and largest span of a window's decibels: speckle alone spans 20 and more
IMAGE_MEAN = 0.15  # of values whose largest is 1: images are brighter, linear power and amplitude darker


@dataclass(frozen=True)
class PowerMatrix:
    """How matrices that are spectrograms already become images; the fields are numbers and strings (JSON).

    carrier_hz: the radar's. frame_rate_hz: columns of the spectrogram per second. velocity_span: (low, high) in m/s
    at the outer edges of its Doppler axis. scale: "db", "power", "amplitude", or "level" for images: uint8 or 0 to 1,
    which are intensities as they are. rows: "doppler" or "time". Doppler rises with the index (as a centred Fourier
    transform leaves it), flip: it falls. stack_axis: along which matrices of their own lie. size, dynamic_range_db and
    the power mean over a cell: as for `spectrogram`. variables: see `open_file`.
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
    stack_axis: int | None = None
    file_kind: str = ""

    def spanning(self, recordings):
        return self

    def check(self, recording, samples):
        """As `RawIQ.check`, of so many columns."""
        check_window(samples, 2, self.frame_rate_hz)
        check_span(*self.velocity_span)
        check_radar(self.carrier_hz, 1.0, 1, walks=False)
        check_picture(self.size, self.dynamic_range_db)

    def open(self, path):
        """A file as a Recording of columns; RequestError where it is no real matrix."""
        arrays = open_file(path, self.variables).arrays
        found = f"{arrays[0].dtype} {spelled(arrays[0].shape)}"
        if len(arrays) > 1 or arrays[0].dtype.kind == "c":
            raise RequestError(f"{path} is complex ({found}); expected real decibels, power or amplitude. Save the "
                               "magnitude, or give --kind iq for slow time")
        if arrays[0].dtype == np.uint8 and self.scale != "level":
            raise RequestError(f"{path} is {found}, levels from 0 to 255 of an image, but --scale is {self.scale}; "
                               "give --scale level")
        if arrays[0].dtype.kind in "iu" and arrays[0].dtype != np.uint8 and self.scale == "level":
            raise RequestError(f"{path} is {found}, whose full scale is not known; expected uint8, or 0 to 1. Divide "
                               "by the largest level that there can be")
        shape, stack = arrays[0].shape, self.stack_axis
        stack = None if stack is None else named_axis(path, shape, stack, "--stack-axis")
        sides = [axis for axis in range(len(shape)) if axis != stack]
        if len(sides) != 2 or min(shape[axis] for axis in sides) < 2:
            of_stack = "" if stack is None else " at every index of --stack-axis"
            raise RequestError(f"{path} is {found}; expected a matrix of Doppler by time{of_stack}. Save one "
                               "spectrogram a file, or name the axis along which they lie with --stack-axis")
        doppler, time = sides if self.rows == "doppler" else sides[::-1]
        return Recording(Path(path), arrays, Axes((time,), summed=(doppler,), stack=stack), self.frame_rate_hz)

    def image(self, recording, first, stop):
        """The Spectrogram of the columns first .. stop - 1, and of no others."""
        full = 255 if recording.arrays[0].dtype == np.uint8 else 1  # uint8 is level alone
        linear = self.linear(recording.path, recording.read(first, stop).astype(np.float64) / full, first)
        linear = linear[::-1] if self.flip else linear
        spans = (self.velocity_span, (0, (stop - first) / self.frame_rate_hz))
        edges = [np.linspace(*span, cells + 1) for span, cells in zip(spans, linear.shape, strict=True)]
        cell_edges = [np.linspace(*span, cells + 1) for span, cells in zip(spans, self.size, strict=True)]
        make = cell_levels if self.scale == "level" else cell_image
        return make(linear, edges, cell_edges, Radar(carrier_hz=self.carrier_hz).wavelength_m, self.dynamic_range_db)

    def linear(self, path, values, first):
        """Values [Doppler, n] of the file as linear power, or as the levels that they are; RequestError where they
        cannot be of the scale named."""
        if self.scale == "db":
            return self.of_decibels(path, values, first)
        check_finite(path, values, first)
        if values.min() < 0:
            raise RequestError(f"{path} has negative values ({values.min():g}) from column {first} on, which no "
                               f"{self.scale} can be; give --scale db if these are decibels")
        if self.scale == "level":
            if 1 < values.max() <= 255 and np.array_equal(values, np.rint(values)):
                raise RequestError(f"{path} has whole numbers up to {values.max():g}, from column {first} on, that are "
                                   "no uint8; expected levels of uint8, or 0 to 1. Save them as uint8")
            if values.max() > 1:
                raise RequestError(f"{path} has values up to {values.max():g} from column {first} on; expected levels "
                                   "of uint8, or 0 to 1. Divide by the largest level that there can be, or give "
                                   "--scale power or amplitude")
            return values
        if 0.999 < values.max() <= 1 and values.mean() > IMAGE_MEAN:
            warnings.warn(f"{path} has values from 0 to 1 with a mean above {IMAGE_MEAN}, as images have; if they are "
                          "levels of an image already, give --scale level", Note, stacklevel=2)
        return values if self.scale == "power" else values**2

    def of_decibels(self, path, values, first):
        finite = np.where(np.isneginf(values), values.max(), values)  # -inf, the log of 0, is an empty cell
        check_finite(path, finite, first)
        low, high = finite.min(), finite.max()
        if not DB_SPAN[0] <= high - low <= DB_SPAN[1]:
            remedy = "If these are linear, give --scale power or amplitude"
            if 0 <= low and high <= 1:
                remedy = f"If these are levels of an image, give --scale level; {remedy[0].lower()}{remedy[1:]}"
            raise RequestError(f"{path} has values of {low:g} to {high:g} from column {first} on; decibels span "
                               f"{DB_SPAN[0]:g} to {DB_SPAN[1]:g}. {remedy}")
        if low >= 0 and 60 < high <= 255 and np.array_equal(finite, np.rint(finite)):
            raise RequestError(f"{path} has whole numbers from {low:g} to {high:g}, levels of an image and no decibels;"
                               " save them as uint8 and give --scale level")
        return 10 ** ((values - high) / 10)
