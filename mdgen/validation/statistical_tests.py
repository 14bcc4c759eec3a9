"""Is one user's generated set distinguishable from the real one? Tests per user, corrected for their number.

A small p says that there is a difference, not that it is large. A large p may only mean that there are few images.
Real windows less than INDEPENDENT_GAP apart share samples, which would make any p too small: they are thinned first.
"""

import math

import numpy as np
from scipy.spatial.distance import pdist, squareform
from scipy.stats import hypergeom, rankdata

from mdgen.data.copies import INDEPENDENT_GAP
from mdgen.validation.judges.features import EXTRACTOR, JudgedSet

ALPHA = 0.05
FEWEST = 2   # images on either side, below which nothing is tested
MMD = f"mmd_{EXTRACTOR}"


def user_tests(training: JudgedSet, held_out: JudgedSet, generated: JudgedSet, num_users: int, scalars=None, *,
               permutations: int = 999, seed: int = 0) -> dict:
    """Test every user's generated images against real ones, with Holm's correction over all users and tests.

    mmd_user_classifier: permutation test of the features (see `mmd_statistic`), generated against training.
    recognition: Fisher's exact test, one-sided: are generated images recognised less often than held-out ones?
    scalars: {name: (training [N], held_out [M], generated [L])} adds a two-sided rank-sum test of each quantity,
    generated against training; values that are not finite are left out.
    Recordings drift, so that real images of another minute may differ as well. The control shows it: the same test of
    held-out against training images, with as many images as the generated set has in the test. `recognition` has no
    control: it compares with held-out images already.
    permutations: the fewest; there are more where the smallest p could not survive the correction otherwise.

    Returns {"tests": names, "per_user": [{test: {"p", "p_holm", "control_p", "control_p_holm", "n": [images tested,
    images compared with]}}], "tested" and "rejected": {"test": count, "control": count}, "alpha", "permutations"}.
    p is None where either side has fewer than two images. Raises ValueError if permutations is below 1.
    """
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; expected 1 or more")
    sets, scalars = (training, held_out, generated), scalars or {}
    permutations = max(permutations, math.ceil(2 * num_users * (2 + len(scalars)) / ALPHA))
    quantities = {MMD: [s.features for s in sets],
                  **{name: [np.asarray(v, dtype=np.float64)[:, None] for v in values]
                     for name, values in scalars.items()}}
    per_user = []
    for user in range(num_users):
        rng = np.random.default_rng([seed, user])
        found = {name: compared(*usable(sets, values, user), mmd_statistic if name == MMD else rank_sum_statistic,
                                permutations, rng) for name, values in quantities.items()}
        found["recognition"] = recognition_test(held_out, generated, user)
        per_user.append(found)
    corrected = {key: correct(per_user, key) for key in ("p", "control_p")}
    return {"tests": [*quantities, "recognition"], "per_user": per_user,
            "tested": {"test": len(corrected["p"]), "control": len(corrected["control_p"])},
            "rejected": {"test": sum(p <= ALPHA for p in corrected["p"]),
                         "control": sum(p <= ALPHA for p in corrected["control_p"])},
            "alpha": ALPHA, "permutations": permutations}


def usable(sets, values, user: int):
    """Finite values [n, D] of one user for every set, in the order of their positions; the real sets thinned."""
    picked = []
    for judged, value, gap in zip(sets, values, (INDEPENDENT_GAP, INDEPENDENT_GAP, 1), strict=True):
        rows = judged.of_user(user)
        rows = rows[np.isfinite(value[rows]).all(axis=1)]
        picked.append(value[rows[apart(judged.positions[rows], gap)]])
    return picked


def apart(positions, gap: int):
    """Indices of as many positions [n] as can be at least `gap` from each other, in ascending order of position."""
    kept, last = [], -math.inf
    for row in np.argsort(positions, kind="stable"):
        if positions[row] - last >= gap:
            kept.append(row)
            last = positions[row]
    return np.array(kept, dtype=np.int64)


