"""Do the images of one user differ from each other as much as real ones do?"""

import numpy as np
from scipy.spatial.distance import pdist, squareform

from mdgen.data.windows import sharing

MOST_IMAGES = 200     # per user; beyond it evenly spaced ones stand for all


def user_diversity(vectors, users, num_users: int, windows=None, weights=None):
    """Mean root-mean-square difference between the vectors [N, ...] of every user: float64 [num_users], NaN for none.

    users: [N]. windows [N, 3]: two that share samples are no pair, since they are alike by construction; by default
    every pair counts. weights [R, N]: how often each vector is drawn in every replicate of a bootstrap; then
    [R, num_users]. A vector and itself are no pair even where it is drawn twice: sets would look alike.
    """
    drawn = np.ones((1, len(users))) if weights is None else weights
    found = np.full((len(drawn), num_users), np.nan)
    for user in range(num_users):
        rows = np.flatnonzero(users == user)
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_IMAGES)).round().astype(int)]
        alike = np.eye(len(rows), dtype=bool)
        if windows is not None:
            alike |= sharing(windows[rows], windows[rows])
        if alike.all():
            continue
        flat = np.asarray(vectors[rows], dtype=np.float64).reshape(len(rows), -1)
        distances, of_user = squareform(pdist(flat)) / np.sqrt(flat.shape[1]), drawn[:, rows]
        total, pairs = (((of_user @ matrix) * of_user).sum(axis=1) for matrix in (distances * ~alike, 1.0 * ~alike))
        found[pairs > 0, user] = total[pairs > 0] / pairs[pairs > 0]
    return found[0] if weights is None else found
