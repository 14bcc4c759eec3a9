"""Networks that learn whose walk an image shows, for those who judge by it. They take no part in any training."""

from pathlib import Path

import torch
from torch.nn import functional as F

from mdgen.config import TrainingConfig
from mdgen.data.splits import Split
from mdgen.data.transforms import augment, for_size
from mdgen.models.classifier import UserClassifier
from mdgen.training.loop import Task, train

AUGMENTATION = {"gain": 0.05, "max_shift": 4, "noise": 0.05, "time_mask": 8, "doppler_mask": 4}


class IdentityTask(Task):
    """A network to be trained on the training part of a split; a task adds name, num_samples, loss and validate."""

    def __init__(self, split: Split, network, device):
        self.split, self.network, self.device = split, network, device


class ClassifierTask(IdentityTask):
    """Recognise the user of an augmented training image; validate on held-out ones."""

    name = "judge"

    @property
    def num_samples(self):
        return len(self.split.train)

    def loss(self, indices, generator):
        images = self.split.train_images(indices).to(self.device)                # [B, C, H, W]
        users = self.split.train_users[indices].to(self.device)
        logits = self.network(augment(images, generator, **for_size(AUGMENTATION, images.shape)))
        accuracy = (logits.argmax(dim=1) == users).float().mean()
        return F.cross_entropy(logits, users), {"accuracy": accuracy}

    def validate(self, network) -> dict:
        logits = outputs(network, self.split.folders, self.split.validation, self.device)
        return {"accuracy": float((logits.argmax(dim=1) == self.split.validation_users).float().mean())}


def new_classifier_task(split: Split, device) -> ClassifierTask:
    network = UserClassifier(split.folders.images.shape[1], len(split.folders.users))
    return ClassifierTask(split, network.to(device), device)


@torch.inference_mode()
def outputs(function, folders, indices, device, batch_size: int = 64):
    """function([B, C, H, W] in [-1, 1] on device) -> [B, ...] over images of a decoded tree: [N, ...] on the CPU.

    folders: UserFolders; indices: [N] int64.
    """
    return torch.cat([function(folders.floats(batch).to(device)).cpu() for batch in indices.split(batch_size)])


def train_kept(make_task, folder: Path, *, steps: int, batch_size: int, learning_rate: float, seed: int, device):
    """The trained network of make_task(), in evaluation mode on `device`; make_task draws its first weights.

    Kept in `folder`, so that the same network is trained once and an interrupted training continues.
    """
    training = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate, weight_decay=0.05,
                              warmup_steps=min(50, steps // 10), ema_decay=0.98, precision="off", preview_every=0,
                              save_every=200)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return train(make_task(), training, folder, seed=seed, device=device).eval()
