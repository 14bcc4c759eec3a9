"""One pass of the judge over images: the features and probabilities that every metric starts from."""

from dataclasses import dataclass, fields

import numpy as np
import torch

from mdgen.data.windows import separate

EXTRACTOR = "user_classifier"   # ends the name of a metric that is computed in this judge's features


@dataclass(frozen=True)
class JudgedSet:
    """A set of images with what the judge says about them; rows of one user stand in file order.

    images: uint8 [N, C, H, W]; users: [N] int64, the wanted user; windows: [N, 3] int64, what of which recording an
    image shows (`mdgen.data.windows`); features [N, D] and probabilities [N, K]: float64; embeddings [N, E] float64:
    the Siamese judge's, where it was asked. A reference, which keeps statistics alone, has no images.
    """

    images: np.ndarray | None
    users: np.ndarray
    windows: np.ndarray
    features: np.ndarray
    probabilities: np.ndarray
    embeddings: np.ndarray | None = None

    def __len__(self):
        return len(self.users)

    def of_user(self, user: int):
        """Rows of one user, [n] int64."""
        return np.flatnonzero(self.users == user)

    def rows(self, rows):
        """The set of some rows alone."""
        values = (getattr(self, part.name) for part in fields(self))
        return JudgedSet(*(value if value is None else value[rows] for value in values))


def judge_images(judge, folders, indices, device, windows=None, batch_size: int = 64) -> JudgedSet:
    """Show the judge some images of a decoded tree.

    judge: a UserClassifier in evaluation mode on `device`; folders: UserFolders; indices: [N] int64; windows: of all
    images of the tree, [M, 3]; None where each is a recording of its own.
    """
    features, probabilities = [], []
    with torch.inference_mode():
        for batch in indices.split(batch_size):
            h = judge.features(folders.floats(batch).to(device))              # [B, D]
            features.append(h.double().cpu())
            probabilities.append(judge.head(h).double().softmax(dim=1).cpu())  # [B, K]
    windows = separate(len(indices)) if windows is None else windows[indices.numpy()]
    return JudgedSet(folders.images[indices].numpy(), folders.labels[indices].numpy(), windows,
                     torch.cat(features).numpy(), torch.cat(probabilities).numpy())


def unjudged(folders, indices, windows=None) -> JudgedSet:
    """The set of some images of a decoded tree that no judge has seen: features and probabilities of width 0.

    windows: as of `judge_images`.
    """
    nothing = np.zeros((len(indices), 0))
    windows = separate(len(indices)) if windows is None else windows[indices.numpy()]
    return JudgedSet(folders.images[indices].numpy(), folders.labels[indices].numpy(), windows, nothing, nothing)


def per_user_subsets(users, counts, repeats: int = 5, seed: int = 0):
    """Yield `repeats` random selections of rows, each with counts[u] of user u, so that sets are compared at equal N.

    users: [N] int64; counts: how many of each user, in order, at most as many as there are.
    """
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield np.concatenate([rng.permutation(np.flatnonzero(users == user))[:count]
                              for user, count in enumerate(counts)])
