"""Findings about images that show the same: copies across users and across the parts of the split, and windows that
share samples."""

from types import SimpleNamespace

import numpy as np
import torch

from mdgen.config import DataConfig
from mdgen.data.check.findings import DECISION, NOTE, Finding, images, listed
from mdgen.data.check.survey import GRID, Survey
from mdgen.data.splits import Split
from mdgen.data.windows import WINDOWS_FILE
from mdgen.errors import RequestError

COARSE = 16         # rows and columns by which near copies are found
SUSPECT = 0.9       # correlation of two images at that size, less what all have in common, and
DIFFERENT = 0.78    # usual correlation at GRID of an image with its nearest, up to which speckle tells copies, and
COPY = 0.83         # at GRID, where JPEG of quality 50 leaves 0.84 and more, and windows that share 75 % reach 0.78
BLOCK = 1024        # images that are compared with all others at a time

NEAREST, FARTHEST = 4, 108   # columns of GRID by which neighbours may be shifted: shares of 97 down to 16 %
ALIKE = 0.75        # correlation of what two neighbours share; steps of one walk reach 0.65 without sharing
MORE = 0.1          # by which that is above the correlation of images that are far apart
STEADY = 0.6        # of the neighbours that are shifted by about the same
ROUNDING = 0.15     # of a window, by which its measured shift may be wrong before one more image is called for


def find(survey: Survey, data: DataConfig) -> list:
    pairs = copies(survey)
    found = [across_users(survey, pairs), across_parts(survey, pairs, data), shared_samples(survey, data)]
    return [finding for finding in found if finding]


# --- copies ---

def copies(survey: Survey):
    """Pairs of images [m, 2] that show the same pixels, or nearly so as after another compression; first < second.

    Near copies are told by speckle, so only where images differ in it: not in smooth ones, of which many are alike.
    """
    digests = np.unique([look.digest for look in survey.looks], return_inverse=True)[1]
    side = GRID // COARSE
    coarse = survey.levels.reshape(-1, COARSE, side, COARSE, side).mean(axis=(2, 4), dtype=np.float32)
    rows, common = standardised(coarse, coarse.mean(axis=0)), survey.levels.mean(axis=0, dtype=np.float32)
    same, suspects, nearest = [], [], []
    for start in range(0, len(rows), BLOCK):
        equal, alike = digests[start:start + BLOCK, None] == digests, rows[start:start + BLOCK] @ rows.T
        same.append(np.argwhere(equal) + [start, 0])
        alike[equal] = -1
        suspects.append(np.argwhere(alike > SUSPECT) + [start, 0])
        nearest.append(np.stack([np.arange(len(alike)) + start, alike.argmax(axis=1)], axis=1))
    same, suspects = (pairs[pairs[:, 0] < pairs[:, 1]] for pairs in (np.concatenate(same), np.concatenate(suspects)))
    if np.median(correlation(survey, np.concatenate(nearest), common)) > DIFFERENT:
        return same
    return np.concatenate([same, suspects[correlation(survey, suspects, common) > COPY]])


