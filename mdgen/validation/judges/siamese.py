"""The judge of user signature: a Siamese network trained on real training images alone.

It measures how far apart two images are as walks of one person. The gallery is the real training images. Held-out
images against it are the ceiling. They come from other minutes of the same recording: a person recorded on another day
would be harder to verify. Generated images may exceed this ceiling, since their model has learnt from the gallery.
"""

from pathlib import Path

import torch

from mdgen import distributed
from mdgen.config import EvaluationConfig
from mdgen.data.splits import Split
from mdgen.data.transforms import augment, for_size
from mdgen.losses.metric_learning import (
    batch_pairs,
    contrastive_loss,
    semi_hard_triplets,
    supervised_contrastive_loss,
    triplet_loss,
)
from mdgen.models.siamese import SiameseNetwork
from mdgen.training.user_classifier import AUGMENTATION, IdentityTask, outputs, train_kept
from mdgen.validation.judges.user_classifier import training_key
from mdgen.validation.metrics.verification import verification

SIAMESE_VERSION = 1   # raise it when the judge's network or training changes: it is then trained anew
USERS, IMAGES = 8, 4    # of a batch: so many users with so many images each
SPREAD = 4              # places of a recording between images of a batch: closer windows overlap as a rule
LEARNING_RATE = 2e-3
LOSSES = {"contrastive": lambda embeddings, users: contrastive_loss(*batch_pairs(embeddings, users)),
          "triplet": lambda embeddings, users: triplet_loss(*semi_hard_triplets(embeddings, users)),
          "nt_xent": supervised_contrastive_loss}


class SiameseTask(IdentityTask):
    """Tell users apart in batches of P users with K images each; a sample is a user. Validate by verification."""

    name = "siamese"

    def __init__(self, split: Split, network, device, config: EvaluationConfig):
        super().__init__(split, network, device)
        self.measure, self.images_per_user = LOSSES[config.siamese_loss], IMAGES
        self.rows = [split.train[split.train_users == user] for user in range(len(split.folders.users))]
        self.num_samples = len(self.rows)

    def loss(self, indices, generator):
        # Of indices only their number P counts: across epochs they may hold a user twice, or one alone.
        order = torch.randperm(self.num_samples, generator=generator, device=generator.device)
        chosen, count = order[:len(indices)], self.images_per_user
        places = torch.cat([rows[spread_places(len(rows), count, generator)]
                            for rows in (self.rows[user] for user in chosen.tolist())])
        images = self.split.folders.floats(places).to(self.device)
        images = augment(images, generator, **for_size(AUGMENTATION, images.shape))
        users = chosen.repeat_interleave(count).to(self.device)
        return self.measure(self.network.embed(images), users), {}           # [P·K, C, H, W] -> [P·K, D] -> []

    def validate(self, network) -> dict:
        figures = verification(*embed(network, self.split.folders, self.split.train, self.device),
                               *embed(network, self.split.folders, self.split.validation, self.device))
        return {name: figures[name] for name in ("eer", "auc", "rank1")}


def spread_places(count: int, chosen: int, generator):
    """`chosen` random places among `count` images of a recording, far from each other: int64 [chosen].

    Neighbouring windows overlap and are alike by construction, which would teach nothing about a user. So each place
    lies in a stretch of its own, SPREAD from the next where that is possible. Places repeat if count < chosen.
    """
    start = torch.randint(count, (1,), generator=generator, device=generator.device)
    free = max(count // chosen - SPREAD + 1, 1)
    jitter = torch.randint(free, (chosen,), generator=generator, device=generator.device)
    return ((start + jitter).cpu() + torch.arange(chosen) * count // chosen) % count


def embed(network, folders, indices, device):
    """(embeddings [N, D] float64 of unit length, users [N]) of some images of a decoded tree."""
    return outputs(network.embed, folders, indices, device).double().numpy(), folders.labels[indices].numpy()


def siamese_key(split: Split, config: EvaluationConfig, seed: int) -> str:
    """16 hex digits over all that the judge depends on: training pixels, labels, settings, SIAMESE_VERSION."""
    return training_key(split, ["siamese", SIAMESE_VERSION, seed, config.siamese_loss, config.siamese_steps, USERS,
                                IMAGES, LEARNING_RATE])


def train_siamese(split: Split, config: EvaluationConfig, folder: Path, *, seed: int, device):
    """A SiameseNetwork trained on the training part of `split`, in evaluation mode on `device`: (network, key).

    Kept in folder/<key>/, so that the same judge is trained once and an interrupted training continues. At 64 px
    every image of a step costs 90 MFLOP: the default 600 steps of 8 x 4 images are 1.7 TFLOP.
    """
    def make_task():
        network = SiameseNetwork(split.folders.images.shape[1]).to(device)
        return SiameseTask(split, network, device, config)

    key = siamese_key(split, config, seed)
    users = min(USERS, len(split.folders.users))
    share = max(2, users // distributed.world_size())   # the key knows no processes
    return train_kept(make_task, Path(folder) / key, steps=config.siamese_steps, batch_size=share,
                      learning_rate=LEARNING_RATE, seed=seed, device=device), key
