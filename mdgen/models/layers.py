"""The parts that every network here is made of: one residual block, one attention block, two resamplers.

Maths as free functions, one small module each. Shapes follow the image contract [B, C, H, W].
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def run_plainly(layer, *inputs):
    """How networks run their blocks; training may put gradient checkpointing in its place."""
    return layer(*inputs)


def conv3x3(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1)


def conv1x1(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 1)


def group_norm(channels: int) -> nn.GroupNorm:
    """Group norm (Wu & He 2018) with at most 32 groups of at least 4 channels, as far as they divide."""
    groups = next(g for g in range(min(32, max(channels // 4, 1)), 0, -1) if channels % g == 0)
    return nn.GroupNorm(groups, channels, eps=1e-6)


def zero_init(module: nn.Module) -> nn.Module:
    """Start a layer at zero, so that the block around it starts as its skip connection."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def sinusoidal_embedding(values, dim: int, max_period: float = 10000.0):
    """Sines and cosines of values at geometric frequencies (Vaswani et al. 2017, sec. 3.5).

    values: [B] numbers of any type; dim even. Returns [B, dim] float32 in [-1, 1].
    """
    half = dim // 2
    steps = torch.arange(half, device=values.device, dtype=torch.float32)
    phase = values.float()[:, None] * torch.exp(-math.log(max_period) * steps / half)  # [B, dim/2]
    return torch.cat([phase.cos(), phase.sin()], dim=1)


def position_map(height: int, width: int, octaves: int, device, dtype):
    """Fourier features of the row and the column, [1, 4·octaves, H, W] in [-1, 1].

    A micro-Doppler image is not translation invariant: a row is a velocity. Octave k has 2^(k-1) periods.
    """
    rows = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    columns = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    rates = math.pi * 2.0 ** torch.arange(octaves, device=device, dtype=torch.float32)
    down = (rates[:, None] * rows)[:, :, None].expand(-1, -1, width)       # [octaves, H, W]
    along = (rates[:, None] * columns)[:, None, :].expand(-1, height, -1)  # [octaves, H, W]
    waves = torch.cat([down.sin(), down.cos(), along.sin(), along.cos()])
    return waves[None].to(dtype)


class ResidualBlock(nn.Module):
    """Pre-activation residual block; with an embedding, adaptive group norm (Dhariwal & Nichol 2021, sec. 3.1)."""

    def __init__(self, channels_in: int, channels_out: int, embedding_dim: int = 0, dropout: float = 0.0):
        super().__init__()
        self.norm1, self.conv1 = group_norm(channels_in), conv3x3(channels_in, channels_out)
        self.modulation = zero_init(nn.Linear(embedding_dim, 2 * channels_out)) if embedding_dim else None
        self.norm2, self.dropout = group_norm(channels_out), nn.Dropout(dropout)
        self.conv2 = zero_init(conv3x3(channels_out, channels_out))
        self.skip = nn.Identity() if channels_in == channels_out else conv1x1(channels_in, channels_out)

    def forward(self, x, embedding=None):
        h = self.norm2(self.conv1(F.silu(self.norm1(x))))               # [B, Cout, H, W]
        if self.modulation is not None:
            scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
            h = torch.addcmul(shift, h, 1 + scale)
        return self.skip(x) + self.conv2(self.dropout(F.silu(h)))       # [B, Cout, H, W]


class SelfAttention(nn.Module):
    """Multi-head self-attention over all positions, as a residual (Vaswani et al. 2017, eq. 1)."""

    def __init__(self, channels: int, head_dim: int = 32):
        super().__init__()
        self.heads = next(h for h in range(max(channels // head_dim, 1), 0, -1) if channels % h == 0)
        self.norm, self.qkv = group_norm(channels), conv1x1(channels, 3 * channels)
        self.out = zero_init(conv1x1(channels, channels))

    def forward(self, x):
        b, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(b, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(3, 4).unbind(dim=1)                     # each [B, heads, HW, C/heads]
        attended = F.scaled_dot_product_attention(q, k, v)              # [B, heads, HW, C/heads]
        return x + self.out(attended.transpose(2, 3).reshape(b, c, h, w))


class Downsample(nn.Module):
    """Halve height and width by a strided convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = conv3x3(channels, channels, stride=2)

    def forward(self, x):
        return self.conv(x)                                             # [B, C, H/2, W/2]


class Upsample(nn.Module):
    """Double height and width: nearest neighbour, then a convolution (Odena et al. 2016: no checkerboard)."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv = conv3x3(channels_in, channels_out)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
