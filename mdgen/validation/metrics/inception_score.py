"""Inception Score: confident and varied class predictions."""

import numpy as np
from scipy.special import xlogy

from mdgen.errors import RequestError


def inception_score(probabilities, splits: int = 10, *, shuffle_seed: int | None = None):
    """exp E_x KL(p(y|x) || p(y)) (Salimans et al. 2016, sec. 4): (mean, standard deviation) over the splits.

    probabilities [N, K]: rows sum to 1. The result lies between 1 and K. Splits are contiguous, as in the
    original, so rows must come in random order: sorted by user, a split holds one user and the score falls
    towards 1. shuffle_seed shuffles them first; 2020, on the Inception network's softmax, is what
    torch-fidelity does.
    Raises RequestError for fewer rows than splits, ValueError for rows that are no distribution.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"probabilities of shape {p.shape}: need [N, K], each row non-negative with sum 1")
    if not 1 <= splits <= len(p):
        raise RequestError(f"inception score in {splits} splits of {len(p)} images: use 1 to {len(p)}.")
    if shuffle_seed is not None:
        p = p[np.random.RandomState(shuffle_seed).permutation(len(p))]
    bounds = np.arange(splits + 1) * len(p) // splits
    scores = [_score(p[start:end]) for start, end in zip(bounds, bounds[1:])]
    return float(np.mean(scores)), float(np.std(scores))


def _score(p) -> float:
    marginal = p.mean(axis=0)
    # KL as difference of entropies: H(marginal) - mean H(row), where 0 log 0 = 0.
    return np.exp(xlogy(p, p).sum(axis=1).mean() - xlogy(marginal, marginal).sum())
