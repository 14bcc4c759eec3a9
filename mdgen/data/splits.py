"""The training and validation part of a user-folder tree, as batches."""

from dataclasses import dataclass

import torch

from mdgen.config import DataConfig
from mdgen.data.user_folders import UserFolders, split_blocks


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
