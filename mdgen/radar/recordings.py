"""Raw recordings of a radar -> windows -> spectrograms."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.echo import Radar
from mdgen.radar.frames import LEAST_CHIRPS, frame_spectrogram
from mdgen.radar.range_bins import body_bins, near_body
from mdgen.radar.recording_axes import LAYOUTS, find_axes
from mdgen.radar.recording_checks import check_finite, check_pairs, check_turns
from mdgen.radar.recording_files import spelled
from mdgen.radar.recording_formats import open_file
from mdgen.radar.recording_rates import carrier_of, check_radar, frame_rate_of, is_rate, rate_of
from mdgen.radar.recording_windows import Recording, check_picture, check_span, check_window
from mdgen.radar.spectrogram import spectrogram

WALKING_SPEEDS = 6.0  # m/s, the velocity span unless the PRF allows less


@dataclass(frozen=True)
class RawIQ:
    """How slow-time samples of a coherent radar become images; the fields are numbers and strings (JSON).

    carrier_hz: None where the file's format tells it. prf_hz: chirps per second of all transmitters, within a frame;
    None where prf_variable (Hz) or period_variable (s) names a number in each file, or the file's format tells it.
    velocity_span: m/s; None for 6 m/s or what the PRF allows. size (H, W), stft_window_s, dynamic_range_db and
    clutter_cutoff (m/s): as for `spectrogram`.
    slow_axis: slow time; two for frames and the chirps of a frame, of which there are frame_rate_hz per second. Where
    the chirps of two frames do not follow without a pause, the transform stays within a frame (`frame_spectrogram`).
    fast_axis: an FMCW radar's raw samples within a chirp; they become range bins. range_axis: range bins. Of either,
    range_bins about the body are used. sum_axis, index, stack_axis, layout: as for `find_axes`; layout may come from
    the file's format. Axes are counted without a last axis of 2 of real numbers, which is (I, Q).
    transmitters: chirps k, k + N, ... are of transmitter k, and N transmitters add up in power; None is one, of which
    the spectrum has to look. flip: approaching is negative (echo phase exp(+j 4 pi R / wavelength)). variables,
    file_kind, file_options: as for `open_file`.
    """

    carrier_hz: float | None
    prf_hz: float | None
    velocity_span: tuple | None = None
    size: tuple = (128, 128)
    stft_window_s: float = 0.03
    dynamic_range_db: float = 40.0
    clutter_cutoff: float = 0.08
    slow_axis: int | tuple | None = None
    fast_axis: int | None = None
    range_axis: int | None = None
    sum_axis: tuple = ()
    index: tuple = ()
    stack_axis: int | None = None
    layout: str | None = None
    frame_rate_hz: float | None = None
    transmitters: int | None = None
    prf_variable: str | None = None
    period_variable: str | None = None
    range_bins: int = 15
    flip: bool = False
    variables: tuple = ()
    file_kind: str = ""
    file_options: dict = field(default_factory=dict)

    def open(self, path):
        """A file as a Recording; RequestError where it is no recording as described, or does not look like one."""
        content = open_file(path, self.variables, lambda name: is_rate(name) or name in self.rate_variables,
                            self.file_kind, self.file_options)
        arrays, turns = content.arrays, self.transmitters or 1
        shape, is_real = arrays[0].shape, len(arrays) == 1 and arrays[0].dtype.kind != "c"
        layout = self.layout or content.facts.get("layout")
        is_raw = self.fast_axis is not None or layout is not None and LAYOUTS[layout].fast is not None
        pairs = is_real and len(shape) > 1 and shape[-1] == 2 and layout is None
        if is_real and not pairs and not is_raw:
            raise RequestError(f"{path} holds real numbers ({arrays[0].dtype} {spelled(shape)}); expected complex I/Q, "
                               "a last axis of 2 (I, Q), or --variable with a real and an imaginary part. If these are "
                               "raw chirps, name the samples within a chirp with --fast-axis, or give --layout ti or "
                               "infineon; if it is a spectrogram already, give --kind spectrogram")
        axes = find_axes(path, shape[:-1] if pairs else shape, slow=self.slow_axis, fast=self.fast_axis,
                         bins=self.range_axis, summed=self.sum_axis, index=self.index, stack=self.stack_axis,
                         layout=layout)
        carrier = carrier_of(path, content, self.carrier_hz)
        prf = rate_of(path, content, self.prf_hz, self.prf_variable, self.period_variable, raw=is_raw,
                      transmitters=turns)
        check_radar(carrier, prf, turns, walks=self.velocity_span is None)
        frame_rate = frame_rate_of(path, shape, axes, prf, self.frame_rate_hz or content.facts.get("frame_rate_hz"))
        recording = Recording(Path(path), arrays, axes, prf, turns, frame_rate, Radar(carrier, prf / turns), pairs)
        if recording.frame_chirps % turns or recording.frame_chirps and recording.frame_chirps // turns < LEAST_CHIRPS:
            raise RequestError(f"{path} has frames of {recording.frame_chirps} chirps, which give {turns} transmitters "
                               f"less than {LEAST_CHIRPS} each, or not equally many; correct --slow-axis or "
                               "--transmitters. Frames of a single chirp are slow time themselves: --slow-axis K "
                               "with the frame rate as --prf")
        if axes.fast is None:
            check_pairs(path, recording.blocks())
        return recording

    @property
    def rate_variables(self):
        return {self.prf_variable, self.period_variable} - {None}

    def spanning(self, recordings):
        """This reading with the velocity span that all recordings can show, unless one was given."""
        if self.velocity_span is not None or not recordings:
            return self
        limit = min([WALKING_SPEEDS, *(recording.radar.unambiguous_speed for recording in recordings)])
        return replace(self, velocity_span=(-limit, limit))

    def check(self, recording, samples):
        """RequestError unless so many samples of it can become an image; speaks of the command's flags."""
        radar = recording.radar
        least = 2 * recording.frame_chirps or recording.transmitters * max(
            self.size[1], round(self.stft_window_s * radar.prf_hz))
        check_window(samples, least, recording.rate_hz)
        low, high = check_span(*self.velocity_span)
        limit, at = radar.unambiguous_speed, f"{radar.prf_hz:g} Hz at {radar.carrier_hz / 1e9:g} GHz"
        if max(-low, high) > limit:
            needed = int(np.ceil(4 * max(-low, high) / radar.wavelength_m)) * recording.transmitters
            raise RequestError(f"--velocity-span is {low:g} {high:g}, but {at} shows +-{limit:.2f} m/s; give a span "
                               f"within that, or record with a PRF of {needed} Hz")
        if self.clutter_cutoff and not 1e-3 <= self.clutter_cutoff < limit:
            raise RequestError(f"--clutter-cutoff is {self.clutter_cutoff:g} m/s; {at} allows 0 (off), or 0.001 to "
                               f"below {limit:.2f} m/s. Its default is 0.08; give --clutter-cutoff 0")
        if not 4 / radar.prf_hz <= self.stft_window_s <= 1000:
            raise RequestError(f"--stft-window is {self.stft_window_s:g} s, but at {radar.prf_hz:g} Hz it takes "
                               f"{4 / radar.prf_hz:g} s to hold 4 chirps; give at least that and at most 1000")
        check_picture(self.size, self.dynamic_range_db)

    def image(self, recording, first, stop):
        """The Spectrogram of the samples first .. stop - 1, and of no others."""
        samples, frames = recording.read(first, stop), recording.frame_chirps // recording.transmitters
        check_finite(recording.path, samples, first)
        if recording.axes.fast is None and samples.real.any() and not samples.imag.any():
            raise RequestError(f"{recording.path} has no imaginary part in samples {first} to {stop - 1}, so that "
                               "approaching and receding would look alike; expected complex I/Q. Save both channels")
        per_second = recording.rate_hz / recording.transmitters
        turns = samples.reshape(*samples.shape[:-1], -1, recording.transmitters)  # [..., n, transmitter]
        turns = np.moveaxis(turns, -1, 0)  # a view: a window of raw samples can be large
        if recording.axes.fast is not None:
            turns = body_bins(turns, self.range_bins, per_second)
        elif recording.axes.bins is not None:
            turns = near_body(turns, self.range_bins, per_second)
        signal = (turns.conj() if self.flip else turns).reshape(-1, turns.shape[-1])  # [channels, n]
        if self.transmitters is None:
            check_turns(recording.path, signal.reshape(len(signal), -1, frames or signal.shape[-1]))
        given = dict(size=self.size, velocity_span=self.velocity_span, window_s=self.stft_window_s,
                     dynamic_range_db=self.dynamic_range_db, clutter_cutoff=self.clutter_cutoff)
        if frames:
            return frame_spectrogram(signal.reshape(len(signal), -1, frames), recording.radar, recording.frame_rate_hz,
                                     **given)
        return spectrogram(signal, recording.radar, **given)
