"""Pseudo-colour images <-> the one intensity channel that was painted with a colour map.

A spectrogram image in colours carries one number per pixel, its place in the colour table. Intensity runs
from 0 (first colour, weakest echo) to 1 (last colour). NumPy and SciPy alone.
"""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from mdgen.data.color_tables import COLORMAPS, CYCLES, color_table
from mdgen.errors import RequestError

__all__ = ["COLORMAPS", "candidates", "color_table", "detect_colormap", "is_grey", "misfit", "to_color", "to_intensity",
           "packed_to_levels", "to_levels"]

MAX_MISFIT = 30.0    # mean RGB distance: jet in JPEG of quality 50 reaches 20
MAX_MISFIT_TABLE = 8.0   # mean over colours that are no more than a table has: nothing was compressed after painting
MAX_CHROMA = 2.0     # mean (max - min) over R, G, B, of 255, below which an image counts as grey
ALIKE = 1.3, 0.5     # a map fits about as well as the best up to so many times its misfit and so much more
THINNED = 24         # pixels of a side at which images are compared with maps
FEW = 8192           # colours of which finding the twins takes longer than looking them up twice
CHUNK = 1024         # colours that are compared with a table at once: what a core keeps at hand


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
    return packed_to_levels(rgb[..., 0] | np.left_shift(rgb[..., 1], 8, dtype=np.uint32)
                            | np.left_shift(rgb[..., 2], 16, dtype=np.uint32), colormap)


def packed_to_levels(packed, colormap):
    """As `to_levels` for colours that are one number each, R + 256 G + 65536 B: uint32 [...] -> uint8 [...]."""
    tree, known = _search(colormap)
    found = known.take(packed)  # level + 1, or 0 for a colour that was not met before
    if not found.all():
        new = packed[found == 0]
        new = new if len(new) < FEW else np.unique(new)
        known[new] = tree.query(np.stack([new & 255, (new >> 8) & 255, new >> 16], axis=-1))[1] + 1
        found = known.take(packed)
    return (found - 1).astype(np.uint8)


def misfit(rgb, colormap):
    """Mean RGB distance (0 to 442) from the pixels of rgb [..., H, W, 3] uint8 to the map's colours."""
    rgb = _checked(rgb).reshape(-1, 3)
    nearest = color_table(colormap)[_nearest(rgb, colormap)]
    return float(np.linalg.norm(rgb.astype(np.float32) - nearest, axis=1).mean())


def is_grey(rgb):
    """True when [..., H, W, 3] uint8 has no chroma beyond what compression adds."""
    red, green, blue = np.moveaxis(_checked(rgb), -1, 0)
    brightest, darkest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return bool((brightest - darkest).mean() <= MAX_CHROMA)


def candidates(images):
    """[(name, misfit)] of all maps, their reverses and "hsv", best first, for RGB images [H, W, 3] uint8 of any sizes.

    The misfit is averaged over the images that have chroma, over all where none has; THINNED pixels along a side are
    compared. A map and its reverse have the same colours, so the same misfit: the one whose weak end is
    the floor of more of the images stands first. Raises ValueError on an empty list.
    """
    images, ranked = _thinned(images), []
    for distance, name in sorted((float(np.mean([misfit(image, name) for image in images])), name)
                                 for name in COLORMAPS + CYCLES):
        if name in CYCLES:
            ranked.append((name, distance))
            continue
        turned = distance <= MAX_MISFIT and sum(vote or 0 for vote in _votes(images, name)) < 0
        ranked += [(each, distance) for each in ([f"{name}_r", name] if turned else [name, f"{name}_r"])]
    return ranked


def detect_colormap(images):
    """The map that a list of RGB images [H, W, 3] uint8 (sizes may differ) was painted with, or None for no known map.

    Which end of a map is weak is decided by what spectrograms look like: most of an image is floor, and so are its
    edges of highest Doppler. "hsv" is None, since its strongest and weakest echoes have one colour. Raises
    RequestError where two maps fit about equally, or where images disagree which end is weak; ValueError on an empty
    list.
    """
    thinned = _thinned(images)
    ranked = candidates(images)
    grey = all(map(is_grey, thinned))
    if grey:   # of bone, the darkest part has next to no chroma
        ranked = [entry for entry in ranked if entry[0].removesuffix("_r") in ("bone", "gray")]
    (best, distance), (_, following) = ranked[0], ranked[2 if ranked[0][0] not in CYCLES else 1]
    colours = np.unique(np.concatenate([image.reshape(-1, 3) for image in thinned]), axis=0)
    if distance > MAX_MISFIT or (len(colours) <= 256 and misfit(colours[None], best) > MAX_MISFIT_TABLE):
        return None
    if following <= ALIKE[0] * distance + ALIKE[1] and not grey:
        alike = [name for name, other in ranked if other <= ALIKE[0] * distance + ALIKE[1]]
        raise _undecided(alike, f"about equally (misfit {distance:.1f} to {following:.1f})")
    return None if best in CYCLES else _directed(best.removesuffix("_r"), thinned)


