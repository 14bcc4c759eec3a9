"""Raw radar recordings, one folder per person, written as a user-folder tree of spectrogram images.

    python -m mdgen.data.recorded_users RECORDINGS --output-dir DATA --carrier 77e9 --prf 10000 --window 3 --overlap 2

RECORDINGS/<user>/*.npy|npz|mat become DATA/<user>/<recording>_<k>.png. DATA/windows.csv keeps which samples every
image was made of; with it, `Split` lets no sample into two parts. DATA/recordings.json keeps what was asked for, what
the files held, and the axes.
"""

import contextlib
import csv
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from mdgen import commandline
from mdgen.data import recording_flags
from mdgen.data.colormap import to_color
from mdgen.data.image_io import shown
from mdgen.data.user_folders import check_names, entries_of, natural_key
from mdgen.data.windows import WINDOW_COLUMNS, WINDOWS_FILE
from mdgen.errors import RequestError
from mdgen.files import whole_folder
from mdgen.radar.recording_formats import suffixes_of

SHEET_FILE = "recordings.json"
VERSION = 1  # raise it when the same request would give other images
ON_BAD_FILE = "--on-bad-file"


def write_recorded_users(source, root, reading, *, window_s, overlap_s=0.0, colormap="jet", command=None,
                         progress=None, on_bad_file="stop"):
    """Write root/<user>/<recording>_<k>.png (8-bit RGB), root/windows.csv and root/recordings.json.

    source: folder with a folder of recordings per user. reading: a RawIQ or PowerMatrix, which says what the files
    hold and how it becomes an image. window_s: length of a window in s. overlap_s: what neighbours share, in s. Samples
    at the end of a recording that fill no window are not used. command: kept in recordings.json. progress: called as
    progress(done, total). on_bad_file: "skip" leaves out the recordings that cannot be used and lists them in
    recordings.json; "stop" refuses. Every file is opened before the first image is written, and the tree appears whole
    or not at all. Returns the content of recordings.json. Raises RequestError for files and settings that do not fit.
    """
    root = Path(root)
    files = list_recordings(Path(source), suffixes_of(reading.file_kind))
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RequestError(f"{shown(root)} exists already; choose another --output-dir, or delete it first")
    bad, opened = BadFiles(on_bad_file == "skip", len(files)), []
    for user, path in files:
        with bad.passing(user, path):
            recording = reading.open(path)
            opened.append((user, path, recording.outline(), *recording.windows(window_s, overlap_s)))
    reading = reading.spanning([recording for _, _, recording, _, _ in opened])
    for _, _, recording, samples, _ in opened:
        reading.check(recording, samples)
    with whole_folder(root) as partial:
        rows, held, axes = write_images(partial, reading, opened, bad, colormap, progress)
        with open(partial / WINDOWS_FILE, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([WINDOW_COLUMNS, *rows])
        sheet = dict(version=VERSION, command=command, window_s=window_s, overlap_s=overlap_s, colormap=colormap,
                     kind=type(reading).__name__, reading=asdict(reading), axes=axes,
                     recordings=held, skipped=bad.found)
        (partial / SHEET_FILE).write_text(json.dumps(sheet, indent=1), encoding="utf-8")
    return sheet


def write_images(folder, reading, opened, bad, colormap, progress):
    """Write the images of opened recordings; of what turns out bad none stay.

    Returns the rows of windows.csv, the entries of recordings.json and the images' axes.
    """
    rows, held, axes, total = [], [], None, sum(len(starts) for *_, starts in opened)
    for user, path, recording, samples, starts in opened:
        own, whole = [], False
        with bad.passing(user, path):
            (folder / user).mkdir(parents=True, exist_ok=True)
            recording = reading.open(path)
            for k, first in enumerate(starts):
                image = reading.image(recording, first, first + samples)
                own.append((f"{user}/{path.stem}_{k + 1:04d}.png", f"{user}/{path.name}", first, first + samples - 1))
                Image.fromarray(to_color(image.image, colormap)).save(folder / own[-1][0])
                if progress is not None:
                    progress(len(rows) + len(own), total)
            rows, axes, whole = rows + own, image.axes(), True
            held.append(describe(user, path, recording, len(starts)))
        if not whole:
            total -= len(starts)
            for name, *_ in own:
                (folder / name).unlink()
    if not rows:
        raise RequestError(f"none of the {len(bad.found)} recordings can be used; {bad.found[0]['reason']}")
    for user in {user for user, *_ in opened} - {name.split("/")[0] for name, *_ in rows}:
        (folder / user).rmdir()
    return rows, held, axes


class BadFiles:
    """What happens to recordings that cannot be used: skip notes them in found, [{recording, reason}], else the first
    one is refused, of so many."""

    def __init__(self, skip, count):
        self.skip, self.count, self.found = skip, count, []

    @contextlib.contextmanager
    def passing(self, user, path):
        try:
            yield
        except RequestError as error:
            if not self.skip:
                hint = "" if self.count == 1 or ON_BAD_FILE in str(error) else f"; {ON_BAD_FILE} skip leaves it out"
                raise RequestError(f"{error}{hint}") from error
            self.found.append(dict(recording=f"{user}/{path.name}", reason=str(error)))


def list_recordings(root, suffixes):
    """[(user, path)] of all recordings, users and files in natural order; suffixes: their endings."""
    expected = f"expected a folder with one folder of recordings ({', '.join(suffixes)}) per user"
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
        chosen = [name for name in files if name.lower().endswith(suffixes)]
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


def describe(user, path, recording, windows):
    """What recordings.json says of a recording."""
    dtype, slow = " + i ".join(str(array.dtype) for array in recording.arrays), recording.axes.slow
    return dict(recording=f"{user}/{path.name}", shape=list(recording.shape), dtype=dtype,
                time_axis=slow[0] if len(slow) == 1 else list(slow), samples=recording.samples,
                rate_hz=recording.rate_hz, windows=windows)


# --- the command ---

def main(argv):
    args = recording_flags.parser(__doc__).parse_args(argv)
    command = shlex.join(["python", "-m", "mdgen.data.recorded_users", *argv])
    reading = recording_flags.reading_of(args)
    try:
        sheet = write_recorded_users(args.input, args.output_dir, reading, window_s=args.window,
                                     overlap_s=args.overlap, colormap=args.colormap, command=command,
                                     progress=commandline.show_images, on_bad_file=args.on_bad_file)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; nothing was written") from None
    held, (low, high) = sheet["recordings"], sheet["reading"]["velocity_span"]
    shape, axes = " x ".join(map(str, held[0]["shape"])), held[0]["time_axis"]
    axes = f"axis {axes}" if isinstance(axes, int) else "axes " + " and ".join(map(str, axes))
    print(f"{args.output_dir}: {sum(entry['windows'] for entry in held)} images of {len(held)} recordings, {low:g} to "
          f"{high:g} m/s; {held[0]['recording']} is {shape} {held[0]['dtype']}, time along {axes}, "
          f"{held[0]['rate_hz']:g} samples per second")
    for bad in sheet["skipped"]:
        print(f"skipped {bad['recording']}: {bad['reason']}")
    print(f"next: python train.py --preset small --data-dir {shlex.quote(str(args.output_dir))}")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
