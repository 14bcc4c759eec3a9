"""Pictures whose columns were enlarged: what the radar made, and back to what the file shows.

A spectrogram of 55 columns that a plot stretches to 256 pixels holds 55 columns: steps four or five pixels wide, with
mixed pixels where a step ends between two. A generator that works on the pixels has to learn these steps, of another
width in every picture whose time axis was stretched to a number of strides, and never quite does. Here the columns
themselves are learnt, side by side in an image wide enough for the longest, with the floor behind their end.
"""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from mdgen.files import digest, whole_file

NARROWEST = 2.0     # pixels of a column that can be told from its neighbours
WIDEST = 16.0
CLEAR = 0.6         # of what as many columns, moved by half of one, leave unexplained; else a picture is not enlarged
AS_GOOD = 1.15      # times the least that is left unexplained
LEAST_SHARE = 0.8   # of the pictures that must be enlarged, for a folder to be read by columns
ECHO = 0.2          # of the usual peak of a column: what is above it is no haze
END = 0.2           # of the usual number of echoes in a column: fewer speak for the floor behind the walk


@lru_cache(maxsize=512)
def stretched(columns: int, width: int, moved: float = 0.0):
    """[width, columns] float64: the share of each column in each pixel of a picture that shows them equally wide.

    moved: to the left by this part of a column; what then enters at the right is one more.
    """
    edges = ((np.arange(columns + 1 + (moved > 0)) - moved) * width / columns).clip(0, width)
    pixels = np.arange(width)
    inside = np.minimum(edges[None, 1:], pixels[:, None] + 1) - np.maximum(edges[None, :-1], pixels[:, None])
    return inside.clip(0, None)


@lru_cache(maxsize=1024)
def explained(columns: int, width: int, moved: float = 0.0):
    """[width, width]: the projection of a row of pixels onto those that so many columns can make."""
    basis, _ = np.linalg.qr(stretched(columns, width, moved))
    return basis @ basis.T


def count_columns(picture) -> int | None:
    """How many equally wide columns a picture [H, W] was enlarged from; None if it was not.

    The number that explains most by least squares; of its multiples, which explain as much, the smallest. It has to do
    clearly better than as many columns whose edges lie half a column aside, which explain any other picture as well.
    """
    x = np.asarray(picture, dtype=np.float64)
    width = x.shape[1]
    counts = np.arange(int(np.ceil(width / WIDEST)), int(width / NARROWEST) + 1)
    if len(counts) < 2 or np.ptp(x) == 0:
        return None
    x = x - x.mean(axis=1, keepdims=True)
    products = x.T @ x                                                        # [W, W]

    def missed(count, moved=0.0):
        left = np.trace(products) - (products * explained(count, width, moved)).sum()
        return max(left, 0.0) / (width - count) + 1e-9 * np.trace(products)

    found = np.array([missed(count) for count in counts])
    best = int(counts[found <= AS_GOOD * found.min()][0])
    return best if missed(best) < CLEAR * missed(best, 0.5) else None


def to_columns(picture, count: int):
    """The columns [H, count] of a picture [H, W]: means of the pixels that each has for itself, else of its share."""
    shares = stretched(count, picture.shape[1])
    own = np.where(shares > 0.99, shares, 0.0)
    weights = np.where(own.sum(axis=0) > 0, own, shares)
    return np.asarray(picture, dtype=np.float64) @ (weights / weights.sum(axis=0))


def from_columns(columns, width: int):
    """A picture [..., H, width, C] of columns [..., H, n, C], equally wide, mixed where a pixel shows two."""
    shares = stretched(columns.shape[-2], width)
    return np.einsum("wn,...nc->...wc", shares / shares.sum(axis=1, keepdims=True), columns)


def longest(pictures) -> int:
    """The most columns that any of the pictures [N, 1, H, W] has; 0 unless LEAST_SHARE of them were enlarged."""
    found = [count for count in counted(pictures) if count]
    return max(found) if len(found) >= LEAST_SHARE * len(pictures) else 0


def counted(pictures) -> list:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(count_columns, (picture[0] for picture in np.asarray(pictures))))


def canvases(pictures, room: int, cache_dir: Path | None = None):
    """Pictures uint8 [N, 1, H, W] as their columns, side by side from the left, and the floor behind: [N, 1, H, room].

    A picture that shows no steps is read with the usual number of columns; what is longer than the room is cut into so
    many. cache_dir keeps the result, under a name by content.
    """
    pictures = np.ascontiguousarray(pictures)
    file = cache_dir and Path(cache_dir) / f"columns_{digest(str(pictures.shape), str(room), pictures.tobytes())}.npz"
    if file:
        try:
            with np.load(file, allow_pickle=False) as stored:
                return stored["canvases"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass   # absent or damaged: count again
    counts = counted(pictures)
    usual = int(np.median([count for count in counts if count] or [room]))
    found = np.zeros((*pictures.shape[:3], room), np.uint8)
    for picture, count, canvas in zip(pictures, counts, found):
        count = min(count or usual, room)
        canvas[0, :, :count] = to_columns(picture[0], count).round()
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file, shared=True) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, canvases=found)
    return found


def used_columns(canvas) -> int:
    """Where the walk of a canvas [H, room] of levels ends: where most of what lies before is walk, and behind is floor.

    A column speaks for the walk by how far its number of echoes lies above END of the usual one; the sum of all before
    the end is the largest. Single echoes behind the end, as a generator may leave them, do not move it, nor does haze,
    nor do dim columns within.
    """
    canvas = np.asarray(canvas)
    first = canvas[:, :max(canvas.shape[1] // 2, 1)]
    echoes = (canvas > ECHO * np.median(first.max(axis=0))).mean(axis=0)
    usual = np.median(echoes[:first.shape[1]])
    return int((echoes - END * usual).cumsum().argmax()) + 1 if echoes.any() else canvas.shape[1]
