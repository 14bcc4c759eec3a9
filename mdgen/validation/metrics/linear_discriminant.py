"""A classifier in closed form, for few features: arrays in, labels out."""

import numpy as np

SHRINKAGE = 0.1
LEAST_DEVIATION = 1e-6   # of a feature that does not vary within a class


def linear_discriminant(x, labels, shrinkage: float = SHRINKAGE):
    """Regularised linear discriminant analysis with equal priors (Friedman 1989, lambda = 1, gamma = shrinkage).

    x: [N, D] of labels [N]; each label needs one row. The pooled covariance within labels, in units of the features'
    deviations within labels, is (1 - shrinkage) times itself plus shrinkage times the identity.
    Returns a function: [M, D] -> the likeliest label of each row, [M].
    """
    known, scores = discriminant_scores(x, labels, shrinkage)
    return lambda new: known[scores(new).argmax(axis=1)]


def discriminant_scores(x, labels, shrinkage: float = SHRINKAGE):
    """The same discriminant's labels [K] in order, and a function: [M, D] -> logarithm of the probability of each
    label, up to a number of the row, [M, K]."""
    x, (known, rows) = np.asarray(x, np.float64), np.unique(labels, return_inverse=True)
    means = np.stack([x[rows == k].mean(axis=0) for k in range(len(known))])         # [K, D]
    inner = x - means[rows]
    freedom = max(len(x) - len(known), 1)
    scale = np.sqrt((inner**2).sum(axis=0) / freedom).clip(min=LEAST_DEVIATION)      # [D]
    inner, means = inner / scale, means / scale
    covariance = (1 - shrinkage) * (inner.T @ inner) / freedom + shrinkage * np.eye(x.shape[1])
    weights = np.linalg.solve(covariance, means.T)                                   # [D, K]
    bias = -0.5 * (means.T * weights).sum(axis=0)
    return known, lambda new: np.asarray(new, np.float64) / scale @ weights + bias
