"""Raw radar recordings, one folder per person, written as a user-folder tree of spectrogram images.

    python -m mdgen.data.recorded_users RECORDINGS --output-dir DATA --carrier 77e9 --prf 10000 --window 3 --overlap 2

RECORDINGS/<user>/*.npy|npz|mat become DATA/<user>/<recording>_<k>.png. DATA/windows.csv keeps which samples every
image was made of; with it, `Split` lets no sample into two parts. DATA/recordings.json keeps what was asked for, what
the files held, and the axes.
"""

import argparse
import csv
import json
import math
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from mdgen import commandline
from mdgen.data.colormap import COLORMAPS, to_color
from mdgen.data.image_io import shown
from mdgen.data.user_folders import check_names, entries_of, natural_key
from mdgen.data.windows import WINDOW_COLUMNS, WINDOWS_FILE
from mdgen.errors import RequestError
from mdgen.files import whole_folder
from mdgen.radar.echo import Radar
from mdgen.radar.recording_formats import READERS
from mdgen.radar.recordings import PowerMatrix, RawIQ

SHEET_FILE = "recordings.json"
VERSION = 1  # raise it when the same request would give other images
WALKING_SPEEDS = 6.0  # m/s, the velocity span unless the PRF allows less
ONLY_FOR = {"iq": ("prf", "stft_window", "clutter_cutoff", "slow_axis", "fast_axis", "range_bins"),
            "spectrogram": ("frame_rate", "scale", "rows")}
NEEDED = {"iq": ("prf",), "spectrogram": ("frame_rate", "scale", "rows", "velocity_span")}

EXAMPLES = """examples:
  python -m mdgen.data.recorded_users recordings/ --output-dir data/ --carrier 77e9 --prf 10000 --window 3 --overlap 2
  python -m mdgen.data.recorded_users recordings/ --output-dir data/ --carrier 24e9 --prf 4000 --window 3 \\
      --velocity-span -1.5 6 --variable I Q
  python -m mdgen.data.recorded_users chirps/ --output-dir data/ --carrier 77e9 --prf 10000 --window 3 \\
      --slow-axis 2 --fast-axis 1 --flip
  python -m mdgen.data.recorded_users matrices/ --output-dir data/ --carrier 77e9 --window 3 --kind spectrogram \\
      --frame-rate 40 --velocity-span -5 5 --scale db --rows doppler"""


