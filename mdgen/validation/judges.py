"""What the judges of identity share: trained on real training images alone, each kept under a key of what it learnt.

No judge guides or filters sampling, so that what it says about generated images is evidence.
"""

import hashlib
import json
from pathlib import Path

import torch

from mdgen.config import TrainingConfig
from mdgen.data.splits import Split
from mdgen.training.loop import train

AUGMENTATION = {"gain": 0.05, "max_shift": 4, "noise": 0.05, "time_mask": 8, "doppler_mask": 4}


class JudgeTask:
    """A network to be trained on the training part of a split; a judge adds name, num_samples, loss and validate."""

    def __init__(self, split: Split, network, device):
        self.split, self.network, self.device = split, network, device

    def preview(self, network, path: Path) -> None:
        """A judge draws nothing."""


@torch.inference_mode()
def outputs(function, folders, indices, device, batch_size: int = 64):
    """function([B, C, H, W] in [-1, 1] on device) -> [B, ...] over images of a decoded tree: [N, ...] on the CPU.

    folders: UserFolders; indices: [N] int64.
    """
    return torch.cat([function(folders.floats(batch).to(device)).cpu() for batch in indices.split(batch_size)])


def training_key(split: Split, settings: list) -> str:
    """16 hex digits over all that a judge depends on: training pixels, labels, and plain settings."""
    digest = hashlib.sha256(json.dumps([*settings, AUGMENTATION, split.folders.users]).encode())
    images = split.folders.images[split.train]
    digest.update(str(tuple(images.shape)).encode())
    digest.update(images.numpy().tobytes() + split.train_users.numpy().tobytes())
    return digest.hexdigest()[:16]


def train_kept(make_task, folder: Path, *, steps: int, batch_size: int, learning_rate: float, seed: int, device):
    """The trained network of make_task(), in evaluation mode on `device`; make_task draws its first weights.

    Kept in `folder`, so that the same judge is trained once and an interrupted training continues.
    """
    training = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate, weight_decay=0.05,
                              warmup_steps=min(50, steps // 10), ema_decay=0.98, precision="off", preview_every=0,
                              save_every=200)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return train(make_task(), training, folder, seed=seed, device=device).eval()
