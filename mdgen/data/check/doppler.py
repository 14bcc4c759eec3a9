"""Findings about the Doppler axis: users whose walk lies on the other side, and where nothing moves.

A spectrogram that is upside down looks like the walk of somebody who goes the other way. What tells them apart is the
line of no Doppler, where it is not in the middle: a bright one of standing objects, or what a filter leaves, a dark
line or the edge below which next to nothing moves.
"""

import numpy as np

from mdgen.data.check.findings import DECISION, NOTE, Finding, images, listed
from mdgen.data.check.survey import GRID, Survey

SIDED = 0.4         # of a profile's deviation over the rows, that its side has to explain
LINE = 15.0         # levels by which the line of no Doppler is above or below what is beside it
BESIDE = (3, 4, 5, 6)   # rows that are beside a line
NEAR = 3            # rows of GRID that are one place
AGREED = 0.6        # of the users who have a line at one place, for it to be that of no Doppler


def find(survey: Survey) -> list:
    """Nothing for one user: there is nobody to compare with."""
    if len(np.unique(survey.labels)) < 2:
        return []
    rows = survey.levels.mean(axis=2, dtype=np.float64)                               # [n, GRID]
    profiles = np.stack([rows[survey.labels == user].mean(axis=0) for user in np.unique(survey.labels)])
    names = [survey.users[user] for user in np.unique(survey.labels)]
    usual = side_of(profiles)
    flipped = odd(profiles) @ usual < -SIDED
    if (odd(profiles) @ usual > SIDED).sum() <= len(names) / 2:
        flipped[:] = False   # no side is the usual one
    moved, mirrored = lines(profiles)
    found = [upside_down(names, flipped, mirrored), other_zero(names, moved & ~flipped)]
    return [finding for finding in (*found, both_ways(survey, rows, usual, flipped)) if finding]


def odd(profiles):
    """What [..., GRID] differ by from their mirror images, in units of their deviation."""
    centred = profiles - profiles.mean(axis=-1, keepdims=True)
    return (centred - centred[..., ::-1]) / 2 / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-9)


def side_of(profiles):
    """The direction [GRID] of unit length that most profiles' sides agree with."""
    _, _, directions = np.linalg.svd(odd(profiles), full_matrices=False)
    sides = odd(profiles) @ directions[0]
    return directions[0] if (sides > 0).sum() >= len(sides) / 2 else -directions[0]


def lines(profiles):
    """(moved, mirrored), bool [users]: who has a line of no Doppler elsewhere than most, and who at the mirrored row.

    All False where fewer than AGREED have a line at one place.
    """
    padded = np.pad(profiles, ((0, 0), (BESIDE[-1], BESIDE[-1])), mode="edge")
    beside = np.median([padded[:, BESIDE[-1] + step:][:, :GRID] for row in BESIDE for step in (-row, row)], axis=0)
    height = profiles - beside                                                        # [users, GRID]
    dips, peaks = np.minimum(height, 0), np.maximum(height, 0)
    for sharp in (-dips, peaks):   # a filter's first: the torso is a peak, too, though it moves
        place, high = sharp.argmax(axis=1), sharp.max(axis=1) >= LINE
        if not high.any():
            continue
        usual = max(place[high], key=lambda row: (np.abs(place - row) <= 1)[high].sum())
        agreed = high & (np.abs(place - usual) <= 1)
        here = sharp[:, max(usual - NEAR, 0):usual + NEAR + 1].max(axis=1)
        moved = high & (here < LINE / 3)
        everybody = agreed.sum() + moved.sum() == len(profiles)
        if agreed.sum() > AGREED * len(profiles) and (everybody or sharp is not peaks):
            off_centre = abs(usual - (GRID - 1) / 2) > NEAR
            return moved, moved & off_centre & (np.abs(place - (GRID - 1 - usual)) <= NEAR)
    return np.zeros(len(profiles), bool), np.zeros(len(profiles), bool)


def upside_down(names, flipped, mirrored):
    if not (flipped | mirrored).any():
        return None
    whose = [name for name, one in zip(names, flipped | mirrored) if one]
    sure = [name for name, one in zip(names, mirrored) if one]
    why = (f"the line that never moves lies at the mirrored row in {listed(sure)}, so that their Doppler axis is "
           "upside down" if sure else "they went the other way, or their Doppler axis is upside down")
    return Finding("upside_down", DECISION,
                   f"the walk of {listed(whose)} lies on the other side than that of most users; {why}",
                   "turn their files over (recorded_users has --flip), or leave them if they went the other way",
                   {"users": whose, "sure": sure})


def other_zero(names, moved):
    whose = [name for name, one in zip(names, moved) if one]
    return whose and Finding("zero_line", DECISION, f"the line that never moves lies at another row in {listed(whose)} "
                             "than in most users' images", "make all files with one velocity axis", {"users": whose})


def both_ways(survey: Survey, rows, usual, flipped):
    """Images on the other side whose users are not."""
    sides = odd(rows) @ usual
    known = ~flipped[np.unique(survey.labels, return_inverse=True)[1]]
    other = np.flatnonzero((sides < -SIDED) & known)
    if not len(other):
        return None
    return Finding("both_ways", NOTE, f"{images(len(other))} of {len(sides)} show the walk on the other side than "
                   f"most; seen in {listed(survey.names(other))}", "none needed if they went both ways",
                   {"images": len(other)})
