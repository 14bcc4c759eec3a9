"""The flags of `mdgen.data.recorded_users`, and the reading of recordings that they describe."""

import argparse
import math
from pathlib import Path

from mdgen import commandline
from mdgen.data.colormap import COLORMAPS
from mdgen.data.raw_file_flags import CARD_LAYOUTS, RAW_FILES, add_raw_files, file_options, flag
from mdgen.errors import RequestError
from mdgen.radar.power_matrix import SCALES, PowerMatrix
from mdgen.radar.recording_axes import LAYOUTS
from mdgen.radar.recording_formats import KINDS
from mdgen.radar.recording_rates import NO_VARIABLE
from mdgen.radar.recordings import WALKING_SPEEDS, RawIQ

AXES = ("slow_axis", "fast_axis", "range_axis", "sum_axis", "index", "layout")
SLOW_TIME = (*AXES, "prf", "prf_variable", "period_variable", "transmitters", "range_bins", "stft_window",
             "clutter_cutoff")
MATRIX = ("scale", "rows")
ABOVE_0 = ("carrier", "prf", "frame_rate", "window", "size", "dynamic_range", "stft_window", "range_bins",
           "transmitters")

EXAMPLES = """examples:
  python -m mdgen.data.recorded_users recordings/ --output-dir data/ --carrier 77e9 --prf 10000 --window 3 --overlap 2
  python -m mdgen.data.recorded_users recordings/ --output-dir data/ --carrier 24e9 --prf 4000 --window 3 \\
      --velocity-span -1.5 6 --variable I Q
  python -m mdgen.data.recorded_users recordings/ --output-dir data/ --carrier 24e9 --prf-variable fs --window 3
  python -m mdgen.data.recorded_users chirps/ --output-dir data/ --carrier 77e9 --prf 10000 --window 3 \\
      --slow-axis 2 --fast-axis 1 --sum-axis 0 --flip
  python -m mdgen.data.recorded_users captures/ --output-dir data/ --carrier 77e9 --prf 6000 --window 3 \\
      --layout ti --frame-rate 20 --transmitters 2 --flip
  python -m mdgen.data.recorded_users matrices/ --output-dir data/ --carrier 77e9 --window 3 --kind spectrogram \\
      --frame-rate 40 --velocity-span -5 5 --scale db --rows doppler"""


def parser(description):
    p = commandline.Parser(prog="python -m mdgen.data.recorded_users", description=description, epilog=EXAMPLES,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("input", type=Path, metavar="RECORDINGS", help="a folder with one folder of recordings per user")
    p.add_argument("--output-dir", type=Path, required=True, help="the folder to write, for train.py's --data-dir")
    p.add_argument("--kind", choices=("iq", "spectrogram", *KINDS), default="iq",
                   help="what the files hold (default: iq)")
    p.add_argument("--carrier", type=float, metavar="HZ", help="carrier frequency")
    p.add_argument("--window", type=float, required=True, metavar="S", help="seconds that an image shows")
    p.add_argument("--overlap", type=float, default=0.0, metavar="S", help="seconds shared by neighbours (default: 0)")
    p.add_argument("--velocity-span", type=float, nargs=2, metavar=("LOW", "HIGH"), help="m/s at the image's edges "
                   f"(default: +-{WALKING_SPEEDS:g}, or what the PRF allows); of a matrix, at its Doppler axis's edges")
    p.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("H", "W"), help="pixels; default: 128 128")
    p.add_argument("--dynamic-range", type=float, metavar="DB", help="from peak to floor (default: 40)")
    p.add_argument("--colormap", choices=COLORMAPS, default="jet", help="default: jet")
    p.add_argument("--variable", nargs="+", default=(), metavar="NAME",
                   help="array in .npz or .mat files; two names: real and imaginary part")
    p.add_argument("--flip", action="store_true", help="turn the Doppler axis: approaching is negative in these files")
    p.add_argument("--stack-axis", type=int, metavar="K",
                   help="axis along which recordings or matrices of their own lie")
    p.add_argument("--on-bad-file", choices=("stop", "skip"), default="stop",
                   help="skip: leave out recordings that cannot be used, and list them (default: stop)")
    add_slow_time(p.add_argument_group("slow time (all kinds but spectrogram)"))
    add_raw_files(p.add_argument_group("raw files (dca1000, iq-int16, iq-float32)"))
    group = p.add_argument_group("spectrogram")
    group.add_argument("--scale", choices=SCALES, help="what the values are; level: an image already, uint8 or 0 to 1")
    group.add_argument("--rows", choices=("doppler", "time"), help="what the first axis is")
    return p


