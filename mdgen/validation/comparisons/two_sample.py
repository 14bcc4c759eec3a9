"""The classifier two-sample test of a report: generated against training images, and its control.

The control asks the same of later against earlier training images of every user.
"""

from typing import NamedTuple

import numpy as np

from mdgen.data.windows import overlapping
from mdgen.validation.judges.two_sample import FOLDS, STEPS, tell_apart
from mdgen.validation.metrics.simple_features import area_under_curve, simple_features

VERSION = 3       # raise it when the test changes: what a report has kept of it is then made anew
FEWEST = 20       # images of either side, below which the report says nothing
MOST_SHOWN = 8    # images of a side that were told most surely


def stretches(windows, parts: int) -> list:
    """Rows of one user's windows [n, 3] in order of time, cut into `parts` stretches of which no two share a sample.

    What shares samples with a later stretch is left out: a short recording may leave none.
    """
    order = np.lexsort((windows[:, 2], windows[:, 1], windows[:, 0]))
    cut = np.array_split(order, parts)
    later = [np.concatenate([order[:0], *cut[k + 1:]]) for k in range(parts)]
    return [rows[~overlapping(windows[rows], windows[rest])] for rows, rest in zip(cut, later)]


def evenly(rows, count: int):
    """`count` of the rows, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]


class Chosen(NamedTuple):
    """Which images are told apart: parts, name -> (rows, blocks); the number of every user on each side; the folds.

    "training" and "generated" are the two sets of the test; "earlier" and "later", two parts of every user's training
    recordings, those of the control. Blocks are stretches of a recording.
    """

    parts: dict
    counts: list
    folds: int


def chosen_rows(training, generated, num_users: int) -> Chosen:
    """The images and folds of a report's test, with as many images of a user on either side of both comparisons.

    As many of the FOLDS as leave most images to learn from: each cut costs the windows that share samples across it.
    """
    return max((chosen_in(training, generated, num_users, folds) for folds in range(FOLDS, 1, -1)),
               key=lambda chosen: sum(chosen.counts) * (1 - 1 / chosen.folds))


def chosen_in(training, generated, num_users: int, folds: int) -> Chosen:
    users = range(num_users)
    halves = [[training.of_user(u)[rows] for rows in stretches(training.windows[training.of_user(u)], 2 * folds)]
              for u in users]
    counts = [min(sum(map(len, cut[:folds])), sum(map(len, cut[folds:])), len(generated.of_user(u)))
              for u, cut in zip(users, halves)]

    def pick(places):
        rows = [evenly(np.concatenate([halves[u][k] for k in places]), counts[u]) for u in users if counts[u]]
        home = {row: (u, k) for u in users for k in places for row in halves[u][k]}
        rows = np.concatenate([np.empty(0, np.int64), *rows])
        blocks = [home[row][0] * 2 * folds + home[row][1] for row in rows]
        return rows, np.array(blocks, np.int64)

    fake = np.concatenate([np.empty(0, np.int64), *(evenly(generated.of_user(u), counts[u]) for u in users
                                                    if counts[u])])
    return Chosen({"training": pick(range(2 * folds)), "earlier": pick(range(folds)),
                   "later": pick(range(folds, 2 * folds)), "generated": (fake, np.arange(len(fake)))}, counts, folds)


def two_sample(training, generated, num_users: int, patches, *, seed: int = 0, steps: int = STEPS, device="cpu",
               keep=lambda name, settings, make: make(), progress=None) -> dict | None:
    """The test of a report, its control, and the simple features with the area of each: see docs/validation.md.

    patches: sizes of a decoder's patches in pixels. keep(name, settings, make): make() or what is kept of it under the
    settings that it depends on beside the images; the control depends on the training images alone.
    None with fewer than FEWEST images on a side, or without steps.
    """
    chosen, counts, folds = chosen_rows(training, generated, num_users)
    if sum(counts) < FEWEST or not steps:
        return None
    settings = [VERSION, seed, steps, list(patches), counts, folds]

    def told(turn, first, second, other):
        (rows, blocks), (others, other_blocks) = chosen[first], chosen[second]
        found = tell_apart(
            training.images[rows], other.images[others], blocks=blocks, other_blocks=other_blocks,
            users=(training.users[rows], other.users[others]), patches=patches, folds=folds, seed=seed, steps=steps,
            device=device,
            progress=progress and (lambda done, folds: progress(done + turn * folds, 2 * folds)))
        features = [simple_features(part, patches) for part in (training.images[rows], other.images[others])]
        surest = {name: [[int(at[k]), float(p[k])] for k in np.argsort(sign * p, kind="stable")[:MOST_SHOWN]]
                  for name, at, p, sign in ((first, rows, found.first, 1), (second, others, found.second, -1))}
        return {**found.result._asdict(), "by": found.by, "surest": surest,
                "areas": {key: area_under_curve(*(part[key] for part in features)) for key in features[0]}}

    control = keep("two_sample_control", settings, lambda: told(0, "earlier", "later", training))
    test = keep("two_sample", settings, lambda: told(1, "training", "generated", generated))
    return {"auc": test["auc"], "interval": test["interval"], "by": test["by"], "surest": test["surest"],
            "control": {key: control[key] for key in ("auc", "interval", "by")}, "per_user": counts,
            "images": [sum(counts)] * 2, "folds": folds,
            "features": [{"name": key, "auc": area, "control": control["areas"][key]}
                         for key, area in test["areas"].items()]}
