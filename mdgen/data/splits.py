"""A tree's images in two parts that do not leak, and these parts as batches."""

import functools
from dataclasses import dataclass

import torch

from mdgen.config import DataConfig
from mdgen.data.held_out import split_blocks, split_ends, split_named, split_recordings
from mdgen.data.user_folders import UserFolders
from mdgen.data.windows import Recordings, recordings_of
from mdgen.files import digest


def digests(images) -> list[str]:
    """A name for each image of uint8 [N, C, H, W]: 16 hex digits of a SHA-256 over its pixels."""
    return [digest(image.tobytes()) for image in images.numpy()]


@dataclass(frozen=True)
class Split:
    """Indices into one decoded tree. Windows of one recording overlap, so the parts are contiguous blocks of it, or
    whole recordings; where the tree has a windows.csv, no two parts share a sample."""

    folders: UserFolders
    train: torch.Tensor        # [N] int64
    validation: torch.Tensor   # [M] int64
    gap: int = 0               # images this far apart in file order may share samples, where no windows.csv says more

    @staticmethod
    def of(folders: UserFolders, config: DataConfig) -> "Split":
        """Split as config.held_out_names and config.held_out say; RequestError where a user would lack a part."""
        known, share, users = recordings_of(folders, config.gap), config.validation_fraction, folders.users
        fractions, windows = (1.0 - share, share), known.windows if known.listed else None
        if config.held_out_names:
            parts = split_named(folders.labels, known, config.held_out_names, users)
        elif config.held_out == "recording":
            parts = split_recordings(folders.labels, fractions, known.of, users)
        elif config.held_out == "end":
            parts = split_ends(folders.labels, fractions, config.gap, windows, users)
        else:
            parts = split_blocks(folders.labels, fractions, config.gap, windows, users, known.of)
        return Split(folders, *parts, config.gap)

    @property
    def summary(self) -> str:
        """How many images and recordings there are, as words."""
        left_out = len(self.folders) - len(self.train) - len(self.validation)
        return (f"{len(self.train)} training and {len(self.validation)} validation images of "
                f"{len(self.recordings.names)} recordings, {left_out} between them left out")

    @functools.cached_property
    def recordings(self) -> Recordings:
        """Those of all images of the tree."""
        return recordings_of(self.folders, self.gap)

    @property
    def windows(self):
        """Windows of all images of the tree, [N, 3]."""
        return self.recordings.windows

    def train_images(self, indices):
        """indices: [B] int64 into the training part -> [B, C, H, W] float32 in [-1, 1]."""
        return self.folders.floats(self.train[indices])

    def training_batches(self):
        """All training images in order, a batch [B, C, H, W] at a time."""
        return (self.train_images(rows) for rows in torch.arange(len(self.train)).split(64))

    def training_digests(self) -> list[str]:
        """The `digests` of the training images, in order."""
        return digests(self.folders.pictures[self.train])

    def seen_in(self, trained_on) -> int:
        """How many validation images are among those that a run was trained on, the `training_digests` of its split.

        0 where this split is that split: recordings may repeat an image, but nothing moved between the parts.
        """
        if self.training_digests() == list(trained_on):
            return 0
        return len(set(digests(self.folders.pictures[self.validation])) & set(trained_on))

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
