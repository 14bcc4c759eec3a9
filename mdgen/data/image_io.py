"""Image files in and out: any colour mode -> one uint8 array of one size, kept in a cache until a file changes; and
generated images back to PNGs in the colours of the training files, or to contact sheets."""

import io
import json
import os
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from mdgen.data.colormap import COLORMAPS, color_table, detect_colormap, is_grey, to_levels
from mdgen.errors import RequestError, RunError
from mdgen.files import digest, whole_file

FORMATS = {"PNG": (".png",), "JPEG": (".jpg", ".jpeg")}   # Pillow's names, and how such files end
EXTENSIONS = tuple(extension for extensions in FORMATS.values() for extension in extensions)
MAX_PIXELS = 50_000_000
DETECTION_SAMPLES = 24
CACHE_FORMAT = 1  # raise it when decoding changes, so that older caches are decoded again


# --- reading ---

def decode_all(paths, settings, workers, progress):
    """(uint8 [N, C, H, W], channels, colormap), with one error for all images that cannot be read."""
    with warnings.catch_warnings(), ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)   # MAX_PIXELS refuses them in one line
        crop = settings.get("crop", ())
        channels, colormap = _resolve(pool, paths, settings["channels"], settings["colormap"], crop)
        size = settings["height"], settings["width"]
        pixels = np.empty((len(paths), 3 if channels == "rgb" else 1, *size), dtype=np.uint8)
        failed = []
        decode = partial(_decode, size, channels, colormap, crop)
        for i, image in enumerate(pool.map(partial(_attempt, decode), paths)):
            if isinstance(image, RequestError):
                failed.append(image)
            else:
                pixels[i] = image
            if progress:
                progress(i + 1, len(paths))
    if failed:
        raise RequestError(f"{len(failed)} of {len(paths)} images cannot be used, first {failed[0]}; expected PNG or "
                           f"JPEG of at most {MAX_PIXELS // 10**6} million pixels. Replace or remove them")
    return pixels, channels, colormap


def _resolve(pool, paths, channels, colormap, crop):
    """Replace "auto" by what a sample of the images shows."""
    if colormap == "auto":
        sample = [paths[i] for i in np.linspace(0, len(paths) - 1, DETECTION_SAMPLES).astype(int)]
        images = pool.map(partial(_attempt, partial(_read, crop=crop)), dict.fromkeys(sample))
        images = [image for image in images if isinstance(image, Image.Image)]
        readable = [np.asarray(image.convert("RGB"))[::2, ::2] for image in images]
        colormap = detect_colormap(readable) if readable else "gray"  # decoding reports what cannot be read
    if colormap is None and channels == "intensity":
        raise RequestError("channels is intensity, but the images fit no known colour map "
                           f"({', '.join(COLORMAPS)}); name the nearest as colormap, or set channels to rgb")
    return ("rgb" if colormap is None else "intensity") if channels == "auto" else channels, colormap


def _decode(size, channels, colormap, crop, path):
    """One file as uint8 [C, H, W]."""
    image = _read(path, floor=(0, 0, 0) if colormap is None else tuple(color_table(colormap)[0].tolist()), crop=crop)
    if channels == "rgb":
        return np.asarray(_resize(image.convert("RGB"), *size)).transpose(2, 0, 1)
    if image.mode == "RGB":
        pixels = np.asarray(image)
        grey = is_grey(pixels[::4, ::4])
        image = image.convert("L") if grey else Image.fromarray(to_levels(pixels, colormap))
    return np.asarray(_resize(image, *size))[None]


def _read(path, floor=(0, 0, 0), crop=()):
    """A file as a PIL image of mode L or RGB, on the colour floor. RequestError names it and the cause."""
    try:
        with Image.open(path, formats=tuple(FORMATS)) as image:
            if image.width * image.height <= MAX_PIXELS:
                return cut(_plain(image, floor), crop)
            reason = f"{image.width}x{image.height} pixels, more than {MAX_PIXELS // 10**6} million"
    except Image.DecompressionBombError:
        reason = f"more than {MAX_PIXELS // 10**6} million pixels"
    except Image.UnidentifiedImageError:
        reason = "not a PNG or JPEG"
    except Exception as error:  # decoders raise whatever a broken file leads them to
        reason = " ".join(str(error).split()) or type(error).__name__
    raise RequestError(f"{shown(path)} ({reason})")


