"""A split that does not leak: contiguous blocks of every user's images, and its two parts as batches."""

import functools
from dataclasses import dataclass

import numpy as np
import torch

from mdgen.config import DataConfig
from mdgen.data.user_folders import UserFolders
from mdgen.data.windows import WINDOWS_FILE, overlapping, read_windows, windows_of
from mdgen.errors import RequestError
from mdgen.files import digest


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


def split_blocks(labels, fractions=(0.85, 0.15), gap: int = 4, windows=None, names=None):
    """Leak-free split of windows in recording order: a list of int64 index tensors, one per fraction.

    Neighbouring windows of a recording overlap, so each user's images, in the order in which labels [N] holds
    them, are cut into contiguous blocks with `gap` images dropped in between. Every user is in every part;
    a user with too few images for the gap gets a smaller one (see `block_sizes`).
    windows: what is known of the overlap, int64 [N, 3] rows (recording, first sample, last sample). Then the
    blocks are contiguous in that order, and beyond the gap as many images are dropped as it takes that no two
    parts share a sample. names: the users', for messages. Raises RequestError naming a user whose images do
    not give every part one.
    """
    labels = np.asarray(labels)
    parts = [[] for _ in fractions]
    for user in np.unique(labels):
        places, name = np.flatnonzero(labels == user), names[user] if names else user
        if len(places) < len(fractions):
            raise RequestError(f"user {name} has {len(places)} image{'s' if len(places) > 1 else ''}, but a split into "
                               f"{len(fractions)} parts needs one for each; add images or leave the user out")
        blocks = (contiguous(places, fractions, gap) if windows is None else
                  disjoint(places, fractions, gap, windows, name))
        for part, block in zip(parts, blocks, strict=True):
            part.append(block)
    parts = [np.concatenate([*part, np.empty(0, np.int64)]) for part in parts]
    if windows is not None and any(mask.any() for mask in shared(parts, windows)):
        raise RequestError(f"{WINDOWS_FILE} lists one recording under several users, so that their windows share "
                           "samples; give every recording one user")
    return [torch.from_numpy(part) for part in parts]


def contiguous(places, fractions, gap):
    """places [n] cut into blocks with the gap between them: a list of int64 arrays."""
    sizes, dropped = block_sizes(len(places), fractions, gap)
    starts = np.cumsum([0] + [size + dropped for size in sizes[:-1]])
    return [places[start:start + size] for start, size in zip(starts, sizes, strict=True)]


def disjoint(places, fractions, gap, windows, name):
    """As `contiguous`, in the order of windows [N, 3], without what an earlier block shares with a later one.

    Where that leaves a block empty, a wider gap makes the later blocks smaller, down to one image each.
    """
    places = places[np.lexsort(windows[places].T[::-1])]
    for wider in range(gap, max(gap + 1, len(places))):
        blocks = contiguous(places, fractions, wider)
        blocks = [block[~mask] for block, mask in zip(blocks, shared(blocks, windows), strict=True)]
        if all(map(len, blocks)):
            return blocks
    raise RequestError(f"user {name} has {len(places)} windows, but all of them share samples, so that no two can be "
                       "in different parts; record for longer, or cut with less overlap")


def shared(parts, windows):
    """For every part (indices into windows [N, 3]) a bool array: what shares a sample with any later part."""
    return [overlapping(windows[part], windows[np.concatenate([part[:0], *parts[i + 1:]])])
            for i, part in enumerate(parts)]


def digests(images) -> list[str]:
    """A name for each image of uint8 [N, C, H, W]: 16 hex digits of a SHA-256 over its pixels."""
    return [digest(image.tobytes()) for image in images.numpy()]


@dataclass(frozen=True)
class Split:
    """Indices into one decoded tree. Windows of one recording overlap, so the parts are contiguous blocks; where
    the tree has a windows.csv, no two parts share a sample of a recording."""

    folders: UserFolders
    train: torch.Tensor        # [N] int64
    validation: torch.Tensor   # [M] int64
    gap: int = 0               # images this far apart in file order may share samples, where no windows.csv says more

    @staticmethod
    def of(folders: UserFolders, config: DataConfig) -> "Split":
        share = config.validation_fraction
        windows = read_windows(folders.root, folders.paths)
        parts = split_blocks(folders.labels, (1.0 - share, share), config.gap, windows, folders.users)
        return Split(folders, *parts, config.gap)

    @functools.cached_property
    def windows(self):
        """Windows of all images of the tree, [N, 3]: see `windows_of`."""
        return windows_of(self.folders, self.gap)

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
