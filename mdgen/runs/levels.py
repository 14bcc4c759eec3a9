"""The last touch on generated images: levels as often as in real ones.

A sampler leaves a little noise in its latents and a decoder averages over what it cannot know, so that pixels which
should lie at the floor come to lie a little above it: a haze. One monotone map of levels, the same for every pixel of
every image, takes the histogram of some generated images to that of the training images (histogram matching, Gonzalez &
Woods 2018, sec. 3.3). It moves no echo, and the order of levels stays.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mdgen.files import read_json, write_json

FILE = "levels.json"
KNOTS = 257


@dataclass(frozen=True)
class LevelMap:
    """weights: the `weights_hash` of what generated the images that it was fitted to. knots: where each of KNOTS
    levels, evenly spaced from -1 to 1, goes."""

    weights: str
    knots: tuple

    @staticmethod
    def of(values: dict) -> "LevelMap":
        """From the content of levels.json; ValueError, TypeError or KeyError for any other."""
        knots = tuple(float(knot) for knot in values["knots"])
        if len(knots) != KNOTS or list(knots) != sorted(knots) or not -1 <= knots[0] <= knots[-1] <= 1:
            raise ValueError(f"expected {KNOTS} rising levels from -1 to 1")
        return LevelMap(str(values["weights"]), knots)

    @staticmethod
    def fit(weights: str, generated, real) -> "LevelMap":
        """The map after which generated values are distributed as real ones, arrays of any shape in [-1, 1]."""
        ordered, wanted = np.sort(np.ravel(generated)), np.sort(np.ravel(real))
        below = np.searchsorted(ordered, np.linspace(-1, 1, KNOTS), side="right") / len(ordered)
        found = wanted[(np.ceil(below * len(wanted)).astype(int) - 1).clip(0, len(wanted) - 1)]
        found[0] = -1.0   # the floor stays the floor, even if too many pixels lie there
        return LevelMap(weights, tuple(np.maximum.accumulate(found).astype(float).tolist()))

    def __call__(self, images):
        """Images of any shape in [-1, 1] with their levels moved; between knots along straight lines."""
        knots = torch.tensor(self.knots, dtype=images.dtype, device=images.device)
        place = ((images.clamp(-1, 1) + 1) * ((KNOTS - 1) / 2)).clamp(max=KNOTS - 1 - 1e-4)
        below = place.floor()
        return torch.lerp(knots[below.long()], knots[below.long() + 1], place - below)


def read_levels(folder: Path, weights: str) -> LevelMap | None:
    """The map of a run folder, if it was fitted to these weights. RequestError if the file is damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    found = read_json(path, LevelMap.of, f"Delete it, and run train.py with --output-dir {folder} again")
    return found if found.weights == weights else None


def write_levels(folder: Path, levels: LevelMap) -> None:
    write_json(folder / FILE, {"weights": levels.weights, "knots": list(levels.knots)})
