"""The judge of identity: a classifier trained on real training images alone, and how well it recognises users.

No judge guides or filters sampling or serves as a loss, so that what it says about generated images is evidence.
"""

import json
from pathlib import Path

import numpy as np

from mdgen import distributed
from mdgen.config import EvaluationConfig
from mdgen.data.splits import Split
from mdgen.files import digest
from mdgen.training.user_classifier import AUGMENTATION, new_classifier_task, train_kept
from mdgen.validation.metrics.per_user import user_means

JUDGE_VERSION = 1   # raise it when the judge's network or training changes: it is then trained anew
BATCH_SIZE, LEARNING_RATE = 32, 2e-3


def training_key(split: Split, settings: list) -> str:
    """16 hex digits over all that a judge depends on: training pixels, labels, and plain settings."""
    images = split.folders.images[split.train]
    return digest(json.dumps([*settings, AUGMENTATION, split.folders.users]), str(tuple(images.shape)),
                  images.numpy().tobytes(), split.train_users.numpy().tobytes())


def judge_key(split: Split, config: EvaluationConfig, seed: int) -> str:
    """16 hex digits over all that the judge depends on: training pixels, labels, settings, JUDGE_VERSION."""
    return training_key(split, [JUDGE_VERSION, seed, config.classifier_steps, BATCH_SIZE, LEARNING_RATE])


def train_judge(split: Split, config: EvaluationConfig, folder: Path, *, seed: int, device):
    """A UserClassifier trained on the training part of `split`, in evaluation mode on `device`: (judge, key).

    Kept in folder/<key>/, so that the same judge is trained once and an interrupted training continues.
    """
    key = judge_key(split, config, seed)
    share = max(1, BATCH_SIZE // distributed.world_size())   # the key knows no processes
    return train_kept(lambda: new_classifier_task(split, device), Path(folder) / key, steps=config.classifier_steps,
                      batch_size=share, learning_rate=LEARNING_RATE, seed=seed, device=device), key


def recognition(probabilities, users) -> dict:
    """How well a judge recognises labelled images.

    probabilities [N, K]: rows sum to 1; users [N]: the wanted user of each. Returns accuracy and confidence (mean
    probability of the wanted user), both also per user (None for a user without images). confusion [K][K] counts the
    images of the wanted user (row) that were recognised as each user (column).
    """
    probabilities, users = np.asarray(probabilities), np.asarray(users)
    correct, wanted = probabilities.argmax(axis=1) == users, probabilities[np.arange(len(users)), users]
    confusion = np.zeros((probabilities.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (users, probabilities.argmax(axis=1)), 1)
    return {"accuracy": float(correct.mean()), "confidence": float(wanted.mean()),
            "accuracy_per_user": user_means(correct, users, len(confusion)),
            "confidence_per_user": user_means(wanted, users, len(confusion)), "confusion": confusion.tolist()}
