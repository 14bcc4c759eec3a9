"""Distances between curves over time that do not mind a warped time axis, nor where in a step an image begins."""

import numpy as np

from mdgen.validation.metrics.checked_features import strips

PAIRS_AT_ONCE = 4096   # keeps the rows of the table in a processor's cache


def curve_distance(x, y):
    """Distances [P] between the curves x and y [P, W] that a monotone alignment of their columns leaves, float64.

    Dynamic time warping of Sakoe & Chiba 1978 (symmetric form: a diagonal step counts twice): the sum of |x_i - y_j|
    over the weight of the shortest path, hence in the curves' unit.
    |i - j| is at most W // 4 (the Sakoe-Chiba band). Either curve may leave out as many columns at its beginning and
    at its end (psi-DTW, Silva, Batista & Keogh 2016): that is one step of the usual four, so that images of one walk
    that begin elsewhere in a step are alike. Circular shifts would not do, as an image need not hold whole steps and
    its ends then meet in a jump.
    Raises ValueError for other shapes.
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    if x.ndim != 2 or x.shape != y.shape:
        raise ValueError(f"curves of shapes {x.shape} and {y.shape}: need [P, W] twice")
    width = x.shape[1]
    reach = width // 4
    costs = [cheapest_path(x[pairs].T.copy(), y[pairs].T.copy(), band=reach, skip=reach)
             for pairs in strips(len(x), PAIRS_AT_ONCE)]
    return np.concatenate([*costs, np.empty(0)]).astype(np.float64) / (2 * (width - reach))


def cheapest_path(x, y, band: int, skip: int):
    """Cost [P] of the best alignment of curves x, y [W, P], cell by cell over the band and all pairs at once.

    band: greatest |i - j|; skip: columns that may be left out at an end, at most band and less than half of W.
    """
    last = len(x) - 1
    far, free = np.full(x.shape[1:], np.inf, np.float32), np.zeros(x.shape[1:], np.float32)
    best, above = far, {}                                          # above: column j -> costs [P] of the row before
    for i in range(len(x)):
        row = {}
        for j in range(max(0, i - band), min(last, i + band) + 1):
            starts = min(i, j) == 0 and max(i, j) <= skip
            corner = free if starts else above.get(j - 1, far)
            side = np.minimum(row.get(j - 1, far), above.get(j, far))
            gap = np.abs(x[i] - y[j])
            row[j] = np.minimum(side, corner + gap) + gap
            if max(i, j) == last and min(i, j) >= last - skip:
                best = np.minimum(best, row[j])
        above = row
    return best
