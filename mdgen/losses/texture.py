"""A loss on the local amount of fine texture, which an average of many speckled images has lost."""

import torch
from torch.nn import functional as F

WINDOW = 8   # pixels along a side within which the power of speckle is compared, but not where each grain lies


def texture_distance(x, y, eps: float = 1e-3):
    """Mean difference of the local amplitude of fine detail: x, y [B, C, H, W], sides divisible by 8 -> scalar.

    Detail is the three difference bands of 2x2 blocks (Haar), which hold the frequencies from a quarter of the sampling
    rate up. Its amplitude is the root mean square within windows of 8 pixels. A squared error prefers the mean of all
    possible grains, which has no grain. This loss asks for as much grain as there was, wherever in the window it lies.
    """
    return (detail_amplitude(x, eps) - detail_amplitude(y, eps)).abs().mean()


def detail_amplitude(x, eps: float = 1e-3):
    """Root mean square of each Haar band in windows of 8 pixels: [B, C, H, W] -> [B, 3C, H/8, W/8]; eps as x."""
    a, b, c, d = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4)).unbind(dim=2)     # each [B, C, H/2, W/2]
    bands = torch.cat([a - b + c - d, a + b - c - d, a - b - c + d], dim=1) / 2   # [B, 3C, H/2, W/2]
    return (F.avg_pool2d(bands.square(), WINDOW // 2) + eps**2).sqrt()
