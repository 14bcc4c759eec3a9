"""Distances between curves over time that do not mind a warped time axis, nor where in a step an image begins."""

import numpy as np

PAIRS_AT_ONCE = 4096   # keeps the rows of the table in a processor's cache


def curve_distance(x, y, kind: str = "dtw", *, band: int | None = None, skip: int | None = None):
    """Distances [P] between the curves x and y [P, W] that a monotone alignment of their columns leaves, float64.

    "dtw": dynamic time warping of Sakoe & Chiba 1978 (symmetric form: a diagonal step counts twice), the sum of
    |x_i - y_j| over the weight of the shortest path, hence in the curves' unit and, without a skip, at most their mean
    absolute difference. "frechet": the discrete Fréchet distance of Eiter & Mannila 1994, the greatest
    |x_i - y_j|.
    band: greatest |i - j| (Sakoe-Chiba). skip: columns that either curve may leave out at its beginning and at its
    end (psi-DTW, Silva, Batista & Keogh 2016), at most band. Both W // 4 by default: one step of the usual four, so
    that images of one walk that begin elsewhere in a step are alike. Circular shifts would not do, as an image
    need not hold whole steps and its ends then meet in a jump.
    Raises ValueError for other shapes, kinds and ranges.
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    if x.ndim != 2 or x.shape != y.shape or kind not in STEPS:
        raise ValueError(f"{kind!r} of curves {x.shape} and {y.shape}: need [P, W] twice and one of {list(STEPS)}")
    width = x.shape[1]
    band = width // 4 if band is None else band
    skip = min(band, width // 4) if skip is None else skip
    if not 0 <= skip <= band or 2 * skip >= width:
        raise ValueError(f"skip is {skip} and band {band}; need 0 <= skip <= band, and 2 skip below {width}")
    parts = [slice(start, start + PAIRS_AT_ONCE) for start in range(0, len(x), PAIRS_AT_ONCE)]
    costs = [cheapest_path(x[p].T.copy(), y[p].T.copy(), STEPS[kind], band, skip) for p in parts]
    scale = 2 * (width - skip) if kind == "dtw" else 1
    return np.concatenate([*costs, np.empty(0)]).astype(np.float64) / scale


def cheapest_path(x, y, step, band: int, skip: int):
    """Cost [P] of the best alignment of curves x, y [W, P], cell by cell over the band and all pairs at once."""
    last = len(x) - 1
    far, free = np.full(x.shape[1:], np.inf, np.float32), np.zeros(x.shape[1:], np.float32)
    best, above = far, {}                                          # above: column j -> costs [P] of the row before
    for i in range(len(x)):
        row = {}
        for j in range(max(0, i - band), min(last, i + band) + 1):
            starts = min(i, j) == 0 and max(i, j) <= skip
            corner = free if starts else above.get(j - 1, far)
            side = np.minimum(row.get(j - 1, far), above.get(j, far))
            row[j] = step(np.abs(x[i] - y[j]), side, corner)
            if max(i, j) == last and min(i, j) >= last - skip:
                best = np.minimum(best, row[j])
        above = row
    return best


def warping_step(cost, side, corner):
    return np.minimum(side, corner + cost) + cost


def frechet_step(cost, side, corner):
    return np.maximum(np.minimum(side, corner), cost)


STEPS = {"dtw": warping_step, "frechet": frechet_step}
