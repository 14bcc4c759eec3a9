"""A decoded tree in memory for the tests of the judges."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch


class Stripes(SimpleNamespace):
    """A decoded tree whose users differ by the row of a stripe."""

    def __init__(self, seed=0, rows=(6, 14, 22), images_per_user=16):
        generator = torch.Generator().manual_seed(seed)
        size = (len(rows) * images_per_user, 1, 32, 32)
        images = torch.randint(0, 80, size, generator=generator, dtype=torch.uint8)
        labels = torch.arange(len(rows)).repeat_interleave(images_per_user)
        for image, user in zip(images, labels):
            image[0, rows[user]:rows[user] + 3] += 120
        root, users = Path("nowhere"), [f"ID_{i}" for i in range(len(rows))]
        super().__init__(images=images, labels=labels, users=users, root=root,
                         paths=[root / users[user] / f"{place}.png" for place, user in enumerate(labels)])

    def floats(self, indices):
        return self.images[indices].float() / 127.5 - 1

    def __len__(self):
        return len(self.labels)


@pytest.fixture(scope="session")
def stripes():
    """stripes(seed=0, rows=(6, 14, 22), images_per_user=16): a tree as UserFolders would decode it."""
    return Stripes
