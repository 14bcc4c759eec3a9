"""Which images are of one recording, which show the same samples, which are independent, and what to resample in their
stead.

A window is a row (recording, first sample, last sample), ends included. An image whose recording is not known has
one of its own.
"""

import csv
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mdgen.data.image_io import shown
from mdgen.errors import RequestError

WINDOWS_FILE = "windows.csv"  # beside the user folders: which samples of which recording an image was made of
WINDOW_COLUMNS = ("file", "recording", "first_sample", "last_sample")


class Recordings(NamedTuple):
    """What is known of N images of a tree.

    names: of the recordings, "user/path of the folder below the user's", "user" for images in the user's folder itself,
    or as windows.csv has them; of: [N] int64, which of them an image is of, in order of first images; windows: [N, 3]
    int64; listed: whether windows.csv says all this.
    """

    names: list
    of: np.ndarray
    windows: np.ndarray
    listed: bool

    def matching(self, patterns):
        """Bool [R]: which recordings one of the patterns names; RequestError for a pattern that names none.

        A pattern is a name with or without its user, of the recording or of a folder that it lies in, where * stands
        for any letters: day2, */day2, ID_1/day2. A dot names the images of a user's folder itself.
        """
        levels = [_levels(name) for name in self.names]
        hits = np.array([[any(fnmatchcase(level, pattern) for level in own) for own in levels] for pattern in patterns])
        if idle := [pattern for pattern, row in zip(patterns, hits) if not row.any()]:
            known = ", ".join(map(shown, self.names[:4])) + (", …" if len(self.names) > 4 else "")
            raise RequestError(f"data.held_out_names has {shown(idle[0])}, which names no recording; there are "
                               f"{known}. Give names such as day2 or */day2")
        return hits.any(axis=0)


def _levels(name: str) -> list[str]:
    """What may name a recording: its path and those of the folders around it, with and without the user."""
    user, *inner = name.split("/")
    paths = ["/".join(inner[:depth]) for depth in range(1, len(inner) + 1)] or ["."]
    return paths + [f"{user}/{path}" for path in paths]


def recordings_of(folders, gap: int) -> Recordings:
    """The recordings of a decoded tree: those of its windows.csv, or its folders.

    Without windows.csv all images of one folder are one recording in natural order, and an image is taken to reach to
    the one `gap` places on: only images further apart than the gap of the split share no samples. gap 0: no two share
    any; then images of users who have one folder each count as recordings of their own.
    """
    known = read_windows(folders.root, folders.paths)
    if known is not None:
        return known
    numbers: dict[str, int] = {}
    names = [path.parent.relative_to(folders.root).as_posix() for path in folders.paths]
    of = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
    windows = window_places(of, gap)
    if len(numbers) > len(folders.labels.unique()):
        windows[:, 0] = of
    return Recordings(list(numbers), of, windows, False)


def windows_of(folders, gap: int):
    """Windows [N, 3] int64 of a decoded tree: see `recordings_of`."""
    return recordings_of(folders, gap).windows


def window_places(recordings, gap: int):
    """Windows [N, 3] of images in file order that are of recordings [N]: see `recordings_of`."""
    recordings, places = np.asarray(recordings), np.arange(len(recordings))
    return np.stack([recordings if gap else places, places, places + gap], axis=1).astype(np.int64)


def separate(count: int):
    """Windows [count, 3] of images that are recordings of their own, as generated ones are."""
    return window_places(np.zeros(count, np.int64), 0)


def sharing(windows, others):
    """Bool [N, M]: which of windows [N, 3] and others [M, 3] share a sample."""
    (recording, first, last), (other, begin, end) = windows.T[:, :, None], others.T[:, None]
    return (recording == other) & (first <= end) & (begin <= last)


def overlapping(windows, others):
    """Bool [N]: which windows [N, 3] share a sample with any of the others [M, 3]."""
    hit = np.zeros(len(windows), dtype=bool)
    for recording in np.unique(others[:, 0]):
        first, last = others[others[:, 0] == recording, 1:].T
        order = first.argsort()
        reach = np.maximum.accumulate(last[order])  # of all that begin no later
        begun = np.searchsorted(first[order], windows[:, 2], side="right")
        hit |= (windows[:, 0] == recording) & (begun > 0) & (reach[begun - 1] >= windows[:, 1])
    return hit


def independent(windows):
    """Indices of as many windows [N, 3] as can be without two that share a sample, by recording and time."""
    kept, ends = [], {}
    for row in np.lexsort((windows[:, 1], windows[:, 2])):   # who ends first leaves the most room
        recording, first, last = windows[row].tolist()
        if first > ends.get(recording, -1):
            kept.append(row)
            ends[recording] = last
    kept = np.array(kept, dtype=np.int64)
    return kept[np.lexsort((windows[kept, 1], windows[kept, 0]))]


def blocks(windows):
    """The block [N] int64, from 0, of every window [N, 3]: a run of windows that share a sample with its first.

    Windows of two blocks of a recording may still overlap where one block ends and the next begins, and nowhere else.
    """
    found, count, recording, end = np.empty(len(windows), np.int64), -1, None, -1
    for row in np.lexsort((windows[:, 2], windows[:, 1], windows[:, 0])):
        if windows[row, 0] != recording or windows[row, 1] > end:
            count, (recording, _, end) = count + 1, windows[row]
        found[row] = count
    return found


def resampling_units(windows, users):
    """What a bootstrap has to draw [N] int64, from 0: recordings where users have two or more on average, else blocks.

    windows [N, 3], users [N]. Images of one recording resemble each other beyond the samples that they share.
    """
    recordings, of = np.unique(windows[:, 0], return_inverse=True)
    return of if len(recordings) >= 2 * len(np.unique(users)) else blocks(windows)


def read_windows(root: Path, paths) -> Recordings | None:
    """What root/windows.csv says of the images at paths; it names files by their paths below root.

    None where there is no such file; RequestError where it cannot be read or lacks an image.
    """
    path = root / WINDOWS_FILE
    if not path.is_file():
        return None
    try:
        with open(path, newline="", encoding="utf-8") as file:
            known = {row["file"]: (row["recording"], int(row["first_sample"]), int(row["last_sample"]))
                     for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RequestError(f"{shown(path)} cannot be read ({type(error).__name__}: {error}); expected a table with "
                           f"the columns {', '.join(WINDOW_COLUMNS)}. Write the folder again") from error
    rows, numbers = [], {}
    for name in (path.relative_to(root).as_posix() for path in paths):
        if name not in known:
            raise RequestError(f"{shown(path)} does not list {shown(name)}, so what it shares with other images is "
                               "unknown; add its row, or move the image out of the folder")
        recording, first, last = known[name]
        rows.append((numbers.setdefault(recording, len(numbers)), first, last))
    windows = np.array(rows, dtype=np.int64)
    return Recordings(list(numbers), windows[:, 0], windows, True)
