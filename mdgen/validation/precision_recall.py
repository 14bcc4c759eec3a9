"""Precision (is what was drawn realistic?) and recall (is all that is real drawn?) by neighbours."""

import numpy as np

from mdgen.errors import RequestError

ROWS_AT_ONCE = 1024


def precision_recall(real, fake, k: int = 3):
    """(precision, recall), each in [0, 1], as improved by Kynkäänniemi et al. 2019, eqs. 1 and 2.

    real [N, D], fake [M, D]: features. A set's manifold is the union of balls around its points that reach
    each point's k-th nearest neighbour in the set; precision is the share of fake inside real's, recall of
    real inside fake's. Both depend on N and M: compare at equal numbers. Raises RequestError for k or fewer
    rows of either.
    """
    real, fake = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(f"features of shapes {real.shape} and {fake.shape}: need [N, D] and [M, D]")
    if not 1 <= k < min(len(real), len(fake)):
        raise RequestError(f"precision and recall with k = {k} from {len(real)} real and {len(fake)} "
                           f"generated images: need k >= 1 and more than k of both; lower k or add images.")
    centre = real.mean(axis=0)  # distances do not change, and their expansion below rounds less
    real, fake = real - centre, fake - centre
    return _share_inside(fake, real, _radii(real, k)), _share_inside(real, fake, _radii(fake, k))


def _radii(points, k: int):
    """Squared distance of each point to its k-th nearest other point, [N]."""
    radii = np.empty(len(points))
    for rows, distances in _distance_strips(points, points):
        # The point itself is the smallest of its row, so position k is the k-th neighbour.
        radii[rows] = np.partition(distances, k, axis=1)[:, k]
    return radii


def _share_inside(queries, points, radii) -> float:
    inside = [(distances <= radii).any(axis=1) for _, distances in _distance_strips(queries, points)]
    return float(np.concatenate(inside).mean())


def _distance_strips(x, y):
    """Yield (rows, squared distances [rows, M]) over all rows of x, a strip at a time to bound the memory."""
    norms = (y**2).sum(axis=1)
    for start in range(0, len(x), ROWS_AT_ONCE):
        strip = x[start : start + ROWS_AT_ONCE]
        scale = (strip**2).sum(axis=1)[:, None] + norms
        distances = scale - 2 * strip @ y.T
        # What is left of equal points after rounding is made exactly 0, so that a copy lies in every ball.
        distances[distances < 1e-12 * scale] = 0
        yield slice(start, start + len(strip)), distances
