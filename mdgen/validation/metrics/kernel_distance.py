"""Kernel distance (KID): squared maximum mean discrepancy without bias, hence usable at small N."""

import numpy as np

from mdgen.errors import RequestError
from mdgen.validation.metrics.checked_features import finite_pair, strips

ROWS_AT_ONCE = 2048


def kernel_distance(x, y, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0):
    """Unbiased squared MMD (Gretton et al. 2012, eq. 3), kernel (x·y/D + 1)³ (Bińkowski et al. 2018, sec. 4).

    x [N, D], y [M, D]: features. Each of `subsets` subsets takes n = min(subset_size, N, M) rows of either,
    without replacement, and gives one estimate; returns their (mean, standard deviation). The mean is about
    0 for equal distributions and may be negative. The subsets are those of torch-fidelity, whose default seed
    is 2020. Where n = N = M every subset is the whole set: the mean is then the full estimate and the deviation
    0. Subsets share rows, so the deviation is that of one subset and no error of the mean; for that see
    `kernel_distance_full`. Raises RequestError for fewer than 2 rows, no subsets or values that are not finite,
    ValueError for shapes that do not match.
    """
    x, y = finite_pair(x, y)
    n = min(subset_size, len(x), len(y))
    if n < 2 or subsets < 1:
        raise RequestError(f"kernel distance from {subsets} subset(s) of {n}: need 1 or more of 2 images up.")
    members_x, members_y = _memberships(subsets, n, len(x), len(y), seed)
    within = _pair_sums(x, x, members_x, members_x) - members_x @ _kernel_diagonal(x)
    within = within + _pair_sums(y, y, members_y, members_y) - members_y @ _kernel_diagonal(y)
    estimates = within / (n * (n - 1)) - 2 * _pair_sums(x, y, members_x, members_y) / n**2
    return float(estimates.mean()), float(estimates.std())


def kernel_distance_full(x, y):
    """The same estimate from all rows at once, without subsets: (estimate, its standard error).

    x [N, D], y [M, D]: features. The error is the two-sample jackknife (Arvesen 1969): the estimate without
    each row in turn, of x and then of y, which the row sums of the kernel give in O((N + M)² D). It is the spread
    over new data of both kinds. Its square is biased upwards (Efron & Stein 1981): the error is right where
    the sets differ and too wide, by up to √2, where they are equal. Raises RequestError for fewer than 3
    rows or values that are not finite, ValueError for shapes that do not match.
    """
    x, y = finite_pair(x, y)
    n, m = len(x), len(y)
    if min(n, m) < 3:
        raise RequestError(f"kernel distance of {n} and {m} images with its error: need at least 3 of both.")
    x_to_x, y_to_y = _row_sums(x, x) - _kernel_diagonal(x), _row_sums(y, y) - _kernel_diagonal(y)
    x_to_y, y_to_x = _row_sums(x, y), _row_sums(y, x)
    within_x, within_y, across = x_to_x.sum(), y_to_y.sum(), x_to_y.sum()
    estimate = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)
    # Leaving a row out removes it from both places of a pair within, from one of a pair across.
    without_x = (within_x - 2 * x_to_x) / ((n - 1) * (n - 2)) - 2 * (across - x_to_y) / ((n - 1) * m)
    without_y = (within_y - 2 * y_to_y) / ((m - 1) * (m - 2)) - 2 * (across - y_to_x) / (n * (m - 1))
    return float(estimate), float(np.sqrt((n - 1) * without_x.var() + (m - 1) * without_y.var()))


def _memberships(subsets: int, size: int, rows_x: int, rows_y: int, seed: int):
    """Memberships [subsets, rows_x] and [subsets, rows_y]: 1 where the row belongs to the subset."""
    rng = np.random.RandomState(seed)       # torch-fidelity's generator; rows of x are chosen before those of y
    members_x, members_y = np.zeros((subsets, rows_x)), np.zeros((subsets, rows_y))
    for of_x, of_y in zip(members_x, members_y):
        of_x[rng.choice(rows_x, size, replace=False)] = 1
        of_y[rng.choice(rows_y, size, replace=False)] = 1
    return members_x, members_y


def _kernel_strips(x, y):
    """Yield (rows, kernel [rows, M]) over all rows of x."""
    for rows in strips(len(x), ROWS_AT_ONCE):
        yield rows, (x[rows] @ y.T / x.shape[1] + 1) ** 3


def _pair_sums(x, y, members_x, members_y):
    """Sum of k(x_i, y_j) over the pairs of every subset, [subsets]; each kernel value is made once."""
    return sum(np.einsum("sm,sm->s", members_x[:, rows] @ kernel, members_y)
               for rows, kernel in _kernel_strips(x, y))


def _row_sums(x, y):
    """Sum of k(x_i, y_j) over j, [N]."""
    return np.concatenate([kernel.sum(axis=1) for _, kernel in _kernel_strips(x, y)])


def _kernel_diagonal(x):
    return ((x**2).sum(axis=1) / x.shape[1] + 1) ** 3
