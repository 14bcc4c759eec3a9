"""All files of a folder of users, each looked at once: what the findings are made of."""

import functools
import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mdgen.data.check.frames import LEAST, cropped, find_frame
from mdgen.data.colormap import candidates, detect_colormap, is_grey
from mdgen.data.image_io import FORMATS, depth_of, intensities, read_picture
from mdgen.data.user_folders import list_users
from mdgen.errors import RequestError

GRID = 128          # rows and columns at which levels are kept
THUMB = 32          # rows and columns at which colours are kept
SAMPLE = 16         # images that show what stays the same, of at least LEAST from users one after the other
MAPPED = 24         # images that show the colour map


@dataclass(frozen=True)
class Look:
    """One image within the crop. kind, size, depth: of the file, such as PNG, (height, width) in pixels, bits a value.
    levels: uint8 [GRID, GRID], as they are read with the set's colour map. colours: uint8 [THUMB, THUMB, 3]. digest: of
    its pixels. grey: whether it has no colours. values: those that the file holds, rising; None in colours. framed:
    whether it has the others' frame."""

    kind: str
    size: tuple
    depth: int
    levels: np.ndarray
    colours: np.ndarray
    digest: str
    grey: bool
    values: np.ndarray | None
    framed: bool


@dataclass(frozen=True)
class Survey:
    """A folder of users as the reader would take it, but for its frame, which is left out where there is one.

    paths, labels, looks: of the n images that could be read. unreadable: lines for the others. crops: {user: (left,
    top, right, bottom) of the frame, () for none}. colormap: None where colours fit none. undecided: why a map was only
    the likeliest of several, "" where it is sure. depth: bits that 16-bit files are read with, None without any.
    skipped: files below the root that are no images, or lie where none are looked for.
    """

    root: Path
    users: list
    paths: list
    labels: np.ndarray   # [n] int64, indices into users
    looks: list
    unreadable: list
    crops: dict
    colormap: str | None
    undecided: str
    depth: int | None
    skipped: list

    @functools.cached_property
    def levels(self):
        """uint8 [n, GRID, GRID]."""
        return np.stack([look.levels for look in self.looks])

    def names(self, rows) -> list:
        """The users whose images are among rows, in order."""
        return [self.users[label] for label in np.unique(self.labels[rows])]


def survey(root: Path, colormap: str = "auto", crop=(), progress=None) -> Survey:
    """Look at every file. colormap: as the reader is told, None for RGB. crop: cut already by a setting; a frame is
    looked for within.

    progress(done, total). RequestError for a folder without images of users.
    """
    folders = list_users(Path(root), min_images=1, min_users=1)
    depth, undecided = depth_of([path for paths in folders.values() for path in paths]), ""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        frames = find_frames(folders, crop, pool)
        if colormap == "auto":
            colormap, undecided = find_colormap(folders, crop, frames, pool)
        jobs = [(path, crop, frames[user], colormap, depth) for user, paths in folders.items() for path in paths]
        found = []
        for done, one in enumerate(pool.map(look, jobs), start=1):
            found.append(one)
            if progress:
                progress(done, len(jobs))
    labels = np.repeat(np.arange(len(folders)), [len(paths) for paths in folders.values()])
    kept = [row for row, one in enumerate(found) if isinstance(one, Look)]
    return Survey(Path(root), list(folders), [jobs[row][0] for row in kept], labels[kept], [found[row] for row in kept],
                  [one for one in found if isinstance(one, str)],
                  {user: frame.crop if frame else () for user, frame in frames.items()}, colormap, undecided, depth,
                  skipped_files(Path(root), {path for path, *_ in jobs}))