def write_recorded_users(source, root, reading, *, window_s, overlap_s=0.0, colormap="jet", command=None,
                         progress=None):
    """Write root/<user>/<recording>_<k>.png (8-bit RGB), root/windows.csv and root/recordings.json.

    source: folder with a folder of .npy, .npz or .mat recordings per user. reading: a RawIQ or PowerMatrix, which
    says what the files hold and how it becomes an image. window_s: length of a window in s. overlap_s: what neighbours
    share, in s. Samples at the end of a recording that fill no window are not used. command: kept in recordings.json.
    progress: called as progress(done, total). Every file is opened before the first image is written, and the tree
    appears whole or not at all. Returns the content of recordings.json. Raises RequestError for files and settings
    that do not fit.
    """
    root = Path(root)
    samples, hop = window_samples(reading, window_s, overlap_s)
    recordings = list_recordings(Path(source))
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RequestError(f"{shown(root)} exists already; choose another --output-dir, or delete it first")
    held = [describe(user, path, reading.open(path, samples), samples, hop) for user, path in recordings]
    rows, total = [], sum(entry["windows"] for entry in held)
    with whole_folder(root) as partial:
        for (user, path), entry in zip(recordings, held, strict=True):
            (partial / user).mkdir(parents=True, exist_ok=True)
            recording = reading.open(path, samples)
            for k in range(entry["windows"]):
                image = reading.image(recording, k * hop, k * hop + samples)
                rows.append((f"{user}/{path.stem}_{k + 1:04d}.png", entry["recording"], k * hop, k * hop + samples - 1))
                Image.fromarray(to_color(image.image, colormap)).save(partial / rows[-1][0])
                if progress is not None:
                    progress(len(rows), total)
        with open(partial / WINDOWS_FILE, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([WINDOW_COLUMNS, *rows])
        sheet = dict(version=VERSION, command=command, window_s=samples / reading.rate_hz,
                     overlap_s=(samples - hop) / reading.rate_hz, colormap=colormap, kind=type(reading).__name__,
                     reading=asdict(reading), recordings=held, axes=image.axes())
        (partial / SHEET_FILE).write_text(json.dumps(sheet, indent=1), encoding="utf-8")
    return sheet


def window_samples(reading, window_s, overlap_s):
    """Samples of a window and from one window's start to the next; RequestError for settings that do not fit."""
    rate = reading.rate_hz
    reading.check(round(window_s * rate))
    if not 0 <= overlap_s <= window_s - 1 / rate:
        raise RequestError(f"--overlap is {overlap_s:g} s; expected 0 or more and less than the window of {window_s:g} "
                           f"s by at least one sample ({1 / rate:g} s)")
    return round(window_s * rate), round((window_s - overlap_s) * rate)


def list_recordings(root):
    """[(user, path)] of all recordings, users and files in natural order."""
    expected = f"expected a folder with one folder of recordings ({', '.join(READERS)}) per user"
    if not root.is_dir():
        raise RequestError(f"{shown(root)} {'is no folder' if root.exists() else 'does not exist'}; {expected}. "
                           "Correct the path")
    users = sorted((entry.name for entry in entries_of(root) if entry.is_dir()), key=natural_key)
    if not users:
        raise RequestError(f"{shown(root)} holds no user folders; {expected}. Make a folder per user")
    check_names(users)
    recordings = []
    for user in users:
        files = sorted((entry.name for entry in entries_of(root / user) if entry.is_file()), key=natural_key)
        chosen = [name for name in files if name.lower().endswith(tuple(READERS))]
        if not chosen:
            found = ", ".join(sorted({Path(name).suffix or name for name in files})) or "nothing"
            raise RequestError(f"{shown(root / user)} holds no recordings, but {found}; {expected}. Convert or remove "
                               "what it holds")
        stems = [Path(name).stem.casefold() for name in chosen]
        twice = [name for name, stem in zip(chosen, stems, strict=True) if stems.count(stem) > 1]
        if twice:
            raise RequestError(f"{shown(root / user)} holds {', '.join(map(shown, twice))}, whose images would have "
                               "the same names; rename or remove all but one")
        recordings += [(user, root / user / name) for name in chosen]
    return recordings


def describe(user, path, recording, samples, hop):
    """What recordings.json says of a recording."""
    dtype = " + i ".join(str(array.dtype) for array in recording.arrays)
    return dict(recording=f"{user}/{path.name}", shape=list(recording.shape), dtype=dtype,
                time_axis=recording.time_axis, samples=recording.samples,
                windows=(recording.samples - samples) // hop + 1)


# --- the command ---

def parser():
    p = commandline.Parser(prog="python -m mdgen.data.recorded_users", description=__doc__, epilog=EXAMPLES,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("input", type=Path, metavar="RECORDINGS", help="a folder with one folder of recordings per user")
    p.add_argument("--output-dir", type=Path, required=True, help="the folder to write, for train.py's --data-dir")
    p.add_argument("--carrier", type=float, required=True, metavar="HZ", help="carrier frequency")
    p.add_argument("--prf", type=float, metavar="HZ", help="pulses (chirps) per second of slow time")
    p.add_argument("--window", type=float, required=True, metavar="S", help="seconds that an image shows")
    p.add_argument("--overlap", type=float, default=0.0, metavar="S", help="seconds shared by neighbours (default: 0)")
    p.add_argument("--velocity-span", type=float, nargs=2, metavar=("LOW", "HIGH"), help="m/s at the image's edges "
                   f"(default: +-{WALKING_SPEEDS:g}, or what the PRF allows); of a matrix, at its Doppler axis's edges")
    p.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("H", "W"), help="pixels; default: 128 128")
    p.add_argument("--dynamic-range", type=float, default=40.0, metavar="DB", help="from peak to floor (default: 40)")
    p.add_argument("--colormap", choices=COLORMAPS, default="jet", help="default: jet")
    p.add_argument("--variable", nargs="+", default=(), metavar="NAME",
                   help="array in .npz or .mat files; two names: real and imaginary part")
    p.add_argument("--flip", action="store_true", help="turn the Doppler axis: approaching is negative in these files")
    p.add_argument("--kind", choices=list(ONLY_FOR), default="iq", help="what the files hold (default: iq)")
    p.add_argument("--slow-axis", type=int, metavar="K", help="axis of slow time, from 0 (default: if obvious)")
    p.add_argument("--fast-axis", type=int, metavar="K", help="axis of an FMCW radar's raw samples within a chirp")
    p.add_argument("--range-bins", type=int, metavar="N", help="range bins about the body that are used (default: 15)")
    p.add_argument("--stft-window", type=float, metavar="S", help="Fourier window (default: 0.03)")
    p.add_argument("--clutter-cutoff", type=float, metavar="M/S", help="static-clutter filter, 0: off (default: 0.08)")
    p.add_argument("--frame-rate", type=float, metavar="HZ", help="spectrogram: its time steps per second")
    p.add_argument("--scale", choices=("db", "power", "amplitude"), help="spectrogram: what its values are")
    p.add_argument("--rows", choices=("doppler", "time"), help="spectrogram: what its first axis is")
    return p


def reading_of(args):
    """The RawIQ or PowerMatrix that the flags describe."""
    for name in ("carrier", "prf", "frame_rate", "window", "size", "dynamic_range", "stft_window", "range_bins"):
        value = getattr(args, name)
        least = min(value) if isinstance(value, (list, tuple)) else value
        if least is not None and not 0 < least < math.inf:
            raise RequestError(f"{flag(name)} is {least:g}; it must be above 0")
    for kind, names in ONLY_FOR.items():
        for name in names:
            if kind != args.kind and getattr(args, name) is not None:
                raise RequestError(f"{flag(name)} is for --kind {kind}, but the kind is {args.kind}; leave it out, "
                                   f"or give --kind {kind}")
    missing = [flag(name) for name in NEEDED[args.kind] if getattr(args, name) is None]
    if missing:
        raise RequestError(f"{', '.join(missing)} missing; --kind {args.kind} needs it. Give it as --help shows")
    if len(args.variable) > 2:
        raise RequestError(f"--variable names {len(args.variable)} arrays; expected one, or real and imaginary part")
    given = dict(carrier_hz=args.carrier, size=tuple(args.size), dynamic_range_db=args.dynamic_range, flip=args.flip,
                 variables=tuple(args.variable))
    if args.kind == "spectrogram":
        return PowerMatrix(frame_rate_hz=args.frame_rate, velocity_span=tuple(args.velocity_span), scale=args.scale,
                           rows=args.rows, **given)
    limit = min(WALKING_SPEEDS, Radar(carrier_hz=args.carrier, prf_hz=args.prf).unambiguous_speed)
    optional = dict(stft_window_s=args.stft_window, clutter_cutoff=args.clutter_cutoff, slow_axis=args.slow_axis,
                    fast_axis=args.fast_axis, range_bins=args.range_bins)
    return RawIQ(prf_hz=args.prf, velocity_span=tuple(args.velocity_span or (-limit, limit)), **given,
                 **{name: value for name, value in optional.items() if value is not None})


def flag(name):
    return "--" + name.replace("_", "-")


def main(argv):
    args = parser().parse_args(argv)
    command = shlex.join(["python", "-m", "mdgen.data.recorded_users", *argv])
    try:
        sheet = write_recorded_users(args.input, args.output_dir, reading_of(args), window_s=args.window,
                                     overlap_s=args.overlap, colormap=args.colormap, command=command,
                                     progress=commandline.show_images)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; nothing was written") from None
    held, (low, high) = sheet["recordings"], sheet["reading"]["velocity_span"]
    shape = " x ".join(map(str, held[0]["shape"]))
    print(f"{args.output_dir}: {sum(entry['windows'] for entry in held)} images of {len(held)} recordings, {low:g} to "
          f"{high:g} m/s; {held[0]['recording']} is {shape} {held[0]['dtype']}, time along axis {held[0]['time_axis']}")
    print(f"next: python train.py --preset small --data-dir {shlex.quote(str(args.output_dir))}")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