def _directed(name, images):
    """The map or its reverse, whichever has the floor of these images at its weak end."""
    votes = _votes(images, name)
    weak, strong, torn = votes.count(1), votes.count(-1), votes.count(None)
    if 2 * strong >= len(votes) and strong >= 4 * (weak + torn):
        return f"{name}_r"
    if 5 * (strong + torn) <= len(votes) or weak >= 4 * (strong + torn):
        return name   # where nothing speaks for either, the one that most people use
    raise _undecided([name, f"{name}_r"], f"and do not show which end is the floor ({weak} of {len(votes)} for "
                     f"{name}, {strong} for {name}_r)")


def _votes(images, name):
    return [_leaning(_nearest(image.reshape(-1, 3), name).reshape(image.shape[:2])) for image in images]


def _leaning(levels):
    """1 where the floor of levels [H, W] is at 0, -1 where it is at 255, 0 where nothing shows it, None where two signs
    disagree: the level of the calmest edge beside that of the whole, and where most pixels lie."""
    levels = levels.astype(np.float32)
    rows, columns = (max(1, side // 8) for side in levels.shape)
    edge = min((levels[:rows], levels[-rows:], levels[:, :columns], levels[:, -columns:]), key=np.std)
    rise, bulk = levels.mean() - edge.mean(), 127.5 - np.median(levels)
    rises = 0 if abs(rise) < max(6, edge.std() / 4) else int(np.sign(rise))
    lies = 0 if abs(bulk) < 48 else int(np.sign(bulk))
    return rises or lies if rises * lies >= 0 else None


def _undecided(names, how):
    return RequestError(f"the images fit {', '.join(names[:-1])} and {names[-1]} {how}; name the colour map that they "
                        f"were painted with: --set data.colormap={names[0]}, or another of these; or keep the colours: "
                        "--set data.channels=rgb")


def _thinned(images):
    """The images that have chroma, all where none has, with fewer pixels."""
    images = [_checked(image) for image in images]
    if not images:
        raise ValueError("expected at least one image")
    images = [image[::max(1, image.shape[0] // THINNED), ::max(1, image.shape[1] // THINNED)] for image in images]
    return [image for image in images if not is_grey(image)] or images


def _nearest(colours, colormap):
    """Levels [N] of the table colours that are nearest to colours [N, 3].

    |c - t|^2 = |c|^2 - (2 c.t - |t|^2): whole numbers below 2^24, so that float32 is exact.
    """
    products, squares = _products(colormap)
    colours = np.asarray(colours, dtype=np.float32)
    parts = [(colours[begin:begin + CHUNK] @ products - squares).argmax(axis=1)
             for begin in range(0, len(colours), CHUNK)]
    return np.concatenate(parts)


@lru_cache(maxsize=None)
def _products(colormap):
    """(2 t [3, 256], |t|^2 [256]) of the table's colours t, float32."""
    table = color_table(colormap).astype(np.float32)
    return 2 * table.T, (table**2).sum(axis=1)


@lru_cache(maxsize=None)
def _search(colormap):
    """(tree over the table, level + 1 for each of the 2^24 colours met so far, R + 256 G + 65536 B, 0 for others).

    Filled as colours turn up: exact, and cheap because images of one source share most of their colours.
    Threads may fill it at once, since they all write the same value to the same place.
    """
    return cKDTree(color_table(colormap).astype(np.float64)), np.zeros(1 << 24, dtype=np.int16)


def _checked(rgb):
    rgb = np.asarray(rgb)
    if rgb.dtype != np.uint8 or rgb.ndim < 3 or rgb.shape[-1] != 3:
        raise ValueError(f"expected uint8 [..., H, W, 3], got {rgb.dtype} {list(rgb.shape)}")
    return rgb
