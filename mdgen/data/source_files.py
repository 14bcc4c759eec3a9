"""How a user's own files are made, so that generated ones can be written likewise: size, type, JPEG tables, depth."""

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin

from mdgen.data.image_io import DEPTHS, FORMATS, depth_of
from mdgen.errors import RequestError
from mdgen.files import whole_file

SAMPLE = 200            # files whose headers are read, evenly spaced
QUALITY = 95            # of JPEG files whose sources are none
WEBP_QUALITY = 80       # of lossy WebP, Pillow's default: no file tells its own
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif", "BMP": ".bmp", "WEBP": ".webp", "NPY": ".npy"}


@dataclass(frozen=True)
class FileFormat:
    """What a picture file is beside its pixels.

    kind: "PNG", "JPEG", "TIFF" (written without compression), "BMP", "WEBP", or "NPY" for float32 arrays, which no
    source is. height, width: pixels. mode: "RGB", "L" (8 bit gray) or "I;16" (16 bit gray, PNG and TIFF alone).
    tables: a JPEG's quantization tables, 64 integers each; () for all other kinds, and for a JPEG of QUALITY.
    subsampling: of a JPEG's chroma, 0 none (4:4:4), 1 halves its columns (4:2:2), 2 its rows, too (4:2:0). depth: bits
    that the values of "I;16" fill, as of `depth_of`. lossless: of WebP; what is not is written with WEBP_QUALITY.
    """

    kind: str
    height: int
    width: int
    mode: str = "RGB"
    tables: tuple = ()
    subsampling: int = 0
    depth: int = 16
    lossless: bool = True

    def __post_init__(self):
        sizes = all(type(side) is int and 0 < side < 65536 for side in (self.height, self.width))
        if self.kind not in SUFFIXES or self.mode not in ("RGB", "L", "I;16") or not sizes or (
                self.subsampling not in (0, 1, 2) or self.depth not in DEPTHS or type(self.lossless) is not bool):
            raise ValueError(f"{self} is no format of a picture file")
        tables = tuple(tuple(int(entry) for entry in table) for table in self.tables)
        if any(len(table) != 64 or not all(0 < entry < 256 for entry in table) for table in tables):
            raise ValueError("expected JPEG tables of 64 entries from 1 to 255")
        object.__setattr__(self, "tables", tables)

    @staticmethod
    def of_file(path: Path) -> "FileFormat | None":
        """From a file's header alone; None for what is no picture that can be read."""
        try:
            with Image.open(path, formats=tuple(FORMATS)) as image:
                mode = "I;16" if image.mode.startswith("I") else "L" if image.mode in ("1", "L", "LA") else "RGB"
                found = FileFormat(image.format, image.height, image.width, mode)
                if image.format == "WEBP":
                    return replace(found, lossless=b"VP8L" in path.read_bytes()[12:64])   # the first chunk of pixels
                if image.format != "JPEG":
                    return found
                sampling = max(JpegImagePlugin.get_sampling(image), 0)
                tables = tuple(tuple(image.quantization[key]) for key in sorted(image.quantization))
                return replace(found, tables=tables, subsampling=0 if mode == "L" else sampling)
        except Exception:   # decoders raise whatever a broken file leads them to; who decodes it says so
            return None

    @staticmethod
    def of_most(paths, crop: tuple = ()) -> "FileFormat | None":
        """The format that most of the files have (of at most SAMPLE of them), its depth that of all; None if none can
        be read.

        crop: pixels (left, top, right, bottom) that its size is given without.
        """
        rows = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), SAMPLE)).round().astype(int))
        with ThreadPoolExecutor() as pool:
            found = [form for form in pool.map(FileFormat.of_file, [paths[row] for row in rows]) if form]
        if not found:
            return None
        (height, width), _ = Counter((form.height, form.width) for form in found).most_common(1)[0]
        most = Counter(form for form in found if (form.height, form.width) == (height, width)).most_common(1)[0][0]
        left, top, right, bottom = crop or (0, 0, 0, 0)
        if left + right >= width or top + bottom >= height:
            raise RequestError(f"data.crop is {list(crop)}, which leaves nothing of files of {height} x {width} "
                               "pixels; expected pixels to cut at the left, top, right and bottom")
        most = replace(most, height=height - top - bottom, width=width - left - right)
        return replace(most, depth=depth_of(paths) or most.depth) if most.mode == "I;16" else most

    @staticmethod
    def of_values(values: dict) -> "FileFormat":
        """From `to_values`; ValueError or TypeError for anything else."""
        return FileFormat(**values)

    def to_values(self) -> dict:
        return asdict(self)

    @property
    def suffix(self) -> str:
        return SUFFIXES[self.kind]

    @property
    def name(self) -> str:
        """One word for a manifest, such as JPEG-256x256."""
        return f"{self.kind}-{self.height}x{self.width}"

    def encode(self, pixels) -> bytes:
        """uint8 [H, W, 3] of the format's own size as the bytes of a file; a gray mode takes the first channel."""
        image, stream = Image.fromarray(pixels), io.BytesIO()
        if self.mode != "RGB":
            levels = np.ascontiguousarray(pixels[..., 0])
            image = Image.fromarray(self._deep(levels) if self.mode == "I;16" else levels)
        image.save(stream, format=self.kind, **self._options())
        return stream.getvalue()

    def write(self, path: Path, pixels) -> None:
        with whole_file(path) as temporary:
            temporary.write_bytes(self.encode(pixels))

    def _deep(self, levels):
        """uint8 [H, W] with 255 at the depth's full scale, uint16."""
        full = (1 << self.depth) - 1
        return ((levels.astype(np.int64) * 2 * full + 255) // 510).astype(np.uint16)

    def _options(self) -> dict:
        if self.kind == "WEBP":
            return {"lossless": True} if self.lossless else {"quality": WEBP_QUALITY}
        if self.kind != "JPEG":
            return {}
        compression = {"qtables": [list(table) for table in self.tables]} if self.tables else {"quality": QUALITY}
        return compression | ({} if self.mode == "L" else {"subsampling": self.subsampling})