def find_frames(folders: dict, crop, pool) -> dict:
    """{user: Frame or None}; users with few images are looked at together with the next ones."""
    found, group = {}, []
    for user in folders:
        group.append(user)
        last = user == list(folders)[-1]
        if sum(len(folders[name]) for name in group) >= LEAST or last:
            paths = [path for name in group for path in folders[name]]
            pictures = [picture for picture in pool.map(lambda path: whole(path, crop), spaced(paths, SAMPLE))
                        if picture is not None]
            size = Counter(picture.shape for picture in pictures).most_common(1)
            alike = [picture for picture in pictures if picture.shape == size[0][0]]
            found |= dict.fromkeys(group, find_frame(np.stack(alike)) if alike else None)
            group = []
    return found


def find_colormap(folders: dict, crop, frames, pool):
    """(what `detect_colormap` says of some images without their frames, ""), "gray" where none can be read; where it
    cannot decide, the likeliest map and why."""
    places = spaced([(user, path) for user, paths in folders.items() for path in paths], MAPPED)
    pictures = [cropped(picture, frames[user].crop if frames[user] else ())[::2, ::2]
                for (user, _), picture in zip(places, pool.map(lambda place: whole(place[1], crop), places))
                if picture is not None]
    try:
        return detect_colormap(pictures) if pictures else "gray", ""
    except RequestError as error:
        return candidates(pictures)[0][0], str(error)


def spaced(items, most: int) -> list:
    """At most so many of the items, evenly spaced, with the first and the last."""
    return [items[row] for row in np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int))]


def whole(path: Path, crop=()):
    """A file's colours, uint8 [H, W, 3], without a crop; None where it cannot be read."""
    try:
        return np.asarray(read_picture(path, crop=crop).convert("RGB"))
    except RequestError:
        return None


def look(job):
    """A Look at (path, crop, Frame or None, colormap, depth); one line where the file cannot be read."""
    path, crop, frame, colormap, depth = job
    try:
        image = read_picture(path, depth=depth, crop=crop)
    except RequestError as error:
        return str(error)
    values, (kind, size, bits) = np.asarray(image), header(path)
    framed = frame is not None and frame.surrounds(np.broadcast_to(values[..., None], (*values.shape, 3))
                                                   if values.ndim == 2 else values)
    inside = np.ascontiguousarray(cropped(values, frame.crop) if framed else values)
    colours = sampled(inside, THUMB)
    if inside.ndim == 2:
        colours = np.repeat(colours[..., None], 3, axis=-1)
    grey = is_grey(colours)
    return Look(kind, size, bits, levels_of(sampled(inside, GRID), colormap), colours,
                hashlib.sha256(repr(inside.shape).encode() + inside.tobytes()).hexdigest()[:16], grey,
                values_of(path, bits, inside) if grey else None, framed)


def sampled(pixels, size: int):
    """Every so-many-th pixel of [H, W, ...]: [size, size, ...], some of them twice where there are fewer."""
    rows, columns = (((np.arange(size) + 0.5) * side / size).astype(int) for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[rows[:, None], columns])


def levels_of(pixels, colormap):
    """uint8 [H, W] of pixels [H, W] or [H, W, 3]: what the map's colours stand for, else brightness."""
    image = Image.fromarray(pixels)
    return np.asarray(intensities(image, colormap) if colormap else image.convert("L"))


def header(path: Path):
    """(kind, (height, width), bits of a value) of a picture file."""
    with Image.open(path, formats=tuple(FORMATS)) as image:
        return image.format, (image.height, image.width), 16 if image.mode.startswith("I") else 8


def values_of(path: Path, bits: int, pixels):
    """The different values of a grey file, rising: of 65536 in one of 16 bit, else of 256."""
    if bits == 16:
        with Image.open(path, formats=tuple(FORMATS)) as image:
            pixels = np.asarray(image).astype(np.int64).clip(0, 65535)
    return np.flatnonzero(np.bincount(pixels.ravel())).astype(np.uint16)


def skipped_files(root: Path, read: set) -> list:
    """Files below root, but hidden ones and those directly in it, that are not among the images that are read."""
    found = []
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__MACOSX")
        here = Path(folder)
        if here != root:
            found += [here / name for name in sorted(files) if not name.startswith(".") and here / name not in read]
    return found
