"""The Siamese judge: are these two images of the same walker?"""

import torch
from torch import nn
from torch.nn import functional as F

from mdgen.models.classifier import DopplerEncoder


class SiameseNetwork(nn.Module):
    """One encoder for both images and the distance between what it makes of them (Hadsell et al. 2006).

    in_channels: 1 (intensity) or 3. Nothing is tied to a number of users, so it can judge people it never
    saw. Train it with mdgen.losses.metric_learning, whose losses take distances or embeddings; no logit here.
    """

    def __init__(self, in_channels: int, embedding_dim: int = 64, width: int = 32):
        super().__init__()
        self.encoder = DopplerEncoder(in_channels, embedding_dim, width)

    def embed(self, x):
        """x [B, C, H, W] in [-1, 1] -> [B, embedding_dim] of unit length."""
        return F.normalize(self.encoder(x), dim=1)

    def forward(self, x1, x2):
        """Two image batches [B, C, H, W] -> Euclidean distance of their embeddings [B] in [0, 2]."""
        return torch.linalg.vector_norm(self.embed(x1) - self.embed(x2), dim=1)
