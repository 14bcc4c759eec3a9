"""The class-conditional UNet that predicts noise, clean latent or velocity (Ho et al. 2020; Dhariwal & Nichol 2021)."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from mdgen.models.layers import (
    Downsample,
    ResidualBlock,
    SelfAttention,
    Upsample,
    conv3x3,
    group_norm,
    position_map,
    run_plainly,
    sinusoidal_embedding,
    zero_init,
)

POSITION_OCTAVES = 3


class Stage(nn.Module):
    """A residual block and, where asked for, attention after it."""

    def __init__(self, channels_in: int, channels_out: int, embedding_dim: int, dropout: float, attention: bool):
        super().__init__()
        self.block = ResidualBlock(channels_in, channels_out, embedding_dim, dropout)
        self.attention = SelfAttention(channels_out) if attention else nn.Identity()

    def forward(self, x, embedding):
        return self.attention(self.block(x, embedding))                 # [B, Cout, H, W]


class UNet(nn.Module):
    """Encoder and decoder with skips; time and user enter every block through adaptive group norm.

    in_channels: latent channels c.  num_users: real users; index num_users is the null (unconditional) user.
    channels: width per level, each level half the size of the one before.  attention: per level, whether its
    blocks attend.  H and W must be divisible by 2^(levels - 1), and may differ.
    """

    def __init__(self, in_channels: int, num_users: int, channels: Sequence[int] = (64, 128), blocks: int = 2,
                 attention: Sequence[bool] = (False, True), embedding_dim: int = 256, dropout: float = 0.0):
        super().__init__()
        if len(attention) != len(channels):
            raise ValueError(f"attention has {len(attention)} entries for {len(channels)} levels; give one per level")
        self.num_users, self.time_dim = num_users, channels[0]
        self.run_block = run_plainly   # training may put gradient checkpointing here
        self.time_embedding = nn.Sequential(nn.Linear(self.time_dim, embedding_dim), nn.SiLU(),
                                            nn.Linear(embedding_dim, embedding_dim))
        self.user_embedding = nn.Embedding(num_users + 1, embedding_dim)
        self.conv_in = conv3x3(in_channels + 4 * POSITION_OCTAVES, channels[0])

        def stage(level, channels_in, attend=None):
            attend = attention[level] if attend is None else attend
            return Stage(channels_in, channels[level], embedding_dim, dropout, attend)

        self.down, skips, width = nn.ModuleList(), [channels[0]], channels[0]
        for level, target in enumerate(channels):
            for _ in range(blocks):
                self.down.append(stage(level, width))
                width = target
                skips.append(width)
            if level < len(channels) - 1:
                self.down.append(Downsample(width))
                skips.append(width)
        self.middle = nn.ModuleList([stage(-1, width, attend=True), stage(-1, width, attend=False)])
        self.up = nn.ModuleList()
        for level in reversed(range(len(channels))):
            for _ in range(blocks + 1):
                self.up.append(stage(level, width + skips.pop()))
                width = channels[level]
            if level > 0:
                self.up.append(Upsample(width, channels[level - 1]))
                width = channels[level - 1]
        self.norm_out, self.conv_out = group_norm(width), zero_init(conv3x3(width, in_channels))

    @property
    def outer_convolutions(self) -> list:
        """Those that do not go from features to features; training/optimizer.py sets them apart."""
        return [self.conv_in, self.conv_out]

    @property
    def num_stages(self) -> int:
        return sum(isinstance(layer, Stage) for layer in (*self.down, *self.middle, *self.up))

    def forward(self, x, t, user):
        """x: [B, c, H, W]; t, user: [B] int64 -> [B, c, H, W], the quantity that the objective asks for."""
        time = self.time_embedding(sinusoidal_embedding(t, self.time_dim))
        embedding = F.silu(time + self.user_embedding(user))                    # [B, E], modulates every block
        where = position_map(*x.shape[-2:], POSITION_OCTAVES, x.device, x.dtype)
        h = self.conv_in(torch.cat([x, where.expand(x.shape[0], -1, -1, -1)], dim=1))
        skips = [h]
        for layer in self.down:
            h = self._run(layer, h, embedding)
            skips.append(h)
        for layer in self.middle:
            h = self._run(layer, h, embedding)                          # [B, C_last, h, w], the coarsest
        for layer in self.up:
            h = self._run(layer, torch.cat([h, skips.pop()], dim=1) if isinstance(layer, Stage) else h, embedding)
        return self.conv_out(F.silu(self.norm_out(h)))                  # [B, c, H, W]

    def _run(self, layer, h, embedding):
        return self.run_block(layer, h, embedding) if isinstance(layer, Stage) else layer(h)


class UNetWithExtraUsers(nn.Module):
    """UNet with K extra user embeddings; outputs for existing users are bit-identical.

    rows: [K, 1 + stages, embedding_dim], one entry for each of the users num_users + 1 ... num_users + K, who stand
    behind the null user; its index stays num_users. First their embedding; then what every stage adds, for them alone,
    to the activated embedding, so that a user may have another embedding in every layer (Voynov et al. 2023, P+).
    Gradients reach rows that ask for them. The UNet's weights are shared.
    """

    def __init__(self, unet: UNet, rows):
        super().__init__()
        self.num_users, self.rows, self.run_block = unet.num_users, rows, unet.run_block
        self.unet = copy.copy(unet)   # the same weights, but a run_block of its own

    def forward(self, x, t, user):
        """As the UNet's."""
        table = torch.cat([self.unet.user_embedding.weight, self.rows[:, 0]])
        none = self.rows.new_zeros(self.num_users + 1, *self.rows.shape[1:])
        additions = iter(torch.cat([none, self.rows])[user, 1:].unbind(dim=1))      # per stage [B, E]
        self.unet.run_block = lambda stage, h, embedding: self.run_block(stage, h, embedding + next(additions))
        return torch.func.functional_call(self.unet, {"user_embedding.weight": table}, (x, t, user))
