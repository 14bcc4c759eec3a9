"""Who walks in this noisy latent: the classifier whose gradient may guide sampling, and which is never a judge."""

import torch
from torch import nn
from torch.nn import functional as F

from mdgen.models.layers import (
    Downsample,
    ResidualBlock,
    conv3x3,
    group_norm,
    position_map,
    run_plainly,
    sinusoidal_embedding,
)
from mdgen.models.unet import POSITION_OCTAVES


class LatentClassifier(nn.Module):
    """Residual blocks at two scales, with the time in each; the row of a pattern is kept, its column forgotten.

    It guides, so what it says of generated images is no evidence: the judges of mdgen.validation share nothing with it.
    in_channels: latent channels c.  num_users: classes, in the order of the run's user list.  width even.
    forward: x [B, c, H, W] latents at noise level t [B] int64 -> logits [B, num_users].
    """

    def __init__(self, in_channels: int, num_users: int, width: int = 48, embedding_dim: int = 128, bins: int = 8,
                 dropout: float = 0.1):
        super().__init__()
        self.time_dim, self.bins = width, bins
        self.run_block = run_plainly   # training may put gradient checkpointing here
        self.time_embedding = nn.Sequential(nn.Linear(width, embedding_dim), nn.SiLU(),
                                            nn.Linear(embedding_dim, embedding_dim), nn.SiLU())
        self.conv_in = conv3x3(in_channels + 4 * POSITION_OCTAVES, width)
        self.fine = ResidualBlock(width, width, embedding_dim, dropout)
        self.down = Downsample(width)
        self.coarse = ResidualBlock(width, 2 * width, embedding_dim, dropout)
        self.norm, self.head = group_norm(2 * width), nn.Linear(2 * width * bins, num_users)

    def forward(self, x, t):
        embedding = self.time_embedding(sinusoidal_embedding(t, self.time_dim))          # [B, E]
        where = position_map(*x.shape[-2:], POSITION_OCTAVES, x.device, x.dtype)
        h = self.conv_in(torch.cat([x, where.expand(x.shape[0], -1, -1, -1)], dim=1))   # [B, width, H, W]
        h = self.down(self.run_block(self.fine, h, embedding))                          # [B, width, H/2, W/2]
        h = F.silu(self.norm(self.run_block(self.coarse, h, embedding)))                # [B, 2·width, H/2, W/2]
        return self.head(F.adaptive_avg_pool2d(h, (self.bins, 1)).flatten(1))           # [B, num_users]
