"""One latent grid for pictures of any size: what a preset costs does not follow the pictures' pixels."""

import math
from dataclasses import replace

LONGEST = 256              # pixels of the longer side, unless another size is asked for
FACTORS = (4, 8, 16, 32)   # pixels of a picture's side per latent cell
CHANNELS = 4               # latent channels per pixel of the down factor: 32 at 8, 64 at 16


def at_resolution(config, height: int, width: int, columns: int = 0):
    """A Config for images of height x width pixels whose latent grid has about as many cells as before.

    The down factor follows, and the latent channels follow that one: an enlarged spectrogram does not hold more for
    its pixels. columns: where files were enlarged from at most so many (`mdgen.data.columns`), the room that holds
    them is what networks see. RequestError for a side that no whole number of cells fills.
    """
    factor, asked = down_factor(config, height, columns or width), columns
    for _ in FACTORS if columns else ():   # until the room, once it holds whole cells, asks for no other factor
        cell = factor * 2 ** (len(config.unet.channels) - 1)
        columns = -(-asked // cell) * cell
        factor = max(factor, down_factor(config, height, columns))
    channels = config.vae.latent_channels if factor == config.vae.down_factor else CHANNELS * factor
    return replace(config, data=replace(config.data, height=height, width=width, columns=columns),
                   vae=replace(config.vae, down_factor=factor, latent_channels=channels))


def down_factor(config, height: int, width: int) -> int:
    """That of FACTORS which leaves the number of latent cells nearest to the configuration's."""
    data = config.data
    wanted = math.sqrt(height * width / (data.height * data.network_width)) * config.vae.down_factor
    return min(FACTORS, key=lambda factor: abs(math.log(factor / wanted)))


def fitting_size(config, height: int, width: int) -> tuple[int, int]:
    """The size at which to read files of height x width pixels: their own where whole cells fill it and it is at most
    LONGEST, else the nearest of their shape."""
    shrink = min(LONGEST / max(height, width), 1.0)
    sides = size = height * shrink, width * shrink
    factor = 1
    for _ in FACTORS:   # until the rounded size asks for no larger factor: cells of a smaller one fill it, too
        factor = max(factor, down_factor(config, *size))
        cell = factor * 2 ** (len(config.unet.channels) - 1)
        size = tuple(max(round(side / cell), 1) * cell for side in sides)
    return size
