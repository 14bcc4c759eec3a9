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
RINGING = 0, 1, 2, 3, 4, 5, 6, 9, 12   # levels up to which a lossy file may show what no image holds


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
        knots = best_map(run, generated, split.train_images(rows), split.folders.pictures[split.train[rows]].numpy())
        if distributed.is_main():
            write_levels(run.path, LevelMap(pipeline.weights_hash, knots))
    distributed.barrier()


def best_map(run: RunFolder, generated, real, pictures) -> tuple:
    """Knots of the LevelMap after which generated images, once they are files of the run's format, read like real ones.

    generated, real: [N, 1, H, W] in [-1, 1] as networks see them; pictures: the levels of the real files, uint8.
    JPEG rings about every echo, at levels that a generator learns as if they were there; its own files then ring a
    second time. So the target is the real images with their lowest levels at the floor: with as many as are best.
    """
    wanted = cumulated(pictures)

    def distance(knots):
        return np.abs(cumulated(as_read(run, LevelMap("", knots)(generated))) - wanted).sum()

    return min((LevelMap.fit("", generated.numpy(), to_floor(real, level).numpy()).knots for level in RINGING),
               key=distance)


def to_floor(images, level: int):
    """Images in [-1, 1] with all that lies at `level` of 255 or below moved to the floor."""
    return torch.where(to_uint8(images) <= level, -1.0, images)


def as_read(run: RunFolder, images):
    """Levels, uint8 [N, 1, H, W], that files of the run's format show of images [N, 1, H, W] of its networks."""
    form, data = run.file_format, run.config.data
    files = [io.BytesIO(form.encode(pixels)) for pixels in as_pixels(run, images, form.height, form.width)]
    return decode_all(files, {"height": data.height, "width": data.width, "channels": run.users.channels,
                              "colormap": run.users.colormap, "depth": run.depth}, None, None)[0]


def cumulated(levels):
    """The share of pixels at each level or below, [256]: uint8 of any shape."""
    return np.cumsum(np.bincount(levels.ravel(), minlength=256)) / levels.size
