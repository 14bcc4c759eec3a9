"""Images to and from pixels, single PNGs in the colours of the training files, and contact sheets to look at."""

from pathlib import Path

import torch
from PIL import Image
from torchvision.utils import make_grid

from mdgen.data.colormap import color_table
from mdgen.files import whole_file


def to_floats(levels):
    """uint8 [...], array or tensor -> float32 in [-1, 1], the range of all networks."""
    return torch.as_tensor(levels).float() / 127.5 - 1


def to_uint8(images):
    """[...] in [-1, 1], clipped -> the nearest of 256 levels, uint8, on the same device."""
    return ((images.detach().float().clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def to_pixels(images, colormap: str | None):
    """[B, C, H, W] in [-1, 1] -> uint8 [B, H, W, 3]; one intensity channel is painted in `colormap` (None: gray)."""
    return paint(to_uint8(images).cpu().numpy(), colormap)


def paint(levels, colormap: str | None):
    """uint8 [B, C, H, W] as the files look: uint8 [B, H, W, 3]."""
    return color_table(colormap or "gray")[levels[:, 0]] if levels.shape[1] == 1 else levels.transpose(0, 2, 3, 1)


def write_png(path: Path, pixels) -> None:
    """Write uint8 [H, W, 3]."""
    with whole_file(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def grid(pixels, columns: int, magnify: int = 2):
    """uint8 [N, H, W, 3] -> one picture uint8 [H', W', 3], row by row, separated by thin white lines."""
    cells = torch.from_numpy(pixels).movedim(-1, 1)
    cells = cells.repeat_interleave(magnify, dim=2).repeat_interleave(magnify, dim=3)
    return make_grid(cells, nrow=columns, padding=2, pad_value=255).movedim(0, -1).numpy()


def save_rows(rows, path: Path, colormap: str | None) -> None:
    """Write a contact sheet; rows: list of equally long batches [N, C, H, W], one row of the sheet each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, grid(to_pixels(torch.cat([row.cpu() for row in rows]), colormap), len(rows[0])))