def correlation(survey: Survey, pairs, common):
    """Of the levels of pairs [m, 2], less what all have in common [GRID, GRID]: [m]."""
    found = [np.empty(0, np.float32)]
    for part in np.array_split(pairs, len(pairs) // BLOCK + 1):
        first, second = (standardised(survey.levels[side], common) for side in part.T)
        found.append((first * second).sum(axis=1))
    return np.concatenate(found)


def standardised(levels, common):
    """[n, H, W] -> [n, H W] float32 of unit length, less what all images have in common, [H, W]; 0 where that is all
    there is."""
    rows = (levels - common).reshape(len(levels), common.size)
    rows -= rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(length > np.sqrt(rows.shape[1]), rows / np.maximum(length, 1e-6), 0)   # one level a cell is nothing


def shown(survey: Survey, pair) -> str:
    return " and ".join(str(survey.paths[row].relative_to(survey.root)) for row in pair)


def across_users(survey: Survey, pairs):
    pairs = pairs[survey.labels[pairs[:, 0]] != survey.labels[pairs[:, 1]]]
    if not len(pairs):
        return None
    rows = np.unique(pairs)
    return Finding("copies_across_users", DECISION, f"{images(len(rows))} of {listed(survey.names(rows))} stand under "
                   f"two users, such as {shown(survey, pairs[0])}",
                   "leave each with the person who walked, or give that person one folder",
                   {"images": len(rows), "pairs": [shown(survey, pair) for pair in pairs[:100]]})


def across_parts(survey: Survey, pairs, data: DataConfig):
    """Copies of which one is trained on and the other held out; nothing where there is no split."""
    try:
        split = split_of(survey, data)
    except RequestError:
        return None   # who splits them says why
    part = np.zeros(len(survey.paths), np.int8)
    part[split.train.numpy()], part[split.validation.numpy()] = 1, 2
    pairs = pairs[part[pairs].sum(axis=1) == 3]
    pairs = pairs[(part[pairs] > 0).all(axis=1)]
    if not len(pairs):
        return None
    held_out = np.unique(pairs[part[pairs] == 2])
    return Finding("copies_across_parts", DECISION, f"{len(held_out)} of {len(split.validation)} held-out images are "
                   f"also among the training images, such as {shown(survey, pairs[0])}",
                   "remove one of each pair, else the report judges images that the networks have seen",
                   {"images": len(held_out), "pairs": [shown(survey, pair) for pair in pairs[:100]]})


def split_of(survey: Survey, data: DataConfig) -> Split:
    """The split that a training would make; RequestError where it would make none."""
    tree = SimpleNamespace(root=survey.root, users=survey.users, paths=survey.paths,
                           labels=torch.from_numpy(survey.labels))
    return Split.of(tree, data)


# --- windows ---

def shared_samples(survey: Survey, data: DataConfig):
    """Whether neighbouring images show the same samples, shifted by a constant, where no windows.csv says so."""
    if (survey.root / WINDOWS_FILE).is_file():
        return None
    near, far = neighbours(np.unique([str(path.parent) for path in survey.paths], return_inverse=True)[1])
    if len(near) < 3 or not len(far):
        return None
    echoes = Echoes(survey.levels)
    alike, shift = echoes.compare(near)
    unrelated = float(np.median(echoes.compare(far)[0]))
    usual = float(np.median(shift[alike >= ALIKE])) if (alike >= ALIKE).any() else 0.0
    steady = float(np.mean((alike >= ALIKE) & (np.abs(shift - usual) <= 0.2 * usual)))
    if steady < STEADY or np.median(alike) < unrelated + MORE:
        return None
    share = 1 - usual / GRID
    needed = int(np.ceil(GRID / usual - ROUNDING)) - 1
    counts = {"share": round(share, 3), "correlation": round(float(np.median(alike)), 3),
              "correlation_far_apart": round(unrelated, 3), "gap": data.gap, "gap_needed": needed}
    text = (f"neighbouring images share about {100 * share:.0f} % of their samples ({100 * steady:.0f} % of the "
            f"neighbours are shifted alike; no {WINDOWS_FILE} says so): {needed} images between training and held-out "
            "ones are needed")
    if data.gap >= needed:
        return Finding("shared_samples", NOTE, f"{text}, and data.gap leaves out {data.gap}", "none needed", counts)
    return Finding("shared_samples", DECISION, f"{text}, but data.gap leaves out {data.gap}",
                   f"--set data.gap={needed}", counts)


def neighbours(folders):
    """Pairs of rows [m, 2] of one folder [n]: those side by side, and those half of the folder's images apart."""
    near, far = [np.empty((0, 2), np.int64)], [np.empty((0, 2), np.int64)]
    for folder in np.unique(folders):
        rows = np.flatnonzero(folders == folder)
        half = len(rows) // 2
        near.append(np.stack([rows[:-1], rows[1:]], axis=1))
        if half > 1:
            far.append(np.stack([rows[:-half], rows[half:]], axis=1))
    return np.concatenate(near), np.concatenate(far)


class Echoes:
    """Images whose content is compared along time: levels uint8 [n, GRID, GRID], less each row's mean."""

    def __init__(self, levels):
        rows = levels.reshape(len(levels), GRID // 2, 2, GRID).mean(axis=2, dtype=np.float32)
        self.rows = rows - rows.mean(axis=2, keepdims=True)
        self.energy = np.pad(np.square(self.rows).sum(axis=1).cumsum(axis=1), ((0, 0), (1, 0)))   # of the first columns

    def compare(self, pairs):
        """(greatest correlation [m], its shift in columns [m]) of the second image's start with the first one's end."""
        found = [self.best(pairs[start:start + BLOCK // 4]) for start in range(0, len(pairs), BLOCK // 4)]
        return tuple(np.concatenate(part) for part in zip(*found))

    def best(self, pairs):
        first, second = (np.fft.rfft(self.rows[side], 2 * GRID, axis=2) for side in pairs.T)
        product = np.fft.irfft((first * second.conj()).sum(axis=1), 2 * GRID, axis=1)               # [m, 2 GRID]
        shifts = np.arange(NEAREST, FARTHEST + 1)
        before, after = (self.energy[side] for side in pairs.T)
        energy = (before[:, -1:] - before[:, shifts]) * after[:, GRID - shifts]
        correlation = product[:, shifts] / np.sqrt(np.maximum(energy, 1e-6))
        return correlation.max(axis=1), shifts[correlation.argmax(axis=1)]
