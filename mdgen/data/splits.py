"""A split that does not leak: contiguous blocks of every user's images, and its two parts as batches."""

from dataclasses import dataclass

import numpy as np
import torch

from mdgen.config import DataConfig
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError


def block_sizes(count: int, fractions=(0.85, 0.15), gap: int = 4):
    """Sizes of contiguous parts of count images, and the gap between them: (list of int, int).

    Every part has at least one image. The gap is as asked unless a part would be empty; then it shrinks as
    far as it must. Raises RequestError if count is less than the number of parts.
    """
    parts = len(fractions)
    if parts < 1 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6 or gap < 0:
        raise RequestError(f"a split into {tuple(fractions)} with gap {gap} is not possible; fractions must "
                           "be above 0 and sum to 1, and the gap 0 or more")
    if count < parts:
        raise RequestError(f"{count} images cannot be split into {parts} parts; add images")
    if parts > 1:
        gap = min(gap, (count - parts) // (parts - 1))
    spare = count - gap * (parts - 1) - parts  # after one image for each part
    ends = np.rint(np.cumsum(fractions) * spare).astype(int)
    return (np.diff(ends, prepend=0) + 1).tolist(), gap


def split_blocks(labels, fractions=(0.85, 0.15), gap: int = 4):
    """Leak-free split of windows in recording order: a list of int64 index tensors, one per fraction.

    Neighbouring windows of a recording overlap, so each user's images, in the order in which labels [N] holds
    them, are cut into contiguous blocks with `gap` images dropped in between. Every user is in every part;
    a user with too few images for the gap gets a smaller one (see `block_sizes`). Raises RequestError naming
    the label of a user with fewer images than parts.
    """
    labels = torch.as_tensor(labels)
    parts = [[] for _ in fractions]
    for user in labels.unique().tolist():
        places = (labels == user).nonzero()[:, 0]
        if len(places) < len(parts):
            raise RequestError(f"user {user} has {len(places)} image{'s' if len(places) > 1 else ''}, but a split into {len(parts)} parts "
                               "needs one for each; add images or leave the user out")
        sizes, dropped = block_sizes(len(places), fractions, gap)
        start = 0
        for part, size in zip(parts, sizes):
            part.append(places[start:start + size])
            start += size + dropped
    return [torch.cat(part) if part else torch.empty(0, dtype=torch.int64) for part in parts]


@dataclass(frozen=True)
class Split:
    """Indices into one decoded tree. Windows of one recording overlap, so the parts are contiguous blocks."""

    folders: UserFolders
    train: torch.Tensor        # [N] int64
    validation: torch.Tensor   # [M] int64

    @staticmethod
    def of(folders: UserFolders, config: DataConfig) -> "Split":
        share = config.validation_fraction
        return Split(folders, *split_blocks(folders.labels, (1.0 - share, share), gap=config.gap))

    def train_images(self, indices):
        """indices: [B] int64 into the training part -> [B, C, H, W] float32 in [-1, 1]."""
        return self.folders.floats(self.train[indices])

    def validation_images(self):
        return self.folders.floats(self.validation)

    @property
    def train_users(self):
        return self.folders.labels[self.train]

    @property
    def validation_users(self):
        return self.folders.labels[self.validation]

    def one_per_user(self):
        """The middle validation image of every user, [num_users, C, H, W]."""
        users = self.validation_users
        blocks = [self.validation[users == user] for user in range(len(self.folders.users))]
        return self.folders.floats(torch.stack([block[len(block) // 2] for block in blocks]))
