"""Figures of every user: means, and their ratios to those of real images."""

import numpy as np


def known_mean(values) -> float | None:
    """Mean of values [n], NaN left out; None where nothing is left."""
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def listed(values) -> list:
    """Values [N] as floats, None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]


def user_means(values, users, num_users: int) -> list:
    """`known_mean` of every user's values: values [N], users [N] -> num_users floats or None."""
    values = np.asarray(values)
    return [known_mean(values[users == user]) for user in range(num_users)]


def ratios(values, reference) -> dict:
    """values / reference per user, and overall as the ratio of the means over users that have both.

    Lists of floats or None, of equal length. Returns {"overall", "per_user"}; None where nothing can be said.
    """
    pairs = [(v, r) for v, r in zip(values, reference, strict=True) if v is not None and r]
    per_user = [v / r if v is not None and r else None for v, r in zip(values, reference)]
    overall = sum(v for v, _ in pairs) / sum(r for _, r in pairs) if pairs else None
    return {"overall": overall, "per_user": per_user}
