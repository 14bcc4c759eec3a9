"""How often each level occurs: what a haze over the floor changes first."""

import numpy as np

BANDS = ((0, 0), (1, 4), (5, 9), (10, 19), (20, 31), (32, 63), (64, 127), (128, 191), (192, 255))   # ends included


def level_shares(images, levels: int = 256):
    """Share of all pixels at each level, [256] float64: images uint8 [N, C, H, W]."""
    return np.bincount(np.asarray(images).ravel(), minlength=levels) / np.asarray(images).size


def histogram_distance(first, second) -> float:
    """Wasserstein distance in levels between two histograms [256] of shares: how far levels have to be moved."""
    return float(np.abs(np.cumsum(np.subtract(first, second))).sum())


def banded(shares) -> list[float]:
    """Shares [256] summed over each of BANDS."""
    return [float(shares[low:high + 1].sum()) for low, high in BANDS]


def level_figures(training, held_out, generated) -> dict:
    """Of images uint8 [N, C, H, W]: {"bands", "shares": {set: one per band}, "distance": to the training images}."""
    shares = {name: level_shares(images) for name, images in
              (("training", training), ("held_out", held_out), ("generated", generated))}
    return {"bands": [list(band) for band in BANDS],
            "shares": {name: banded(values) for name, values in shares.items()},
            "distance": {name: histogram_distance(shares[name], shares["training"])
                         for name in ("generated", "held_out")}}
