"""Feature arrays [N, D] as every metric takes them: checked, and a strip of rows at a time."""

import numpy as np

from mdgen.errors import RequestError


def finite_features(features):
    """features [N, D] as float64. Raises ValueError for another shape, RequestError for values not finite."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2:
        raise ValueError(f"features of shape {features.shape}: need [N, D]")
    if not np.isfinite(features).all():
        raise RequestError("features hold values that are not finite; check the images and the extractor.")
    return features


def finite_pair(x, y):
    """x [N, D] and y [M, D] as `finite_features`; ValueError where they have different D."""
    x, y = finite_features(x), finite_features(y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"features of shapes {x.shape} and {y.shape}: need [N, D] and [M, D]")
    return x, y


def strips(count: int, size: int) -> list:
    """Slices of at most `size` that cover `count` rows in order: they bound the memory of what compares all pairs."""
    return [slice(start, start + size) for start in range(0, count, size)]
