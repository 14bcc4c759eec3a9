"""Between files and networks: real files as a run's judges and networks see them, and what networks generate as files
show it, of another size or of columns that are enlarged as the sources' were."""

from pathlib import Path

import numpy as np
import torch

from mdgen.data.columns import from_columns, used_columns
from mdgen.data.image_io import fitted, paint, to_pixels, to_uint8
from mdgen.data.user_folders import UserFolders
from mdgen.runs.folder import RunFolder


def read_as(run: RunFolder, folder: Path, *, generated: bool, min_images: int = 1, progress=None) -> UserFolders:
    """Decode a tree with the run's size, channels and colour map, through the run's cache: pictures, as judges see.

    generated: files that are written as the cropped ones look, so that nothing is cut from them.
    """
    data = run.config.data
    return UserFolders(folder, height=data.height, width=data.width, channels=run.users.channels,
                       colormap=run.users.colormap or "auto", crop=() if generated else data.crop, depth=run.depth,
                       min_images=min_images, cache_dir=run.path / "cache", progress=progress)


def as_learnt(run: RunFolder, tree: UserFolders) -> UserFolders:
    """The tree as the run's networks see it: by columns where they learn these."""
    columns = run.config.data.columns
    return tree.by_columns(columns, run.path / "cache") if columns else tree


def as_pixels(run: RunFolder, images, height: int, width: int):
    """Images [B, C, H, W] in [-1, 1] of the run's networks as files look: uint8 [B, height, width, 3].

    Columns are painted first and mixed where a pixel shows two, as a plot does it.
    """
    if not run.config.data.columns:
        return to_pixels(fitted(images, height, width), run.users.colormap)
    levels = to_uint8(fitted(images, height, images.shape[-1])).cpu().numpy()
    colours = paint(levels, run.users.colormap)                                      # [B, height, room, 3]
    return np.stack([np.rint(from_columns(picture[:, :used_columns(canvas[0])], width)).astype(np.uint8)
                     for picture, canvas in zip(colours, levels)])


def as_intensity(run: RunFolder, images, height: int, width: int):
    """The same before it is painted, not rounded: [B, C, height, width] in [-1, 1]; of columns only with C = 1."""
    if not run.config.data.columns:
        return fitted(images, height, width)
    images = fitted(images, height, images.shape[-1]).float().cpu()
    ends = [used_columns(canvas[0]) for canvas in to_uint8(images).numpy()]
    found = [from_columns(image[0, :, :end, None].numpy(), width)[..., 0] for image, end in zip(images, ends)]
    return torch.from_numpy(np.stack(found)[:, None].astype(np.float32))
