"""Which images of a recording show the same samples, which are independent, and what to resample in their stead.

A window is a row (recording, first sample, last sample), ends included. An image whose recording is not known has
one of its own.
"""

import csv
from pathlib import Path

import numpy as np

from mdgen.data.image_io import shown
from mdgen.errors import RequestError

WINDOWS_FILE = "windows.csv"  # beside the user folders: which samples of which recording an image was made of
WINDOW_COLUMNS = ("file", "recording", "first_sample", "last_sample")


def windows_of(folders, gap: int):
    """Windows [N, 3] int64 of a decoded tree: those of its windows.csv, or what the places of the files say.

    Without windows.csv a user's files are one recording in natural order, and an image is taken to reach to the one
    `gap` places on: only images further apart than the gap of the split share no samples. gap 0: every image is a
    recording of its own.
    """
    known = read_windows(folders.root, folders.paths)
    return window_places(folders.labels.numpy(), gap) if known is None else known


def window_places(labels, gap: int):
    """Windows [N, 3] of images in file order whose users are labels [N]: see `windows_of`."""
    labels, places = np.asarray(labels), np.arange(len(labels))
    return np.stack([labels if gap else places, places, places + gap], axis=1).astype(np.int64)


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


def read_windows(root: Path, paths):
    """Windows, int64 [N, 3], of the images at paths from root/windows.csv.

    Recordings are numbered as their first images stand in paths. None where there is no such file; RequestError
    where it cannot be read or lacks an image.
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
    for name in (f"{path.parent.name}/{path.name}" for path in paths):
        if name not in known:
            raise RequestError(f"{shown(path)} does not list {shown(name)}, so what it shares with other images is "
                               "unknown; add its row, or move the image out of the folder")
        recording, first, last = known[name]
        rows.append((numbers.setdefault(recording, len(numbers)), first, last))
    return np.array(rows, dtype=np.int64)
