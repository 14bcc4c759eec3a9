"""Losses on what an average of many speckled images has lost: its grain, and the shares of its levels."""

import torch
from torch.nn import functional as F

WINDOW = 8   # cells along a side within which the power of speckle is compared, but not where each grain lies


def texture_distance(x, y, octaves: int = 1, eps: float = 1e-3):
    """Mean difference of the local amplitude of fine detail: x, y [B, C, H, W], sides divisible by 8 · 2^(octaves - 1)
    -> scalar.

    Detail is the three difference bands of 2x2 blocks (Haar), which hold the frequencies from a quarter of the sampling
    rate up; of every further octave, those of the image averaged to half the size. Its amplitude is the root mean
    square within windows of 8 cells. A squared error prefers the mean of all possible grains, which has no grain. This
    loss asks for as much grain as there was, wherever in the window it lies.
    """
    distance = 0.0
    for octave in range(octaves):
        if octave:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        distance = distance + (detail_amplitude(x, eps) - detail_amplitude(y, eps)).abs().mean()
    return distance / octaves


def detail_amplitude(x, eps: float = 1e-3):
    """Root mean square of each Haar band in windows of 8 pixels: [B, C, H, W] -> [B, 3C, H/8, W/8]; eps as x."""
    a, b, c, d = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4)).unbind(dim=2)     # each [B, C, H/2, W/2]
    bands = torch.cat([a - b + c - d, a + b - c - d, a - b - c + d], dim=1) / 2   # [B, 3C, H/2, W/2]
    return (F.avg_pool2d(bands.square(), WINDOW // 2) + eps**2).sqrt()


def level_distance(x, y):
    """How far the levels of x are from those of y, each image's for itself, wherever they lie: [B, C, H, W] in about
    [-1, 1] -> scalar, the mean difference of sorted levels.

    That is the Wasserstein distance between the two histograms. Levels beyond the range count as its limits.
    """
    def ranked(images):
        return images.clamp(-1.0, 1.0).flatten(2).sort(dim=-1).values

    return (ranked(x) - ranked(y)).abs().mean()
