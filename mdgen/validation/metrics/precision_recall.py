"""Fidelity (are generated images realistic?) and variety (do they cover the real ones?) by nearest neighbours."""

import numpy as np

from mdgen.errors import RequestError
from mdgen.validation.metrics.checked_features import finite_pair, strips

ROWS_AT_ONCE = 1024


def precision_recall(real, fake, k: int = 3):
    """(precision, recall), each in [0, 1], as improved by Kynkäänniemi et al. 2019, eqs. 1 and 2.

    real [N, D], fake [M, D]: features. A set's manifold is the union of balls around its points that reach
    each point's k-th nearest neighbour in the set; precision is the share of fake inside real's, recall of
    real inside fake's. Both depend on N and M: compare at equal numbers. Raises RequestError for k or fewer
    rows of either and for values that are not finite.
    """
    real, fake = _centred(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise RequestError(f"precision and recall with k = {k} from {len(real)} real and {len(fake)} "
                           f"generated images: need k >= 1 and more than k of both; lower k or add images.")
    return _share_inside(fake, real, _radii(real, k)), _share_inside(real, fake, _radii(fake, k))


def density_coverage(real, fake, k: int = 5):
    """(density, coverage) of Naeem et al. 2020, sec. 3.2: sturdier against outliers than precision and recall.

    real [N, D], fake [M, D]: features; balls reach from each real point to its k-th nearest real neighbour.
    Density: in how many balls a fake point lies, on average, over k; from 0, and above 1 where fake crowds
    into the dense parts. Coverage: the share of balls that hold a fake point, in [0, 1]. Expected for equal
    distributions: density 1, coverage 1 - prod_{l=1..k} (N - l) / (N + M - l) (lemma 2), so N and M
    belong to the number. As in the authors' code a ball lacks its boundary: where fake is a copy of real,
    both are 1. Raises RequestError for k or fewer real rows, no fake ones or values that are not finite.
    """
    real, fake = _centred(real, fake)
    if not 1 <= k < len(real) or not len(fake):
        raise RequestError(f"density and coverage with k = {k} from {len(real)} real and {len(fake)} generated "
                           f"images: need k >= 1, more than k real and 1 generated; lower k or add images.")
    radii = _radii(real, k) * (1 - 1e-9)   # a point on the boundary stays outside whichever way it rounds
    inside = np.concatenate([(distances < radii[rows, None]).sum(axis=1)
                             for rows, distances in _distance_strips(real, fake)])   # fake points per ball, [N]
    return float(inside.sum() / (k * len(fake))), float((inside > 0).mean())


def _centred(real, fake):
    real, fake = finite_pair(real, fake)
    centre = real.mean(axis=0) if len(real) else 0.0  # distances do not change; their expansion rounds less
    return real - centre, fake - centre


def _radii(points, k: int):
    """Squared distance of each point to its k-th nearest other point, [N]."""
    # The point itself is the smallest of its row, so position k is the k-th neighbour.
    return np.concatenate([np.partition(distances, k, axis=1)[:, k]
                           for _, distances in _distance_strips(points, points)])


def _share_inside(queries, points, radii) -> float:
    inside = [(distances <= radii).any(axis=1) for _, distances in _distance_strips(queries, points)]
    return float(np.concatenate(inside).mean())


def _distance_strips(x, y):
    """Yield (rows, squared distances [rows, M]) over all rows of x."""
    norms = (y**2).sum(axis=1)
    for rows in strips(len(x), ROWS_AT_ONCE):
        scale = (x[rows]**2).sum(axis=1)[:, None] + norms
        distances = scale - 2 * x[rows] @ y.T
        # What is left of equal points after rounding is made exactly 0, so that a copy lies in every ball.
        distances[distances < 1e-12 * scale] = 0
        yield rows, distances
