"""Do images generated for an enrolled person show that person's walk?

Both judges of identity answer. They are trained on real images of everybody, the enrolled person among them.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mdgen.config import EvaluationConfig
from mdgen.data.splits import Split
from mdgen.training.user_classifier import outputs
from mdgen.validation.judges.siamese import embed, train_siamese
from mdgen.validation.judges.user_classifier import recognition, train_judge
from mdgen.validation.metrics.verification import verification

FIGURES = ("auc", "eer", "rank1", "prototype_margin")


@dataclass(frozen=True)
class IdentityJudges:
    """The user classifier and the Siamese network of one split, which holds everybody's real images."""

    split: Split
    classifier: nn.Module
    siamese: nn.Module
    device: object

    @staticmethod
    def of(split: Split, config: EvaluationConfig, folder: Path, *, seed: int, device) -> "IdentityJudges":
        """Trained on the training part, or loaded from `folder`, where they are kept."""
        return IdentityJudges(split, train_judge(split, config, folder, seed=seed, device=device)[0],
                              train_siamese(split, config, folder, seed=seed, device=device)[0], device)

    def claim(self, user: int, folders, rows, without=()) -> dict:
        """What the judges say of images that claim to be walks of `user`, an index into the split's users.

        folders, rows: a decoded tree and [N] int64 of it. without: int64 indices of training images that are left
        out of the gallery, such as those that the person was enrolled from.
        Returns n, recognised (share that the classifier recognises as the user) and confidence (its mean probability
        of the user). auc, eer, rank1 and prototype_margin are those of `verification` against everybody's training
        images.
        """
        logits = outputs(self.classifier, folders, rows, self.device)
        claimed = torch.full((len(rows),), user).numpy()
        known = recognition(logits.softmax(dim=1).numpy(), claimed)
        gallery = self.split.train[~torch.isin(self.split.train, torch.as_tensor(without, dtype=torch.int64))]
        found = verification(*embed(self.siamese, self.split.folders, gallery, self.device),
                             embed(self.siamese, folders, rows, self.device)[0], claimed)
        return {"n": len(rows), "recognised": known["accuracy"], "confidence": known["confidence"],
                **{name: found[name] for name in FIGURES}}
