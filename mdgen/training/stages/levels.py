"""Fit the map that gives generated images the levels of real ones; nothing is trained."""

import torch

from mdgen import distributed
from mdgen.data.splits import Split
from mdgen.files import named_seed
from mdgen.runs.folder import RunFolder
from mdgen.runs.levels import LevelMap, read_levels, write_levels
from mdgen.runs.pipeline import load_pipeline

IMAGES = 48   # generated to fit it, at least


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
        levels = LevelMap.fit(pipeline.weights_hash, generated.numpy(), split.train_images(rows).numpy())
        if distributed.is_main():
            write_levels(run.path, levels)
    distributed.barrier()
