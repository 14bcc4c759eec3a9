"""Pseudo-colour images <-> the one intensity channel that was painted with a colour map.

A spectrogram image in colours carries one number per pixel, its place in the colour table. Intensity runs
from 0 (first colour, weakest echo) to 1 (last colour). NumPy and SciPy alone.
"""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

COLORMAPS = ("jet", "parula", "viridis", "gray")
MAX_MISFIT = 30.0  # mean RGB distance: jet in JPEG of quality 50 reaches 20, other colour maps begin near 40
MAX_CHROMA = 2.0   # mean (max - min) over R, G, B, of 255, below which an image counts as grey

# Every fifth of the 256 colours as RRGGBB; the four between two of them lie on the straight line. Against the
# originals: at most 3 of 255 in a channel, at most one level when read back.
NODES = {
    "viridis": (
        "44015445085b470f62471669481d6f482374472a7946307d453681433c844142863e48883c4d8a3a538b37588c"
        "355d8c32628d30678d2e6c8e2c718e2a768e287a8e267f8e24848d23898d218d8c1f928c1e978a1e9b891ea087"
        "20a58523a98228ae7f2eb27c35b7783dbb7445bf6f4fc36959c76464cb5d70ce567cd24f88d54795d73fa2da37"
        "afdc2ebdde26cae01ed7e219e4e318f1e51cfde724"
    ),
    "parula": (
        "3d26a8402bb74230c44435d2463bdd4742e64749ed4750f24757f7465efa4465fd406cfe3974fe317bfc2e83f9"
        "2d89f42b90ef2796eb249ce621a2e31da7e018addb10b1d503b5cd00b9c509bcbd1abfb427c2ab2fc4a236c798"
        "3fca8d4dcb815dcc746ecc6680cb5892ca4aa4c73db4c532c4c12ad3be27e0bb2aecba32f7b93cfebe3bfec536"
        "fdcc31fad42df6dc29f4e426f5ec22f6f31cf9fa14"
    ),
}


def to_color(intensity, colormap="jet"):
    """Paint intensities: [..., H, W] float in [0, 1] (clipped) -> [..., H, W, 3] uint8.

    Each value takes the nearest of the map's 256 levels. Raises ValueError for an unknown map or NaN.
    """
    values = np.asarray(intensity, dtype=np.float32)
    if np.isnan(values).any():
        raise ValueError("intensity holds NaN")
    levels = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return color_table(colormap)[levels]


def to_intensity(rgb, colormap="jet"):
    """Read intensities back: [..., H, W, 3] uint8 -> [..., H, W] float32 in [0, 1], multiples of 1/255.

    The level is that of the nearest table colour in RGB; exact on the table's own colours.
    """
    return to_levels(rgb, colormap) / np.float32(255)


def to_levels(rgb, colormap="jet"):
    """As `to_intensity`, but the level itself: [..., H, W, 3] uint8 -> [..., H, W] uint8."""
    rgb = _checked(rgb)
    packed = (rgb[..., 0].astype(np.int32) << 16) | (rgb[..., 1].astype(np.int32) << 8) | rgb[..., 2]
    tree, known = _search(colormap)
    found = known[packed]  # level + 1, or 0 for a colour that was not met before
    if not found.all():
        new = np.unique(packed[found == 0])
        known[new] = tree.query(np.stack([new >> 16, (new >> 8) & 255, new & 255], axis=-1))[1] + 1
        found = known[packed]
    return (found - 1).astype(np.uint8)


def misfit(rgb, colormap):
    """Mean RGB distance (0 to 442) from the pixels of rgb [..., H, W, 3] uint8 to the map's colours."""
    rgb = _checked(rgb)
    painted = color_table(colormap)[to_levels(rgb, colormap)]
    return float(np.linalg.norm(rgb.astype(np.float32) - painted, axis=-1).mean())


def is_grey(rgb):
    """True when [..., H, W, 3] uint8 has no chroma beyond what compression adds."""
    rgb = _checked(rgb)
    return bool(np.ptp(rgb, axis=-1).mean() <= MAX_CHROMA)


def detect_colormap(images):
    """The map that a list of RGB images [H, W, 3] uint8 (sizes may differ) was painted with, or None.

    "gray" when no image has chroma; else the map with the least `misfit`, averaged over the images that have
    chroma, provided that it is at most MAX_MISFIT. Raises ValueError on an empty list.
    """
    images = [_checked(image) for image in images]
    if not images:
        raise ValueError("detect_colormap needs at least one image")
    coloured = [image for image in images if not is_grey(image)]
    if not coloured:
        return "gray"
    distances = {name: np.mean([misfit(image, name) for image in coloured]) for name in COLORMAPS[:-1]}
    best = min(distances, key=distances.get)
    return best if distances[best] <= MAX_MISFIT else None


@lru_cache(maxsize=None)
def color_table(colormap):
    """The map's 256 colours, [256, 3] uint8 (read-only), all different.

    Jet and parula are MATLAB's. Matplotlib's jet has other corners: read with this table, its levels come out
    at most 9 of 255 off.
    """
    if colormap not in COLORMAPS:
        raise ValueError(f"colormap is {colormap!r}, expected one of {', '.join(COLORMAPS)}")
    if colormap == "jet":  # three trapezoids, a quarter of the range apart
        place = np.arange(1, 257)[:, None] / 64
        table = np.rint(255 * (1.5 - np.abs(place - [3, 2, 1])).clip(0, 1))
    elif colormap == "gray":
        table = np.repeat(np.arange(256)[:, None], 3, axis=1)
    else:
        nodes = np.frombuffer(bytes.fromhex(NODES[colormap]), dtype=np.uint8).reshape(52, 3).astype(int)
        part = np.arange(5)[:, None]
        between = (nodes[:-1, None] * (5 - part) + nodes[1:, None] * part) // 5  # [51, 5, 3]
        table = np.concatenate([between.reshape(255, 3), nodes[-1:]])
    table = table.astype(np.uint8)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=None)
def _search(colormap):
    """(tree over the table, level + 1 for each of the 2^24 colours met so far).

    Filled as colours turn up: exact, and cheap because images of one source share most of their colours.
    Threads may fill it at once, since they all write the same value to the same place.
    """
    return cKDTree(color_table(colormap).astype(np.float64)), np.zeros(1 << 24, dtype=np.int16)


def _checked(rgb):
    rgb = np.asarray(rgb)
    if rgb.dtype != np.uint8 or rgb.ndim < 3 or rgb.shape[-1] != 3:
        raise ValueError(f"expected uint8 [..., H, W, 3], got {rgb.dtype} {list(rgb.shape)}")
    return rgb
