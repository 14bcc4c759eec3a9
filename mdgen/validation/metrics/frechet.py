"""Fréchet distance between two sets of features, and the floor that real data leaves under it."""

import numpy as np

from mdgen.errors import RequestError


def statistics(features):
    """Mean and unbiased covariance of features [N, D]: (mu [D], sigma [D, D]), float64.

    Raises RequestError for fewer than two rows and for values that are not finite.
    """
    features = _checked(features)
    centred = features - features.mean(axis=0)
    return features.mean(axis=0), centred.T @ centred / (len(features) - 1)


class RunningMoments:
    """Mean and covariance of features that come in batches, which need not be kept (Chan et al. 1983, eq. 2.1).

    Equal to `statistics` of all rows together; batches of any size, down to one row, in any order.
    """

    def __init__(self):
        self.count, self.mean, self.scatter = 0, 0.0, 0.0   # mean [D], scatter [D, D] about it, float64

    def add(self, features) -> None:
        """Take in a batch [N, D]. Raises RequestError for values that are not finite."""
        features = finite_features(features)
        if len(features):
            mean = features.mean(axis=0)
            self._join(len(features), mean, (features - mean).T @ (features - mean))

    def merge(self, other: "RunningMoments") -> None:
        """Take in what another one has seen, such as that of another process."""
        if other.count:
            self._join(other.count, other.mean, other.scatter)

    def statistics(self):
        """(mu [D], sigma [D, D]) of all rows so far. Raises RequestError for fewer than two."""
        _check_count(self.count)
        return self.mean.copy(), self.scatter / (self.count - 1)

    def _join(self, count, mean, scatter) -> None:
        total = self.count + count
        gap = mean - self.mean
        self.mean = self.mean + gap * (count / total)
        self.scatter = self.scatter + scatter + np.outer(gap, gap) * (self.count * count / total)
        self.count = total


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


def real_pairs(real, held_out=None, *, size=None, repeats: int = 5, seed: int = 0):
    """Yield `repeats` pairs of real feature sets, [size, D] each: what the floor of any distance is made of.

    real [N, D]: without held_out, two disjoint random parts of it. With held_out [M, D], one part of each;
    prefer that where neighbouring images overlap, since random parts then share pixels and the floor comes
    out too low. size: rows in each part (default: as many as there are); asking for more raises RequestError.
    """
    most = len(real) // 2 if held_out is None else min(len(real), len(held_out))
    size = most if size is None else size
    if not 2 <= size <= most:
        raise RequestError(f"a real-versus-real floor at N = {size}: need N from 2 to {most}; "
                           "lower N or add real images.")
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        order = rng.permutation(len(real))
        if held_out is None:
            yield real[order[:size]], real[order[size : 2 * size]]
        else:
            yield real[order[:size]], held_out[rng.permutation(len(held_out))[:size]]


def frechet_floor(real, held_out=None, *, size=None, repeats: int = 5, seed: int = 0):
    """Fréchet distance of real from real at N = size: (mean, standard deviation) over `real_pairs`.

    A generated set cannot be expected below it at the same N, and N must be the same: the distance has an
    upward bias that falls as 1/N (Chong & Forsyth 2020).
    """
    pairs = real_pairs(np.asarray(real), held_out, size=size, repeats=repeats, seed=seed)
    values = [frechet_between(x, y) for x, y in pairs]
    return float(np.mean(values)), float(np.std(values))


def _total(gap, trace1, trace2, cross) -> float:
    # Equal inputs can leave a rounding error just below zero.
    return float(max((gap**2).sum() + trace1 + trace2 - 2 * cross, 0.0))


def finite_features(features):
    """features [N, D] as float64. Raises ValueError for another shape, RequestError for values not finite."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2:
        raise ValueError(f"features of shape {features.shape}: need [N, D]")
    if not np.isfinite(features).all():
        raise RequestError("features hold values that are not finite; check the images and the extractor.")
    return features


def _checked(features):
    features = finite_features(features)
    _check_count(len(features))
    return features


def _check_count(count: int) -> None:
    if count < 2:
        raise RequestError(f"{count} image(s): a covariance needs at least 2; add images.")
