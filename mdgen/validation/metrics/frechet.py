"""Fréchet distance between two sets of features, by their means and covariances."""

import numpy as np

from mdgen.errors import RequestError
from mdgen.validation.metrics.checked_features import finite_features


def statistics(features):
    """Mean and unbiased covariance of features [N, D]: (mu [D], sigma [D, D]), float64.

    Raises RequestError for fewer than two rows and for values that are not finite.
    """
    features = _checked(features)
    centred = features - features.mean(axis=0)
    return features.mean(axis=0), centred.T @ centred / (len(features) - 1)


def frechet_distance(mu1, sigma1, mu2, sigma2) -> float:
    """Squared Fréchet distance between two Gaussians (Dowson & Landau 1982; Heusel et al. 2017, eq. 6).

    mu: [D], sigma: [D, D], float64. Symmetric route: tr sqrt(S1 S2) = sum sqrt eig(S1^½ S2 S1^½), real and
    non-negative even when a covariance is rank deficient.
    """
    mu1, sigma1, mu2, sigma2 = (np.asarray(a, dtype=np.float64) for a in (mu1, sigma1, mu2, sigma2))
    if not mu1.shape + mu1.shape == mu2.shape + mu2.shape == sigma1.shape == sigma2.shape:
        shapes = ", ".join(str(a.shape) for a in (mu1, sigma1, mu2, sigma2))
        raise ValueError(f"mu1, sigma1, mu2, sigma2 of shapes {shapes}: need [D], [D, D], [D], [D, D]")
    values, vectors = np.linalg.eigh(sigma1)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ sigma2 @ root).clip(min=0)).sum()
    return _total(mu1 - mu2, np.trace(sigma1), np.trace(sigma2), cross)


def frechet_between(x, y) -> float:
    """The same distance straight from features x [N, D] and y [M, D], without a D x D matrix.

    With S1 = A'A and S2 = B'B, tr sqrt(S1 S2) is the nuclear norm of AB' [N, M]: cheap and accurate when
    there are fewer images than features, where the covariances are singular.
    """
    x, y = _checked(x), _checked(y)
    a = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    b = (y - y.mean(axis=0)) / np.sqrt(len(y) - 1)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return _total(x.mean(axis=0) - y.mean(axis=0), (a**2).sum(), (b**2).sum(), cross)


def _total(gap, trace1, trace2, cross) -> float:
    # Equal inputs can leave a rounding error just below zero.
    return float(max((gap**2).sum() + trace1 + trace2 - 2 * cross, 0.0))


def _checked(features):
    features = finite_features(features)
    if len(features) < 2:
        raise RequestError(f"{len(features)} image(s): a covariance needs at least 2; add images.")
    return features
