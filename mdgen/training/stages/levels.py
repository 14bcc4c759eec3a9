"""Fit the map that gives generated images the levels of real ones; nothing is trained."""

import io

import numpy as np
import torch

from mdgen import distributed
from mdgen.data.image_io import decode_all, to_uint8
from mdgen.data.splits import Split
from mdgen.files import named_seed
from mdgen.runs.folder import RunFolder
from mdgen.runs.levels import LevelMap, read_levels, write_levels
from mdgen.runs.pictures import as_pixels
from mdgen.runs.pipeline import load_pipeline

IMAGES = 48   # generated to fit it, at least
LOSSY = "JPEG", "WEBP"
RINGING = 0, 1, 2, 3, 4, 6, 9, 12   # levels up to which a lossy file may show what no image holds


def fit_levels(run: RunFolder, split: Split, device) -> None:
    """Write RUN/levels.json for the weights that generate by default; nothing to do where it is there."""
    pipeline = load_pipeline(run, device, levels=False)
    if read_levels(run.path, pipeline.weights_hash) is None:
        names, size = run.users.names, run.config.sampling.batch_size
        wanted = [(user, named_seed(run.config.seed, "levels", name, place)) for user, name in enumerate(names)
                  for place in range(-(-IMAGES // len(names)))]
        batches = [wanted[start:start + size] for start in range(0, len(wanted), size)]
        generated = torch.cat([pipeline.generate(torch.tensor([user for user, _ in batch], device=device),
                                                 [seed for _, seed in batch]).cpu() for batch in batches])
        rows = torch.linspace(0, len(split.train) - 1, min(len(split.train), 4 * len(wanted))).long()
        real = to_floor(split.train_images(rows), ringing(run, split, rows[::4]))
        levels = LevelMap.fit(pipeline.weights_hash, generated.numpy(), real.numpy())
        if distributed.is_main():
            write_levels(run.path, levels)
    distributed.barrier()


def to_floor(images, level: int):
    """Images in [-1, 1] with all that lies at `level` of 255 or below moved to the floor."""
    return torch.where(to_uint8(images) <= level, -1.0, images)


def ringing(run: RunFolder, split: Split, rows) -> int:
    """The level up to which the run's files show their compression, and not the walk.

    JPEG rings about every echo, at levels that a generator learns as if they were there; its own files then ring a
    second time. So training images (rows of the split) are written again as files, with ever higher levels at the
    floor, and the one whose files read most like the originals is taken. It is 0 for files that lose nothing.
    """
    form, config = run.file_format, run.config.data
    settings = {"height": config.height, "width": config.width, "channels": run.users.channels,
                "colormap": run.users.colormap}
    if run.users.channels == "rgb" or form.kind not in LOSSY:
        return 0
    images, wanted = split.train_images(rows), cumulated(split.folders.pictures[split.train[rows]].numpy())

    def distance(level):
        files = [io.BytesIO(form.encode(pixels)) for pixels in
                 as_pixels(run, to_floor(images, level), form.height, form.width)]
        return np.abs(cumulated(decode_all(files, settings, None, None)[0]) - wanted).sum()

    return min(RINGING, key=distance)


def cumulated(levels):
    """The share of pixels at each level or below, [256]: uint8 of any shape."""
    return np.cumsum(np.bincount(levels.ravel(), minlength=256)) / levels.size
