"""How far a figure would move with other images: intervals from resampling what was recorded as one."""

import numpy as np
from scipy.stats import beta, t

REPLICATES = 500
LEVEL = 0.95
GROUPS = 10   # of the jackknife


def resampled(units, replicates: int = REPLICATES, seed: int = 0):
    """How often every image is drawn in each replicate of a bootstrap: float64 [replicates, N].

    units [N]: what is drawn with replacement as a whole (`mdgen.data.windows.resampling_units`), over all users: single
    windows of a recording are no independent images (cluster bootstrap, Davison & Hinkley 1997, sec. 3.8).
    """
    _, of = np.unique(units, return_inverse=True)
    count = of.max() + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=replicates)
    return drawn[:, of].astype(np.float64)


def percentiles(values) -> list | None:
    """The 95 % interval [low, high] of replicates [R], NaN left out; None where nothing is left."""
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    return np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist() if len(values) else None


def bounded_interval(values, units) -> list | None:
    """`percentiles` of a figure between 0 and 1. Where all replicates are at one end: as far from it as a share could
    be of which as many independent draws as there are units show nothing (see `share_interval`)."""
    found = percentiles(values)
    if found is None or found[0] != found[1] or found[0] not in (0.0, 1.0):
        return found
    least = float(beta.ppf((1 - LEVEL) / 2, len(np.unique(units)), 1))
    return [least, 1.0] if found[0] else [0.0, 1 - least]


def share_interval(hits, units, weights) -> list | None:
    """The 95 % interval of a share: hits [N] bool, units [N] and weights [R, N] as of `resampled`.

    Where all hits are equal no replicate differs. Then it is the exact interval of as many independent draws as there
    are units (Clopper & Pearson 1934).
    """
    hits, count = np.asarray(hits, dtype=np.float64), len(np.unique(units))
    if not len(hits):
        return None
    if hits.min() == hits.max():
        least = float(beta.ppf((1 - LEVEL) / 2, count, 1))   # of count hits of count
        return [least, 1.0] if hits[0] else [0.0, 1 - least]
    return percentiles(weights @ hits / weights.sum(axis=1))


def jackknife_interval(figure, value: float | None, units, seed: int = 0) -> list | None:
    """The 95 % interval of a figure that images drawn twice would spoil, such as a Fréchet distance.

    figure(rows) -> float, from rows of N images; value: that of all. The units [N] are dealt into ten groups, and the
    figure is taken without each in turn (delete-a-group jackknife, Kott 2001); Student's t with one freedom less than
    groups. None where there is no value, for fewer
    than two units, and where fewer than two images would be left.
    """
    names, of = np.unique(units, return_inverse=True)
    groups = min(GROUPS, len(names))
    if value is None or groups < 2:
        return None
    group = np.random.default_rng(seed).permutation(np.arange(len(names)) % groups)[of]
    if len(group) - np.bincount(group).max() < 2:
        return None
    without = np.array([figure(np.flatnonzero(group != g)) for g in range(groups)])
    error = np.sqrt((groups - 1) * without.var())
    reach = float(t.ppf((1 + LEVEL) / 2, groups - 1) * error)
    return [max(value - reach, 0.0), value + reach]
