"""Image batches as files: single PNGs in the colours of the training files, and contact sheets to look at."""

import os
from pathlib import Path

import torch
from PIL import Image
from torchvision.utils import make_grid

from mdgen.data.colormap import to_color
from mdgen.errors import naming


def to_pixels(images, colormap: str | None):
    """[B, C, H, W] in [-1, 1] -> uint8 [B, H, W, 3]; one intensity channel is drawn in `colormap` (None: gray)."""
    unit = (images.detach().float().cpu().clamp(-1.0, 1.0) + 1.0) / 2.0
    if images.shape[1] == 1:
        return to_color(unit[:, 0].numpy(), colormap or "gray")
    return (unit * 255.0).round().to(torch.uint8).movedim(1, -1).numpy()


def write_png(path: Path, pixels) -> None:
    """Write uint8 [H, W, 3] at once or not at all, so that an interrupted run leaves no half image."""
    temporary = path.with_name(path.name + ".part")
    with naming(path):
        Image.fromarray(pixels).save(temporary, format="PNG")
        os.replace(temporary, path)


def grid(pixels, columns: int, magnify: int = 2):
    """uint8 [N, 3, H, W] -> one picture uint8 [H', W', 3], row by row, separated by thin white lines."""
    pixels = pixels.repeat_interleave(magnify, dim=2).repeat_interleave(magnify, dim=3)
    return make_grid(pixels, nrow=columns, padding=2, pad_value=255).movedim(0, -1).numpy()


def save_rows(rows, path: Path, colormap: str | None) -> None:
    """Write a contact sheet; rows: list of equally long batches [N, C, H, W], one row of the sheet each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = torch.from_numpy(to_pixels(torch.cat([row.cpu() for row in rows]), colormap)).movedim(-1, 1)
    write_png(path, grid(pixels, len(rows[0])))
