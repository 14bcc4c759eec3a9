"""The convolutional trunk of the identity judges, and the classifier of users that stands on it."""

import torch
from torch import nn
from torch.nn import functional as F

from mdgen.models.layers import conv3x3, group_norm


def row_channel(x):
    """Add a channel: the row, from 1 (top, fastest approach) to -1. [B, C, H, W] -> [B, C + 1, H, W].

    A convolution cannot tell a slow torso from a fast one, since it sees a shifted copy; with this channel it
    can (CoordConv, Liu et al. 2018). The column gets none: a window may start anywhere in the gait cycle.
    """
    b, _, h, w = x.shape
    rows = torch.linspace(1, -1, h, device=x.device, dtype=x.dtype)
    return torch.cat([x, rows[:, None].expand(b, 1, h, w)], dim=1)


class DopplerEncoder(nn.Module):
    """Image -> vector that keeps where in Doppler a pattern lies and forgets when it came.

    Sides longer than `resolution` are averaged down to it first: micro-Doppler images are enlarged
    spectrograms, and no convolution then runs at full resolution, so the cost does not grow with the image.
    forward: x [B, C, H, W] in [-1, 1], any H and W from 16 up -> [B, dim].
    """

    def __init__(self, in_channels: int, dim: int, width: int = 32, bins: int = 16, resolution: int = 64):
        super().__init__()
        widths = [in_channels + 1, width, 2 * width, 4 * width]
        self.resolution, self.bins = resolution, bins
        strides = [2, 2, (1, 2)]  # the last halves time alone: identity needs a finer grid in Doppler
        self.convs = nn.ModuleList(conv3x3(a, b, stride=s) for a, b, s in zip(widths, widths[1:], strides))
        self.norms = nn.ModuleList(group_norm(b) for b in widths[1:])
        self.project = nn.Linear(2 * widths[-1] * bins, dim)

    def maps(self, x):
        """Activations of all layers: [B, width, H/2, W/2], [B, 2·width, H/4, W/4], [B, 4·width, H/4, W/8]."""
        size = [min(side, self.resolution) for side in x.shape[-2:]]
        h, maps = row_channel(F.interpolate(x, size=size, mode="area")), []
        for conv, norm in zip(self.convs, self.norms):
            h = F.silu(norm(conv(h)))
            maps.append(h)
        return maps

    def forward(self, x):
        h = self.maps(x)[-1]                                            # [B, 4·width, H/4, W/8]
        mean = F.adaptive_avg_pool2d(h, (self.bins, 1))                 # [B, 4·width, bins, 1]
        peak = F.adaptive_avg_pool2d(h.amax(dim=3, keepdim=True), (self.bins, 1))
        return self.project(torch.cat([mean, peak], dim=1).flatten(1))  # [B, dim]


class UserClassifier(nn.Module):
    """Who walks in this image: a small convolutional network that trains in about a minute on two CPU cores.

    in_channels: 1 (intensity) or 3; num_users: classes, in the order of the run's user list; resolution: see
    `DopplerEncoder`.
    features: x [B, C, H, W] in [-1, 1] -> [B, 4·width]; forward: the same x -> logits [B, num_users].
    """

    def __init__(self, in_channels: int, num_users: int, width: int = 32, dropout: float = 0.2, resolution: int = 64):
        super().__init__()
        self.encoder = DopplerEncoder(in_channels, 4 * width, width, resolution=resolution)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, num_users)

    def features(self, x):
        return F.silu(self.encoder(x))                                  # [B, 4·width]

    def forward(self, x):
        return self.head(self.dropout(self.features(x)))                # [B, num_users]