def cut(image, crop):
    """A PIL image without pixels (left, top, right, bottom); crop () cuts none. ValueError where none would be left."""
    if not crop:
        return image
    left, top, right, bottom = crop
    if left + right >= image.width or top + bottom >= image.height:
        raise ValueError(f"{image.height}x{image.width} pixels, of which data.crop={list(crop)} leaves none")
    return image.crop((left, top, image.width - right, image.height - bottom))


def _attempt(task, path):
    try:
        return task(path)
    except RequestError as error:
        return error


def _plain(image, floor):
    if image.mode.startswith("I"):  # 16 bit
        levels = (np.asarray(image).astype(np.int64).clip(0, 65535) * 255 + 32767) // 65535
        return Image.fromarray(levels.astype(np.uint8))
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if "A" in image.getbands() or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255) if mode == "L" else (*floor, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert(mode)


def _resize(image, height, width):
    for size in (width, image.height), (width, height):  # one axis after the other: each may shrink or grow
        shrinks = size[0] <= image.width and size[1] <= image.height
        image = image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    return image


def cached(folder, root, paths, settings, decode):
    """decode()'s result, from `folder` if nothing has changed since it was stored there."""
    stats = [(path.parent.name, path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    key = digest([CACHE_FORMAT, settings, stats])
    index = folder / f"images_{digest([str(root.resolve()), settings])}.json"
    data = index.with_suffix(".npy")
    try:
        entry, stored = json.loads(index.read_bytes()), data.read_bytes()
        if (entry["key"], entry["crc32"]) == (key, zlib.crc32(stored)):
            return np.load(io.BytesIO(stored), allow_pickle=False), entry["channels"], entry["colormap"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent or damaged: decode again
    pixels, channels, colormap = decode()
    buffer = io.BytesIO()
    np.save(buffer, pixels, allow_pickle=False)
    entry = {"key": key, "crc32": zlib.crc32(buffer.getbuffer()), "channels": channels, "colormap": colormap}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in (data, buffer.getbuffer()), (index, json.dumps(entry).encode()):
            with whole_file(path, shared=True) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        raise RunError(f"image cache {shown(folder)} cannot be written ({error.strerror}); make room on that disk, "
                       "or repair the folder, and run the same command again") from None
    return pixels, channels, colormap


def shown(name):
    """A name or path fit for a one-line message."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


# --- pixels, and writing ---

def to_floats(levels):
    """uint8 [...], array or tensor -> float32 in [-1, 1], the range of all networks."""
    return torch.as_tensor(levels).float() / 127.5 - 1


def to_uint8(images):
    """[...] in [-1, 1], clipped -> the nearest of 256 levels, uint8, on the same device."""
    return ((images.detach().float().clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def fitted(images, height: int, width: int):
    """[B, C, H, W] at another size: means of areas where it shrinks, linear between pixels where it grows."""
    if images.shape[-2:] == (height, width):
        return images
    return F.interpolate(images, (height, width), mode="bilinear", antialias=True)


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
    from torchvision.utils import make_grid  # seconds to load, which reading does not need

    cells = torch.from_numpy(pixels).movedim(-1, 1)
    cells = cells.repeat_interleave(magnify, dim=2).repeat_interleave(magnify, dim=3)
    return make_grid(cells, nrow=columns, padding=2, pad_value=255).movedim(0, -1).numpy()


def save_rows(rows, path: Path, colormap: str | None) -> None:
    """Write a contact sheet; rows: list of equally long batches [N, C, H, W], one row of the sheet each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, grid(to_pixels(torch.cat([row.cpu() for row in rows]), colormap), len(rows[0])))
