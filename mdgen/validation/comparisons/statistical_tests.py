"""Is a generated set distinguishable from the real one? Permutation tests, pooled over users and for each of them.

A small p says that there is a difference, not that it is large. A large p may only mean that there are few images.
Windows that share samples would make any p too small: only independent ones are tested.
"""

import math

import numpy as np
from scipy.spatial.distance import pdist, squareform
from scipy.stats import hypergeom, rankdata

from mdgen.data.windows import independent
from mdgen.validation.judges.features import EXTRACTOR, JudgedSet

ALPHA = 0.05
FEWEST = 2   # images on either side, below which nothing is tested
MMD, SIMPLE, RECOGNITION = f"mmd_{EXTRACTOR}", "mmd_simple_features", "recognition"


def user_tests(training: JudgedSet, held_out: JudgedSet, generated: JudgedSet, num_users: int, quantities=None, *,
               permutations: int = 999, seed: int = 0) -> dict:
    """Test generated against training images: all users together, and each alone, with Holm's correction.

    mmd_user_classifier: permutation test of the judge's features (see `mmd_statistic`).
    quantities: {name: (training [N, D], held_out [M, D], generated [L, D])} adds a test of each: the same for D > 1, of
    columns brought to deviation 1 over all sets, and a two-sided rank-sum test for D = 1. Rows that are not finite are
    left out.
    recognition: are generated images recognised less often than held-out ones? One-sided.
    Of every set as many windows are taken as there are without shared samples. Labels are permuted within users. A
    pooled statistic is the sum of the users' statistics, each scaled to have the same size under permutation whatever
    its user's number of images. It sees what is too small in each user alone.
    Recordings drift, so that real images of another minute may differ as well. The control shows it: the same tests of
    held-out against training images. It has its own number of images, and is weak where they are few. `recognition`
    has no control: it compares with held-out images already.
    permutations: the fewest; there are more where the smallest p could not survive the correction otherwise.

    Returns {"tests": names, "pooled": [{"test", "p", "p_holm", "control_p", "control_p_holm", "n", "n_control": [images
    tested, images compared with]}], "per_user": [{test: the same without its name}], "tested" and "rejected": {"test":
    count, "control": count} of the tests per user, "alpha", "permutations"}. p is None where either side of a user has
    fewer than two images; the pooled test leaves such a user out. Raises ValueError if permutations is below 1.
    """
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; expected 1 or more")
    quantities = {MMD: [s.features for s in (training, held_out, generated)],
                  **{name: standardised(values) for name, values in (quantities or {}).items()}}
    permutations = max(permutations, math.ceil(2 * num_users * (1 + len(quantities)) / ALPHA))
    sets = [s.rows(independent(s.windows)) for s in (training, held_out, generated)]
    kept = {name: [v[independent(s.windows)] for v, s in zip(values, (training, held_out, generated))]
            for name, values in quantities.items()}
    found = [one_user(sets, kept, user, permutations, np.random.default_rng([seed, user])) for user in range(num_users)]
    names = [*quantities, RECOGNITION]
    pooled = [{"test": name, **tested(*(sum_up(side) for side in zip(*(user[name] for user in found))))}
              for name in names]
    per_user = [{name: tested(*user[name]) for name in names} for user in found]
    correct_all([{line["test"]: line} for line in pooled])
    count = correct_all(per_user)
    return {"tests": names, "pooled": pooled, "per_user": per_user, "alpha": ALPHA, "permutations": permutations,
            "tested": {key: len(p) for key, p in count.items()},
            "rejected": {key: sum(value <= ALPHA for value in p) for key, p in count.items()}}


def one_user(sets, quantities: dict, user: int, permutations: int, rng) -> dict:
    """{test: (statistics, those of its control)} of one user: see `permuted` and `missed`."""
    rows, found = [s.of_user(user) for s in sets], {}
    for name, values in quantities.items():
        real, held_out, generated = (v[r][np.isfinite(v[r]).all(axis=1)] for v, r in zip(values, rows))
        found[name] = [permuted(sample, real, permutations, rng) for sample in (generated, held_out)]
    hits = [s.probabilities[r].argmax(axis=1) == user for s, r in zip(sets, rows)]
    return {**found, RECOGNITION: (missed(hits[2][:, None], hits[1][:, None], permutations, rng), None)}


def standardised(sets) -> list:
    """Values [N] or [N, D] of every set as [N, D], each column over its deviation in all sets together."""
    sets = [np.asarray(values, dtype=np.float64).reshape(len(values), -1) for values in sets]
    deviation = np.nanstd(np.concatenate(sets), axis=0)
    return [values / np.where(deviation > 0, deviation, 1) for values in sets]


def permuted(sample, real, permutations: int, rng) -> dict:
    """Statistics [1 + permutations] of values [n, D] against [m, D], the observed first, and their numbers."""
    n = [len(sample), len(real)]
    if min(n) < FEWEST:
        return {"n": n, "statistics": None}
    statistic = mmd_statistic if real.shape[1] > 1 else rank_sum_statistic
    return {"n": n, "statistics": statistic(np.concatenate([sample, real]), relabellings(*n, permutations, rng))}


def missed(sample, other, permutations: int, rng) -> dict:
    """As `permuted`: by how much a lower share of hits [n, 1] than of other hits [m, 1] there is."""
    n = [len(sample), len(other)]
    if min(n) < FEWEST:
        return {"n": n, "statistics": None}
    hits, members = np.concatenate([sample, other])[:, 0], relabellings(*n, permutations, rng)
    return {"n": n, "statistics": n[0] * hits.mean() - members @ hits, "exact": fisher_less(
        sample.sum(), n[0], other.sum(), n[1])}


def sum_up(users: list) -> dict | None:
    """The pooled statistics of all users that have any, each over its deviation under permutation."""
    known = [one for one in users if one and one["statistics"] is not None]
    if not known:
        return None if users[0] is None else {"n": [0, 0], "statistics": None}
    total = sum(one["statistics"] / (one["statistics"].std() or 1.0) for one in known)
    return {"n": np.sum([one["n"] for one in known], axis=0).tolist(), "statistics": total}


def tested(test: dict, control: dict | None) -> dict:
    """p of a test and of its control, and the numbers of images of both."""
    def p(found):
        if found is None or found["statistics"] is None:
            return None
        return found.get("exact", permutation_p(found["statistics"]))

    return {"p": p(test), "control_p": p(control), "n": test["n"], "n_control": control and control["n"]}


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


def correct_all(lines: list) -> dict:
    """Write p_holm and control_p_holm beside every p of {name: test} dicts, corrected over all of them; returns the
    adjusted p of those that have one, {"test": list, "control": list}."""
    tests, found = [test for line in lines for test in line.values()], {}
    for key, side in (("p", "test"), ("control_p", "control")):
        known = [test for test in tests if test[key] is not None]
        found[side] = holm([test[key] for test in known]).tolist()
        for test in tests:
            test[f"{key}_holm"] = None
        for test, p in zip(known, found[side]):
            test[f"{key}_holm"] = p
    return found
