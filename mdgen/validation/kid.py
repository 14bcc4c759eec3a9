"""Kernel distance (KID): squared maximum mean discrepancy without bias, hence usable at small N."""

import numpy as np

from mdgen.errors import RequestError

ROWS_AT_ONCE = 2048


def kernel_distance(x, y, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0):
    """Unbiased squared MMD (Gretton et al. 2012, eq. 3), kernel (x·y/D + 1)³ (Bińkowski et al. 2018, sec. 4).

    x [N, D], y [M, D]: features. Each of `subsets` draws takes n = min(subset_size, N, M) rows of either,
    without replacement, and gives one estimate; returns their (mean, standard deviation). The mean is about
    0 for equal distributions and may be negative. Where n = N = M every draw is the whole set: the mean is
    then the full estimate and the deviation 0, which says nothing; ask for n = min(N, M) // 2 to see a
    spread. Raises RequestError for fewer than 2 rows or no draws, ValueError for shapes that do not match.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"features of shapes {x.shape} and {y.shape}: need [N, D] and [M, D]")
    n = min(subset_size, len(x), len(y))
    if n < 2 or subsets < 1:
        raise RequestError(f"kernel distance from {subsets} subset(s) of {n}: need 1 or more of 2 images up.")
    rng = np.random.default_rng(seed)
    draws_x, draws_y = _draws(rng, subsets, n, len(x)), _draws(rng, subsets, n, len(y))
    within = _pair_sums(x, x, draws_x, draws_x) - draws_x @ _kernel_diagonal(x)
    within = within + _pair_sums(y, y, draws_y, draws_y) - draws_y @ _kernel_diagonal(y)
    estimates = within / (n * (n - 1)) - 2 * _pair_sums(x, y, draws_x, draws_y) / n**2
    return float(estimates.mean()), float(estimates.std())


def _draws(rng, subsets: int, size: int, population: int):
    """[subsets, population], 1 where the row belongs to the subset."""
    members = np.zeros((subsets, population))
    for row in members:
        row[rng.permutation(population)[:size]] = 1
    return members


def _pair_sums(x, y, draws_x, draws_y):
    """Sum of k(x_i, y_j) over the pairs of every subset, [subsets]; each kernel value is made once."""
    total = np.zeros(len(draws_x))
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        kernel = (x[rows] @ y.T / x.shape[1] + 1) ** 3                  # [rows, M]
        total += np.einsum("sm,sm->s", draws_x[:, rows] @ kernel, draws_y)
    return total


def _kernel_diagonal(x):
    return ((x**2).sum(axis=1) / x.shape[1] + 1) ** 3
