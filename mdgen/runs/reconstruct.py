"""A user's real files through the same reader and writer as generated ones, so that both can be compared on equal
terms: what a difference between them is worth that is not the generator's."""

from collections.abc import Callable
from pathlib import Path

import torch

from mdgen.data.source_files import FileFormat
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder
from mdgen.runs.pictures import as_learnt, as_pixels, read_as
from mdgen.runs.pipeline import load_pipeline

READ_AND_WRITTEN, AUTOENCODED = "read_and_written", "autoencoded"


@torch.inference_mode()
def reconstruct(run: RunFolder, source: Path, output: Path, files: FileFormat, *, device="cpu",
                stage: str | None = None, progress: Callable[[int, int], None] | None = None,
                reading=None) -> int:
    """Write output/read_and_written/<path> and output/autoencoded/<path>; returns how many images.

    source: user folders, which need not be the run's users. path: that of a file below it. read_and_written: the
    ceiling of any generator of this size. autoencoded: the posterior's mean, decoded by the weights that `stage` names
    (`load_pipeline`). The source is read in the run's size, channels and colour map. Raises RequestError where output
    exists and is not empty.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise RequestError(f"--output-dir {output} is not empty; give a new folder")
    try:
        tree = as_learnt(run, read_as(run, source, generated=False, progress=reading))
    except RequestError as problem:
        raise RequestError(str(problem).replace("--data-dir", "--reconstruct")) from None
    vae = load_pipeline(run, device, stage=stage, guided=False).vae
    for rows in torch.arange(len(tree)).split(32):
        images = tree.floats(rows)
        means, _ = vae.encode(images.to(device))
        decoded = vae.decode(means).clamp(-1.0, 1.0).cpu()
        for kind, shown in (READ_AND_WRITTEN, images), (AUTOENCODED, decoded):
            for row, picture in zip(rows.tolist(), as_pixels(run, shown, files.height, files.width)):
                path = output / kind / tree.paths[row].relative_to(tree.root).with_suffix(files.suffix)
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write(path, picture)
        if progress:
            progress(int(rows[-1]) + 1, len(tree))
    return len(tree)
