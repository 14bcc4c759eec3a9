"""The judge of identity: a classifier trained on real training images alone, and what it recognises.

It never guides or filters sampling, so that what it says about generated images is evidence.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from mdgen.config import EvaluationConfig, TrainingConfig
from mdgen.data.splits import Split
from mdgen.data.transforms import augment
from mdgen.models.classifier import UserClassifier
from mdgen.training import distributed
from mdgen.training.loop import train

JUDGE_VERSION = 1   # raise it when the judge's network or training changes: it is then trained anew
AUGMENTATION = {"gain": 0.05, "max_shift": 4, "noise": 0.05, "time_mask": 8, "doppler_mask": 4}


class JudgeTask:
    """Recognise the user of an augmented training image; validate on held-out ones."""

    name = "judge"

    def __init__(self, split: Split, network, device):
        self.split, self.network, self.device = split, network, device
        self.num_samples = len(split.train)

    def loss(self, indices, generator):
        images = self.split.train_images(indices).to(self.device)                # [B, C, H, W]
        users = self.split.train_users[indices].to(self.device)
        logits = self.network(augment(images, generator, **AUGMENTATION))
        accuracy = (logits.argmax(dim=1) == users).float().mean()
        return F.cross_entropy(logits, users), {"accuracy": accuracy}

    @torch.inference_mode()
    def validate(self, network) -> dict:
        logits = torch.cat([network(self.split.folders.floats(batch).to(self.device)).cpu()
                            for batch in self.split.validation.split(64)])
        return {"accuracy": float((logits.argmax(dim=1) == self.split.validation_users).float().mean())}

    def preview(self, network, path: Path) -> None:
        """A judge draws nothing."""


def judge_key(split: Split, config: EvaluationConfig, seed: int) -> str:
    """16 hex digits over all that the judge depends on: training pixels, labels, settings, JUDGE_VERSION."""
    settings = [JUDGE_VERSION, seed, config.classifier_steps, config.classifier_batch_size,
                config.classifier_learning_rate, AUGMENTATION, split.folders.users]
    digest = hashlib.sha256(json.dumps(settings).encode())
    images = split.folders.images[split.train]
    digest.update(str(tuple(images.shape)).encode())
    digest.update(images.numpy().tobytes() + split.train_users.numpy().tobytes())
    return digest.hexdigest()[:16]


def train_judge(split: Split, config: EvaluationConfig, folder: Path, *, seed: int, device):
    """A UserClassifier trained on the training part of `split`, in evaluation mode on `device`: (judge, key).

    Kept in folder/<key>/, so that the same judge is trained once and an interrupted training continues.
    """
    key = judge_key(split, config, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = UserClassifier(split.folders.images.shape[1], len(split.folders.users)).to(device)
        share = max(1, config.classifier_batch_size // distributed.world_size())   # the key knows no processes
        training = TrainingConfig(steps=config.classifier_steps, batch_size=share,
                                  learning_rate=config.classifier_learning_rate, weight_decay=0.05,
                                  warmup_steps=min(50, config.classifier_steps // 10), ema_decay=0.98,
                                  precision="off", preview_every=0, save_every=200)
        task = JudgeTask(split, network, device)
        judge = train(task, training, Path(folder) / key, seed=seed, device=device)
    return judge.eval(), key


def recognition(probabilities, users) -> dict:
    """What a judge makes of labelled images.

    probabilities [N, K]: rows sum to 1; users [N]: the wanted user of each. Returns accuracy, confidence
    (mean probability of the wanted user), both also per user (None for a user without images), and confusion
    [K][K]: how many images wanted as row were recognised as column.
    """
    probabilities, users = np.asarray(probabilities), np.asarray(users)
    correct, wanted = probabilities.argmax(axis=1) == users, probabilities[np.arange(len(users)), users]
    confusion = np.zeros((probabilities.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (users, probabilities.argmax(axis=1)), 1)
    rows = [users == user for user in range(len(confusion))]
    return {"accuracy": float(correct.mean()), "confidence": float(wanted.mean()),
            "accuracy_per_user": [float(correct[r].mean()) if r.any() else None for r in rows],
            "confidence_per_user": [float(wanted[r].mean()) if r.any() else None for r in rows],
            "confusion": confusion.tolist()}
