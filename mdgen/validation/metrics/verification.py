"""Do two images show the same walker? Verification and retrieval figures from embeddings of any network."""

import numpy as np
from scipy.spatial.distance import cdist

from mdgen.errors import RequestError
from mdgen.validation.metrics.checked_features import strips

ROWS_AT_ONCE = 256   # probes; bounds the memory to that many rows of distances
CHART_POINTS = 100
THRESHOLDS = 400     # of the curves of bootstrap samples


def verification(gallery, gallery_users, probes, probe_users) -> dict:
    """Compare every probe with every gallery image by Euclidean distance: same user (genuine) or not (impostor).

    gallery [G, D], probes [N, D]: embeddings; gallery_users [G], probe_users [N]: indices from 0, each of them in the
    gallery. Returns, for all probes and as <figure>_per_user by the probe's user (None for a user without probes):
    auc: chance that a genuine pair is nearer than an impostor pair, ties half (Mann & Whitney 1948);
    eer: error at the threshold where the false acceptance rate equals the false rejection rate, interpolated;
    rank1: share of probes whose nearest gallery image is of their user;
    genuine_distance, impostor_distance: means over pairs;
    prototype_distance: to the mean gallery embedding of the user, scaled to unit length (Snell et al. 2017, eq. 1);
    prototype_margin: margin to the nearest other user's prototype, that is, the distance to it minus
    prototype_distance; negative where another user is nearer.
    Also n_gallery, n_probes, and roc: up to 100 points of the curve, false_acceptance and true_acceptance in [0, 1].
    Raises RequestError without probes, ValueError for a gallery of fewer than two users or without one of them.
    """
    gallery, probes = np.asarray(gallery, dtype=np.float64), np.asarray(probes, dtype=np.float64)
    gallery_users, probe_users = np.asarray(gallery_users), np.asarray(probe_users)
    num_users = int(gallery_users.max()) + 1
    if num_users < 2 or len(np.unique(gallery_users)) < num_users or probe_users.max(initial=0) >= num_users:
        raise ValueError(f"a gallery of the users {np.unique(gallery_users)} for probes of {np.unique(probe_users)}: "
                         "need every user from 0, and two or more")
    if not len(probes):
        raise RequestError("there is no image to compare with the gallery; add images")
    whole, curve = _figures(gallery, gallery_users, probes, probe_users)
    rows = [probe_users == user for user in range(num_users)]
    users = [_figures(gallery, gallery_users, probes[r], probe_users[r])[0] if r.any() else {} for r in rows]
    return {"n_gallery": len(gallery), "n_probes": len(probes), **whole,
            **{f"{name}_per_user": [figures.get(name) for figures in users] for name in whole},
            "roc": dict(zip(("false_acceptance", "true_acceptance"), (rate.tolist() for rate in thinned(*curve))))}


def _figures(gallery, gallery_users, probes, probe_users):
    """The scalar figures of some probes, and their ROC curve."""
    def pairs():
        for rows in strips(len(probes), ROWS_AT_ONCE):
            yield cdist(probes[rows], gallery), probe_users[rows, None] == gallery_users    # both [rows, G]

    genuine = np.concatenate([distance[same] for distance, same in pairs()])
    curve = roc_curve(genuine, (distance[~same] for distance, same in pairs()))
    right, impostors = np.concatenate([
        np.stack([same[np.arange(len(same)), distance.argmin(axis=1)], distance.sum(axis=1, where=~same)])
        for distance, same in pairs()], axis=1)
    own, margin = prototype_distances(gallery, gallery_users, probes, probe_users)
    return {"auc": area(*curve), "eer": equal_error_rate(*curve), "rank1": float(right.mean()),
            "genuine_distance": float(genuine.mean()),
            "impostor_distance": float(impostors.sum() / (len(probes) * len(gallery) - len(genuine))),
            "prototype_distance": float(own.mean()), "prototype_margin": float(margin.mean())}, curve


def resampled_errors(gallery, gallery_users, probes, probe_users, weights, thresholds: int = THRESHOLDS) -> dict:
    """{"eer", "auc": [R]} of bootstrap samples of the probes: weights [R, N] say how often each probe is drawn.

    The curve is taken at the quantiles of the genuine distances, where its corners lie: its rates are sums over probes,
    so that no distance is sorted again.
    """
    distances, same = cdist(probes, gallery), probe_users[:, None] == gallery_users
    places = np.unique(np.quantile(distances[same], np.linspace(0, 1, thresholds)))
    counts = [np.stack([np.searchsorted(np.sort(row[kind]), places, side="right")
                        for row, kind in zip(distances, kinds)]) for kinds in (~same, same)]       # [N, T] each
    rates = [np.concatenate([np.zeros((len(weights), 1)), weights @ count / (weights @ kinds.sum(axis=1))[:, None],
                             np.ones((len(weights), 1))], axis=1) for count, kinds in zip(counts, (~same, same))]
    pairs = list(zip(*rates))
    return {"eer": [equal_error_rate(*pair) for pair in pairs], "auc": [area(*pair) for pair in pairs]}


def prototype_distances(gallery, gallery_users, probes, probe_users):
    """Distance of every probe to its user's prototype, and the margin to the nearest other user's: two [N]."""
    means = np.stack([gallery[gallery_users == user].mean(axis=0) for user in range(gallery_users.max() + 1)])
    distance = cdist(probes, means / np.linalg.norm(means, axis=1, keepdims=True))          # [N, num_users]
    rows = np.arange(len(probes))
    own = distance[rows, probe_users]
    distance[rows, probe_users] = np.inf
    return own, distance.min(axis=1) - own


def roc_curve(genuine, impostors):
    """False and true acceptance rates over all thresholds: the corners of the exact curve from (0, 0) to (1, 1).

    genuine [P]: distances; impostors: an iterable of arrays of distances, which are never held together. Between two
    genuine distances only the false acceptance rate grows. So the curve has two corners for each genuine distance:
    just below it and at it.
    """
    genuine, counts = np.unique(genuine, return_counts=True)
    below, upto, total = np.zeros(len(genuine)), np.zeros(len(genuine)), 0
    for distances in impostors:
        distances = np.sort(distances, axis=None)
        below += np.searchsorted(distances, genuine, side="left")
        upto += np.searchsorted(distances, genuine, side="right")
        total += len(distances)
    accepted = np.cumsum(counts)
    true = np.stack([accepted - counts, accepted], axis=1).ravel() / accepted[-1]
    false = np.stack([below, upto], axis=1).ravel() / total
    return np.concatenate([[0], false, [1]]), np.concatenate([[0], true, [1]])


def area(false, true) -> float:
    """Area under the curve; with ties as diagonals it is the Mann-Whitney statistic U / (P M)."""
    return float((np.diff(false) * (true[1:] + true[:-1])).sum() / 2)


def equal_error_rate(false, true) -> float:
    """The error where the false acceptance and false rejection rates are equal, linear between the curve's corners."""
    gap = false + true - 1                       # from -1 to 1, never falling
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(false[after - 1] + share * (false[after] - false[after - 1]))


def thinned(false, true, points: int = CHART_POINTS):
    """The curve at up to `points` places: half evenly spaced along it, half of its corners, evenly spaced in the
    logarithm of the false acceptance rate, where a logarithmic axis shows most: (false, true)."""
    if len(false) <= points:
        return false, true
    along, rare = false + true, false[false > 0].min()
    corners = np.searchsorted(false, np.geomspace(rare, 1, points // 2))
    places = np.unique(np.concatenate([np.linspace(0, 2, points - points // 2), along[corners]]))
    return np.interp(places, along, false), np.interp(places, along, true)
