"""A change of the Doppler axis that gives the rows where walks differ more room than those that are mostly floor.

Latent cells are of one size, but what they have to hold is not: about the torso and the limbs a decoder of equal cells
errs by 20 dB more than where hardly an echo comes from. Rows are therefore magnified or shrunk before they are cut into
cells, by how much the linear autoencoder misses in them, as reverse water-filling gives more bits to components with
more variance (Cover & Thomas 2006, sec. 10.3.3).
"""

import torch
from torch import nn
from torch.nn import functional as F

LEAST = 0.3      # of the average room is left to every row: others may walk where these do not
GAIN = 1.2       # a linear autoencoder's error falls with the coefficients per pixel to this power, measured on walks
RIDGE = 1e-5     # of [0, 2]²: keeps the way back from amplifying what the rows do not hold


class DopplerWarp(nn.Module):
    """Images [B, C, H, W] -> the same with rows of other heights, and back; as made, it changes nothing.

    forward: each new row is the mean of a stretch of old ones, so that the floor stays the floor. inverse: the best
    linear guess of the old rows from the new ones, given how those of the training images vary together.
    """

    def __init__(self, height: int):
        super().__init__()
        self.register_buffer("analysis", torch.eye(height))
        self.register_buffer("synthesis", torch.eye(height))

    def forward(self, x):
        return in_float32(self.analysis, x)

    def inverse(self, x):
        return in_float32(self.synthesis, x.float() + 1) - 1

    @torch.no_grad()
    def fit(self, row_error, row_moments, zoom: float, window: int) -> None:
        """row_error: [H] squared error of equal cells in every row; row_moments: [H, H] mean products of the rows'
        intensities, as height above the floor; zoom: the most that a row is magnified; window: rows over which errors
        are averaged first, odd."""
        height = len(row_error)
        edges = stretches(room(row_error, zoom, window), height)
        rows = torch.arange(height, dtype=torch.float64)
        covered = torch.minimum(edges[1:, None], rows + 1) - torch.maximum(edges[:-1, None], rows)
        analysis = covered.clamp_min(0) / (edges[1:] - edges[:-1])[:, None]                      # [H', H]
        seen = analysis @ row_moments
        ridge = RIDGE * torch.eye(height, dtype=torch.float64)
        synthesis = torch.linalg.solve(seen @ analysis.T + ridge, seen).T                        # [H, H']
        self.analysis.copy_(analysis)
        self.synthesis.copy_(synthesis)


def in_float32(matrix, x):
    """matrix @ x whatever mixed precision says: bfloat16 has no 256 levels."""
    if x.is_meta or not torch.is_autocast_enabled(x.device.type):   # meta tensors have shapes alone, and no autocast
        return matrix @ x.float()
    with torch.autocast(x.device.type, enabled=False):
        return matrix @ x.float()


def room(row_error, zoom: float, window: int):
    """How many rows each row shall take, [H] with mean 1, which makes the sum of errors least within the limits.

    With error e / d^GAIN of room d, the optimum is d ~ e^(1 / (1 + GAIN)).
    """
    pad = window // 2
    smooth = F.avg_pool1d(F.pad(row_error[None, None], (pad, pad), mode="replicate"), window, 1)[0, 0]
    found = (smooth / smooth.max().clamp_min(1e-12)).pow(1 / (1 + GAIN))
    for _ in range(50):   # the limits change the mean, and the mean what is beyond them
        found = (found / found.mean().clamp_min(1e-12)).clamp(LEAST, zoom)
    return found / found.mean()


def stretches(rooms, height: int):
    """Edges [H + 1] in old rows of new rows of one height, from the room [H] of every old row."""
    above = torch.cat([rooms.new_zeros(1), rooms.cumsum(0)])                     # rising, from 0 to H
    wanted = torch.arange(height + 1, dtype=above.dtype) * above[-1] / height
    after = torch.searchsorted(above, wanted).clamp(1, height)
    part = (wanted - above[after - 1]) / (above[after] - above[after - 1])
    edges = (after - 1 + part).clamp(0, height)
    edges[0], edges[-1] = 0.0, float(height)
    return edges
