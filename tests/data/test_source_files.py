import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from mdgen.data.source_files import FileFormat


def picture(height=40, width=56, seed=0):
    """Smooth colours, so that JPEG has something to keep."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("quality, subsampling", [(75, 2), (75, 1), (92, 0), (30, 2)])
def test_a_jpeg_is_written_with_the_tables_and_the_subsampling_of_its_source(tmp_path, quality, subsampling):
    source = saved(tmp_path / "a.jpg", picture(), quality=quality, subsampling=subsampling)
    form = FileFormat.of_file(source)
    assert (form.kind, form.height, form.width, form.mode, form.suffix) == ("JPEG", 40, 56, "RGB", ".jpg")
    form.write(tmp_path / "b.jpg", picture(seed=1))
    with Image.open(source) as first, Image.open(tmp_path / "b.jpg") as second:
        assert first.quantization == second.quantization and first.size == second.size
        assert JpegImagePlugin.get_sampling(second) == subsampling
    # the same pixels give the same bytes but for what a header may say
    form.write(tmp_path / "c.jpg", picture())
    assert np.array_equal(np.asarray(Image.open(tmp_path / "c.jpg")), np.asarray(Image.open(source)))


@pytest.mark.parametrize("mode, depth", [("L", np.uint8), ("I;16", np.uint16)])
def test_gray_files_stay_gray_of_their_depth(tmp_path, mode, depth):
    levels = np.arange(40 * 56, dtype=np.uint16).reshape(40, 56) % 256
    source = saved(tmp_path / "a.png", (levels * 257).astype(depth) if mode == "I;16" else levels.astype(depth))
    form = FileFormat.of_file(source)
    assert form == FileFormat("PNG", 40, 56, mode)
    form.write(tmp_path / "b.png", np.repeat(levels[..., None].astype(np.uint8), 3, axis=2))
    with Image.open(source) as first, Image.open(tmp_path / "b.png") as second:
        assert first.mode == second.mode and np.array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_files_of_16_bits_are_written_with_the_bits_that_their_sources_fill(tmp_path, bits, ending):
    full = 2**bits - 1
    ramp = np.linspace(0, full, 40 * 56).reshape(40, 56).round().astype(np.uint16)
    paths = [saved(tmp_path / f"{k}.{ending}", ramp // (4 - k)) for k in range(4)]   # the first alone would be darker
    form = FileFormat.of_most(paths)
    assert (form.mode, form.depth, form.suffix) == ("I;16", bits, f".{ending}")
    levels = np.arange(256, dtype=np.uint8).repeat(9)[:40 * 56].reshape(40, 56)
    written = np.asarray(Image.open(io.BytesIO(form.encode(np.dstack([levels] * 3)))))
    assert written.dtype == np.uint16 and np.abs(written - levels / 255 * full).max() <= 0.5
    assert FileFormat.of_values(form.to_values()) == form


@pytest.mark.parametrize("ending, options, exact", [
    ("tif", {}, True), ("bmp", {}, True), ("webp", {"lossless": True}, True), ("webp", {"quality": 80}, False)])
def test_other_kinds_stay_what_they_are(tmp_path, ending, options, exact):
    form = FileFormat.of_file(saved(tmp_path / f"a.{ending}", picture(), **options))
    assert form.suffix == f".{ending}" and form.lossless is exact
    form.write(tmp_path / f"b.{ending}", picture(seed=1))
    with Image.open(tmp_path / f"b.{ending}") as image:
        assert image.format == form.kind
        error = np.abs(np.asarray(image).astype(int) - picture(seed=1)).mean()
    assert error == 0 if exact else 0 < error < 12
    assert FileFormat.of_file(tmp_path / f"b.{ending}") == form


def test_gray_jpeg(tmp_path):
    source = saved(tmp_path / "a.jpg", picture()[..., 0], quality=80)
    form = FileFormat.of_file(source)
    assert form.mode == "L" and len(form.tables) == 1
    assert Image.open(io.BytesIO(form.encode(picture()))).mode == "L"


def test_the_most_common_size_and_then_its_most_common_kind(tmp_path):
    paths = [saved(tmp_path / f"{k}.png", picture()) for k in range(3)]
    paths += [saved(tmp_path / f"j{k}.jpg", picture(), quality=75) for k in range(2)]
    paths += [saved(tmp_path / f"o{k}.jpg", picture(32, 32), quality=90) for k in range(4)]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    form = FileFormat.of_most([broken, *paths])
    assert (form.kind, form.height, form.width) == ("PNG", 40, 56)
    assert FileFormat.of_most([broken]) is None and FileFormat.of_most([]) is None


def test_a_format_survives_json_and_nonsense_is_refused(tmp_path):
    form = FileFormat.of_file(saved(tmp_path / "a.jpg", picture(), quality=60))
    values = form.to_values()
    assert FileFormat.of_values({**values, "tables": [list(table) for table in values["tables"]]}) == form
    for change in ({"kind": "GIF"}, {"height": 0}, {"height": "40"}, {"mode": "CMYK"}, {"subsampling": 7},
                   {"tables": [[1] * 63]}, {"tables": [[0] * 64]}):
        with pytest.raises((ValueError, TypeError)):
            FileFormat.of_values({**values, **change})
