"""Kernel distance (KID): squared maximum mean discrepancy without bias, hence usable at small N."""

import numpy as np

from mdgen.errors import RequestError
from mdgen.validation.metrics.checked_features import finite_pair, strips

ROWS_AT_ONCE = 1024


def kernel_distance(x, y, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0):
    """Unbiased squared MMD (Gretton et al. 2012, eq. 3), kernel (x·y/D + 1)³ (Bińkowski et al. 2018, sec. 4).

    x [N, D], y [M, D]: features. Each of `subsets` subsets takes n = min(subset_size, N, M) rows of either,
    without replacement, and gives one estimate; returns their (mean, standard deviation). The mean is about
    0 for equal distributions and may be negative. The subsets are those of torch-fidelity, whose default seed
    is 2020. Where n = N = M every subset is the whole set: the mean is then the full estimate and the deviation
    0. Subsets share rows, so the deviation is that of one subset and no error of the mean; for that see
    `kernel_distance_stratified`. It supposes independent draws: with so many images of each class it is below 0 for
    equal distributions. Raises RequestError for fewer than 2 rows, no subsets or values that are not finite,
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


def kernel_distance_stratified(x, y, x_classes, y_classes):
    """Squared MMD of sets that have so many images of each class: (unbiased estimate, its standard error).

    x [N, D], y [M, D]: features; x_classes [N], y_classes [M]: labels. Kernel as in `kernel_distance`.

    Estimator. `kernel_distance` supposes independent draws. With the number n_c per class fixed, pairs of one class
    are rarer within a set than across: equal distributions then give -B (1/(N-1) + 1/(M-1)), where B is the
    between-class part of the kernel's variance. Here a set is a stratified sample (Cochran 1977, ch. 5): its mean
    embedding is sum_c w_c mu_c, so that MMD² = sum_cd w_c w_d (<mu_c, mu_d> of x + of y - 2 across). Each inner
    product is the mean of k over the pairs of its block, without i = j where both sides are one class of one set
    (Gretton et al. 2012, eq. 3): every term is unbiased, so 0 is expected for equal distributions.
    w_c is the mean of the class's shares of the two sets, the same for both: a difference in balance is not counted
    as one of images. A class with fewer than two images in either set has no pair there: it is left out of both sets
    (see `counted_classes`), w is that of the rest. With one class this is the plain unbiased MMD².

    Error. See `_variance`: Hoeffding's decomposition, for sets that differ and for equal ones. In simulations its root
    mean square was within 30 % of the spread over new data with 3 to 87 images per class and with 2 to 20 where sizes
    differ; with 2 in every class of a set it may be 1.5 times the spread.
    Images of a class have to be drawn independently: thin windows that overlap first, or the error is too small.

    Raises RequestError where no class has two images in both sets or values are not finite, ValueError for shapes
    that do not match.
    """
    x, y = finite_pair(x, y)
    x_classes, y_classes = _labels(x, x_classes), _labels(y, y_classes)
    classes = counted_classes(x_classes, y_classes)
    if not len(classes):
        raise RequestError("stratified kernel distance: 0 classes have 2 or more images in both sets; need 1 or more; "
                           "add images.")
    members = np.concatenate([np.kron([1, 0], x_classes[:, None] == classes),     # which cell a row is of: classes of
                              np.kron([0, 1], y_classes[:, None] == classes)])    # x, then those of y, [N + M, G]
    kept = members.any(axis=1)
    members, n = members[kept].astype(np.float64), members.sum(axis=0)
    shares = n.reshape(2, -1) / n.reshape(2, -1).sum(axis=1, keepdims=True)       # [2, C]
    weights = np.kron([1, -1], shares.mean(axis=0))                               # w of x, -w of y, [G]
    sums, squares = _cell_sums(np.concatenate([x, y])[kept], members)
    means = members.T @ sums / _pairs(n)
    estimate = weights @ means @ weights
    return float(estimate), float(np.sqrt(_variance(estimate, weights, n, members, sums, squares)))


def counted_classes(x_classes, y_classes):
    """The classes that `kernel_distance_stratified` counts, ascending: those with two or more images in both sets."""
    several = [labels[counts > 1] for labels, counts in (np.unique(c, return_counts=True)
                                                         for c in (x_classes, y_classes))]
    return np.intersect1d(*several)


def _variance(estimate, weights, n, members, sums, squares) -> float:
    """Variance of the stratified estimate over new data: weights, n [G], members, sums [T, G], squares [G, G].

    The estimate is a sum over pairs of a k(i, j). In every block of two cells k(i, j) = m + h_i + h_j + r_ij with
    uncorrelated parts (Hoeffding 1948). So the variance is that of the row effects h, `linear`, plus a² E r²
    over all pairs, `quadratic`. E r² is what row and column means leave of a block, over its degrees of freedom; a
    cell of fewer than 4 images leaves none of its own block and takes that of its class across the sets. The row
    effects of an image, weighted over blocks, vary within a cell by `linear` and the noise of r in them, which is
    taken off: left in, it counts `quadratic` twice, as a jackknife does (Efron & Stein 1981). A cell of 2 has no
    row effect in its own block.
    `linear` is 0 for equal distributions, its estimate is not, and one below 0 cannot be used. So it is
    weighted by T² / (T² + 4 quadratic), T being the estimate where above 0: one half at two errors from 0.
    """
    own, pairs = np.eye(len(n)), _pairs(n)
    free = n - 2 * own                                         # a row effect is a sum over this many r at most
    divisor, totals = free.clip(min=1), members.T @ sums
    scatter = (members.T @ sums**2 - totals**2 / n[:, None]) / divisor
    degrees = (pairs - n - n[:, None] + 1 - own).clip(min=1)
    residual = (squares - totals**2 / pairs - scatter - scatter.T).clip(min=0) / degrees         # E r², [G, G]
    cell = np.arange(len(n))
    residual[cell, cell] = np.where(n < 4, residual[cell, np.roll(cell, len(n) // 2)], residual.diagonal())
    quadratic = 2 * weights**2 @ (residual / pairs) @ weights**2

    used = np.where(free > 0, weights, 0) / divisor                                              # [G, G]
    effects = (sums * (members @ used)).sum(axis=1)                                              # [T]
    spread = members.T @ (effects - members @ (members.T @ effects / n))**2 / (n - 1)
    linear = (4 * weights**2 / n) @ (spread - (used**2 * divisor * residual).sum(axis=1))
    reliable = max(estimate, 0)**2 / (max(estimate, 0)**2 + 4 * quadratic) if quadratic else 1.0
    return quadratic + max(linear, 0) * reliable


def _pairs(n):
    """How many ordered pairs of two rows every block of two cells has, [G, G]."""
    return np.outer(n, n) - np.diag(n)


def _labels(features, classes):
    classes = np.asarray(classes)
    if classes.shape != features.shape[:1]:
        raise ValueError(f"classes of shape {classes.shape} for {len(features)} rows of features: need one each")
    return classes


def _cell_sums(rows, members):
    """Sums of k(i, j) over the j != i of each cell [T, G], and of its square over each block of two cells [G, G].

    k is taken about the mean row: k(i, j) - k(i, c) - k(c, j) + k(c, c). Weights that sum to 0 make that the
    same estimate and the same error, and large kernel values no longer hide small differences by rounding.
    """
    centre = rows.mean(axis=0)
    offset = (rows @ centre / len(centre) + 1) ** 3 - (centre @ centre / len(centre) + 1) ** 3 / 2
    sums, squares = np.empty(members.shape), 0.0
    for strip, kernel in _kernel_strips(rows, rows):
        kernel = kernel - offset[strip, None] - offset
        kernel[np.arange(len(kernel)), np.arange(len(rows))[strip]] = 0
        sums[strip] = kernel @ members
        squares = squares + members[strip].T @ kernel**2 @ members
    return sums, squares


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
        base = x[rows] @ y.T / x.shape[1] + 1
        yield rows, base * base * base     # a tenth of the time of ** 3


def _pair_sums(x, y, members_x, members_y):
    """Sum of k(x_i, y_j) over the pairs of every subset, [subsets]; each kernel value is made once."""
    return sum(np.einsum("sm,sm->s", members_x[:, rows] @ kernel, members_y)
               for rows, kernel in _kernel_strips(x, y))


def _kernel_diagonal(x):
    return ((x**2).sum(axis=1) / x.shape[1] + 1) ** 3