def add_slow_time(p):
    p.add_argument("--prf", type=float, metavar="HZ", help="chirps (pulses) per second, of all transmitters together; "
                   "of frames, the rate within a frame")
    p.add_argument("--prf-variable", metavar="NAME", help="number in each .npz or .mat that is its PRF in Hz; "
                   f"{NO_VARIABLE}: --prf holds whatever the files say")
    p.add_argument("--period-variable", metavar="NAME", help="number in each .npz or .mat that is its period in s")
    p.add_argument("--frame-rate", type=float, metavar="HZ", help="frames of chirps, or columns of a spectrogram, per "
                   "second")
    p.add_argument("--layout", choices=(*LAYOUTS, *CARD_LAYOUTS), help="order of axes of a maker's programs, in place "
                   "of the next four: " + "; ".join(f"{name}: {', '.join(layout.names)}" for name, layout in
                                                    LAYOUTS.items()) + "; of --kind dca1000: the radar")
    p.add_argument("--slow-axis", type=int, nargs="+", metavar="K",
                   help="axis of slow time, from 0, or two: frames and the chirps of a frame (default: the only axis "
                   "without a name)")
    p.add_argument("--fast-axis", type=int, metavar="K", help="axis of an FMCW radar's raw samples within a chirp")
    p.add_argument("--range-axis", type=int, metavar="K",
                   help="axis of range bins, of which those about the body count")
    p.add_argument("--sum-axis", type=int, nargs="+", default=(), metavar="K", help="axes whose power adds up, such as "
                   "receivers")
    p.add_argument("--index", nargs="+", default=(), metavar="AXIS=K", help="use one of an axis: 1=0 is the first "
                   "receiver where axis 1 is receivers")
    p.add_argument("--transmitters", type=int, metavar="N", help="transmitters in turn: chirps k, k + N, ... are of "
                   "transmitter k (default: one, and spectra that hold copies of themselves are refused)")
    p.add_argument("--range-bins", type=int, metavar="N", help="range bins about the body that are used (default: 15)")
    p.add_argument("--stft-window", type=float, metavar="S", help="Fourier window (default: 0.03)")
    p.add_argument("--clutter-cutoff", type=float, metavar="M/S", help="static-clutter filter, 0: off (default: 0.08)")


def reading_of(args):
    """The RawIQ or PowerMatrix that the flags describe."""
    for name in ABOVE_0:
        value = getattr(args, name)
        least = min(value) if isinstance(value, (list, tuple)) else value
        if least is not None and not 0 < least < math.inf:
            raise RequestError(f"{flag(name)} is {least:g}; it must be above 0")
    for name in (*SLOW_TIME, *RAW_FILES) if args.kind == "spectrogram" else MATRIX:
        if getattr(args, name) not in (None, ()):
            kind = "spectrogram" if name in MATRIX else "iq"
            raise RequestError(f"{flag(name)} is for --kind {kind}, but the kind is {args.kind}; leave it out, or give "
                               f"--kind {kind}")
    if len(args.variable) > 2:
        raise RequestError(f"--variable names {len(args.variable)} arrays; expected one, or real and imaginary part")
    given = dict(size=tuple(args.size), flip=args.flip, variables=tuple(args.variable), stack_axis=args.stack_axis)
    return (matrix_of if args.kind == "spectrogram" else slow_time_of)(args, given)


def matrix_of(args, given):
    needed = ("carrier", "frame_rate", "scale", "rows", "velocity_span")
    missing = [flag(name) for name in needed if getattr(args, name) is None]
    if missing:
        raise RequestError(f"{', '.join(missing)} missing; --kind spectrogram needs it. Give it as --help shows")
    if args.scale == "level" and args.dynamic_range is not None:
        raise RequestError("--dynamic-range is for decibels, power and amplitude, but levels stay as they are; leave "
                           "it out, or give another --scale")
    return PowerMatrix(carrier_hz=args.carrier, frame_rate_hz=args.frame_rate, velocity_span=tuple(args.velocity_span),
                       scale=args.scale, rows=args.rows, dynamic_range_db=args.dynamic_range or 40.0, **given)


def slow_time_of(args, given):
    named = [flag(name) for name in ("prf_variable", "period_variable")
             if getattr(args, name) not in (None, NO_VARIABLE)]
    if args.prf is not None and named or len(named) > 1:
        raise RequestError(f"{' and '.join([*(['--prf'] if args.prf else []), *named])} are given; give one of them "
                           "for the rate of chirps")
    options = file_options(args)
    slow = args.slow_axis and (args.slow_axis[0] if len(args.slow_axis) == 1 else tuple(args.slow_axis))
    optional = dict(stft_window_s=args.stft_window, clutter_cutoff=args.clutter_cutoff, range_bins=args.range_bins,
                    dynamic_range_db=args.dynamic_range)
    return RawIQ(carrier_hz=args.carrier, prf_hz=args.prf, prf_variable=args.prf_variable,
                 period_variable=args.period_variable, frame_rate_hz=args.frame_rate,
                 layout=None if "layout" in options else args.layout,
                 velocity_span=args.velocity_span and tuple(args.velocity_span), slow_axis=slow,
                 fast_axis=args.fast_axis, range_axis=args.range_axis, sum_axis=tuple(args.sum_axis),
                 index=tuple(args.index), transmitters=args.transmitters,
                 file_kind="" if args.kind == "iq" else args.kind, file_options=options, **given,
                 **{name: value for name, value in optional.items() if value is not None})
