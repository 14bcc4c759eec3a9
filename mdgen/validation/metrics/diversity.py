"""Do the images of one user differ from each other as much as real ones do?"""

import numpy as np
from scipy.spatial.distance import pdist

MOST_IMAGES = 200     # per user; beyond it evenly spaced ones stand for all


def mean_pair_distance(vectors, positions=None, min_gap: int = 1):
    """Mean root-mean-square difference over pairs of vectors [n, D]; None without a pair.

    positions [n]: places in the recording; pairs closer than min_gap are left out, since overlapping windows
    are alike by construction. By default every pair counts.
    """
    positions = np.arange(len(vectors)) if positions is None else np.asarray(positions)
    if len(vectors) > MOST_IMAGES:
        chosen = np.linspace(0, len(vectors) - 1, MOST_IMAGES).round().astype(int)
        vectors, positions = vectors[chosen], positions[chosen]
    if len(vectors) < 2:
        return None
    vectors = np.asarray(vectors, dtype=np.float64).reshape(len(vectors), -1)
    first, second = np.triu_indices(len(vectors), k=1)      # the order of pdist
    apart = np.abs(positions[first] - positions[second]) >= min_gap
    if not apart.any():
        return None
    return float(pdist(vectors)[apart].mean() / np.sqrt(vectors.shape[1]))


def user_diversity(vectors, users, num_users: int, positions, min_gap: int = 1) -> list:
    """`mean_pair_distance` within every user: vectors [N, ...], users, positions [N] -> num_users floats, or None."""
    rows = [np.flatnonzero(users == user) for user in range(num_users)]
    return [mean_pair_distance(vectors[r], positions[r], min_gap) for r in rows]