def compared(training, held_out, generated, statistic, permutations: int, rng) -> dict:
    """Generated and held-out values [n, D], cut to equal n, each tested against training: {"p", "control_p", "n"}."""
    size = min(len(held_out), len(generated))
    if min(size, len(training)) < FEWEST:
        return {"p": None, "control_p": None, "n": [size, len(training)]}
    members = relabellings(size, len(training), permutations, rng)
    p, control_p = (permutation_p(statistic(np.concatenate([spread(sample, size), training]), members))
                    for sample in (generated, held_out))
    return {"p": p, "control_p": control_p, "n": [size, len(training)]}


def spread(values, size: int):
    """`size` rows, evenly spaced."""
    return values[np.linspace(0, len(values) - 1, size).round().astype(int)]


def relabellings(first: int, second: int, permutations: int, rng):
    """Which rows form the first sample, bool [1 + permutations, first + second]: as observed, then at random."""
    observed = np.arange(first + second) < first
    return np.concatenate([observed[None], rng.permuted(np.tile(observed, (permutations, 1)), axis=1)])


def permutation_p(statistics) -> float:
    """Share of relabellings whose statistic is at least the first, which is the observed one and counts itself.

    statistics [1 + R]. Never 0, and at most alpha with probability alpha or less if samples are exchangeable
    (Phipson & Smyth 2010, eq. 2).
    """
    tolerance = 1e-9 * np.abs(statistics).max()   # equal splits must tie, however their sums are rounded
    return float((statistics >= statistics[0] - tolerance).mean())


def mmd_statistic(values, members):
    """Squared maximum mean discrepancy of every relabelling [R] (Gretton et al. 2012, eq. 5): values [N, D].

    Gaussian kernel whose width is the median distance of the pooled values, so that it is the same for all.
    """
    distances = pdist(values, "sqeuclidean")
    kernel = squareform(np.exp(-distances / (2 * (np.median(distances) or 1.0))))
    np.fill_diagonal(kernel, 1.0)
    weights = members / members[0].sum() - ~members / (~members[0]).sum()            # [R, N]
    return np.einsum("rn,rn->r", weights @ kernel, weights)


def rank_sum_statistic(values, members):
    """|U - mean of U| of every relabelling [R] (Mann & Whitney 1947), ties at their mean rank: values [N, 1]."""
    ranks = rankdata(values[:, 0])
    return np.abs(members @ ranks - members[0].sum() * (len(ranks) + 1) / 2)


def recognition_test(held_out: JudgedSet, generated: JudgedSet, user: int) -> dict:
    """Fisher's test of one user's generated images against the thinned held-out ones."""
    hits = [judged.probabilities[rows].argmax(axis=1) == user for judged, rows in
            ((generated, generated.of_user(user)), (held_out, held_out.of_user(user)))]
    hits[1] = hits[1][apart(held_out.positions[held_out.of_user(user)], INDEPENDENT_GAP)]
    n = [len(hit) for hit in hits]
    p = fisher_less(hits[0].sum(), n[0], hits[1].sum(), n[1]) if min(n) >= FEWEST else None
    return {"p": p, "control_p": None, "n": n}


def fisher_less(hits: int, count: int, other_hits: int, other_count: int) -> float:
    """Fisher's exact p that hits of count is a lower rate than other_hits of other_count (Fisher 1935)."""
    return float(hypergeom.cdf(hits, count + other_count, hits + other_hits, count))


def holm(p):
    """Adjusted p [m] (Holm 1979): rejecting those up to alpha keeps the chance of any false rejection to alpha."""
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    return adjusted


def correct(per_user, key: str) -> list:
    """Write <key>_holm beside every key in the results of all users; returns the adjusted p of those that have one."""
    tests = [test for found in per_user for test in found.values()]
    known = [test for test in tests if test[key] is not None]
    adjusted = holm([test[key] for test in known]).tolist()
    for test in tests:
        test[f"{key}_holm"] = None
    for test, p in zip(known, adjusted):
        test[f"{key}_holm"] = p
    return adjusted
