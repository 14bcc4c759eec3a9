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
from PIL import Image, ImageChops
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION as PHOTOMETRIC
from torch.nn import functional as F

from mdgen.data.colormap import COLORMAPS, color_table, detect_colormap, is_grey, packed_to_levels
from mdgen.errors import RequestError, RunError
from mdgen.files import digest, whole_file

FORMATS = {"PNG": (".png",), "JPEG": (".jpg", ".jpeg", ".jfif"), "TIFF": (".tif", ".tiff"), "BMP": (".bmp",),
           "WEBP": (".webp",)}   # Pillow's names, and how such files end
EXTENSIONS = tuple(extension for extensions in FORMATS.values() for extension in extensions)
KINDS = "PNG, JPEG, TIFF, BMP or WEBP"
MAX_PIXELS = 50_000_000
DETECTION_SAMPLES = 24
DEPTHS = 8, 10, 12, 14, 16   # bits that radars and cameras put into 16-bit files
CACHE_FORMAT = 2  # raise it when decoding changes, so that older caches are decoded again


# --- reading ---

def decode_all(paths, settings, workers, progress):
    """(uint8 [N, C, H, W], channels, colormap), with one error for all images that cannot be read.

    settings: height, width, channels, colormap; depth, the bits of what 16-bit files hold, or None for `depth_of`;
    crop, pixels that are cut from every file (left, top, right, bottom), () or absent for none.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)   # MAX_PIXELS refuses them in one line
        read = partial(read_picture, depth=settings.get("depth") or depth_of(paths), crop=settings.get("crop", ()))
        channels, colormap = _resolve(pool, paths, settings["channels"], settings["colormap"], read)
        size = settings["height"], settings["width"]
        pixels = np.empty((len(paths), 3 if channels == "rgb" else 1, *size), dtype=np.uint8)
        failed = []
        decode = partial(_decode, size, channels, colormap, read)
        for i, image in enumerate(pool.map(partial(_attempt, decode), paths)):
            if isinstance(image, RequestError):
                failed.append(image)
            else:
                pixels[i] = image
            if progress:
                progress(i + 1, len(paths))
    if failed:
        raise RequestError(f"{len(failed)} of {len(paths)} images cannot be used, first {failed[0]}; expected {KINDS} "
                           f"of at most {MAX_PIXELS // 10**6} million pixels. Replace or remove them")
    return pixels, channels, colormap


def depth_of(paths, workers: int | None = None) -> int | None:
    """Bits that the values of 16-bit gray files fill, one of DEPTHS; None where there are none among the paths.

    One depth for all of them, the least that holds their greatest value: 12-bit radars and cameras write 0 to 4095
    into files of 16 bits. Files named as JPEG, which has 8, are not opened, nor are files that cannot be read an error.
    """
    suspects = [path for path in paths if not str(path).lower().endswith(FORMATS["JPEG"])]
    greatest = None
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for group in range(0, len(suspects), 64):
            found = [value for value in pool.map(_greatest, suspects[group:group + 64]) if value is not None]
            greatest = max([*found, *([] if greatest is None else [greatest])], default=None)
            if greatest is not None and greatest >> DEPTHS[-2]:
                break   # no deeper one
    return None if greatest is None else next((bits for bits in DEPTHS if greatest < 1 << bits), DEPTHS[-1])


def _greatest(path) -> int | None:
    """The greatest value of a 16-bit gray file; None for all else."""
    try:
        with Image.open(path, formats=tuple(FORMATS)) as image:
            deep = image.mode.startswith("I") and image.width * image.height <= MAX_PIXELS
            return int(np.asarray(image).max()) if deep else None
    except Exception:   # decoders raise whatever a broken file leads them to; who decodes it says so
        return None


def _resolve(pool, paths, channels, colormap, read):
    """Replace "auto" by what a sample of the images shows."""
    if colormap == "auto":
        sample = [paths[i] for i in np.linspace(0, len(paths) - 1, DETECTION_SAMPLES).astype(int)]
        images = pool.map(partial(_attempt, read), dict.fromkeys(sample))
        readable = [np.asarray(image.convert("RGB")) for image in images if isinstance(image, Image.Image)]
        try:
            colormap = detect_colormap(readable) if readable else "gray"  # decoding reports what cannot be read
        except RequestError:
            if channels != "rgb":
                raise
            colormap = None
    if colormap is None and channels == "intensity":
        raise RequestError("channels is intensity, but the images fit no known colour map "
                           f"({', '.join(COLORMAPS)}); name the nearest as colormap, or set channels to rgb")
    return ("rgb" if colormap is None else "intensity") if channels == "auto" else channels, colormap


def _decode(size, channels, colormap, read, path):
    """One file as uint8 [C, H, W]."""
    image = read(path, (0, 0, 0) if colormap is None else tuple(color_table(colormap)[0].tolist()))
    if channels == "rgb":
        return np.asarray(_resize(image.convert("RGB"), *size)).transpose(2, 0, 1)
    return np.asarray(_resize(intensities(image, colormap), *size))[None]


def intensities(image, colormap):
    """A PIL image of mode L or RGB, painted in `colormap`, as levels: mode L, 0 weakest to 255 strongest."""
    if image.mode == "RGB":
        packed = np.frombuffer(image.tobytes("raw", "RGBX"), dtype="<u4").reshape(image.height, image.width) & 0xFFFFFF
        sparse = packed[::4, ::4, None].astype("<u4").view(np.uint8)[..., :3]
        if not colormap.startswith(("bone", "gray")) and is_grey(sparse):
            return image.convert("L")   # intensities among images in colour
        return Image.fromarray(packed_to_levels(packed, colormap))
    return ImageChops.invert(image) if colormap == "gray_r" else image


def read_picture(path, floor=(0, 0, 0), depth=None, crop=()):
    """A file as a PIL image of mode L or RGB, cropped, on the colour floor. RequestError names it and the cause."""
    try:
        with Image.open(path, formats=tuple(FORMATS)) as image:
            if image.width * image.height <= MAX_PIXELS:
                return cut(_plain(image, floor, depth or DEPTHS[-1]), crop)
            reason = f"{image.width}x{image.height} pixels, more than {MAX_PIXELS // 10**6} million"
    except Image.DecompressionBombError:
        reason = f"more than {MAX_PIXELS // 10**6} million pixels"
    except Image.UnidentifiedImageError:
        reason = f"not a {KINDS}"
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


def _plain(image, floor, depth):
    pages = getattr(image, "n_frames", 1)
    if pages > 1 and image.format in ("TIFF", "WEBP"):   # a PNG's or JPEG's first picture is the one that all show
        raise ValueError(f"{pages} pages, of which none is the image; write each into a file of its own")
    if image.mode == "F" or image.mode.startswith("I"):
        return _eight_bits(image, (1 << depth) - 1)
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if "A" in image.getbands() or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255) if mode == "L" and len({*floor}) > 1 else (*floor, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert(mode)


def _eight_bits(image, full: int):
    """A gray image of more than 8 bits as one of 8, with `full` at 255."""
    if image.mode == "F":
        raise ValueError("floating point, whose full scale no file tells; write 8 or 16 bits")
    if image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == 0:
        raise ValueError("16 bits whose 0 is white; write it with 0 as black")
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > full:
        raise ValueError(f"values from {values.min()} to {values.max()}, expected 0 to {full}")
    return Image.fromarray(((values * 510 + full) // (2 * full)).astype(np.uint8))


def _resize(image, height, width):
    for size in (width, image.height), (width, height):  # one axis after the other: each may shrink or grow
        shrinks = size[0] <= image.width and size[1] <= image.height
        image = image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    return image


def cached(folder, root, paths, settings, decode):
    """decode()'s result, from `folder` if nothing has changed since it was stored there."""
    stats = [(path.parent.relative_to(root).as_posix(), path.name, found.st_size, found.st_mtime_ns)
             for path in paths for found in (path.stat(),)]
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
