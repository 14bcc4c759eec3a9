"""What a judge of identity depends on: it is trained on real training images alone, and kept under a key of them.

No judge guides or filters sampling or serves as a loss, so that what it says about generated images is evidence.
"""

import json

from mdgen.data.splits import Split
from mdgen.files import digest
from mdgen.training.user_classifier import AUGMENTATION


def training_key(split: Split, settings: list) -> str:
    """16 hex digits over all that a judge depends on: training pixels, labels, and plain settings."""
    images = split.folders.images[split.train]
    return digest(json.dumps([*settings, AUGMENTATION, split.folders.users]), str(tuple(images.shape)),
                  images.numpy().tobytes(), split.train_users.numpy().tobytes())
