import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from mdgen.data.colormap import to_color, to_levels
from mdgen.data.columns import canvases, count_columns, from_columns, longest, to_columns, used_columns

WIDTH = 128


def walk(count, seed=0, height=96):
    """Levels [height, count] of a band that swings, with speckle: columns that differ from their neighbours."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :count]
    centre = height * (0.5 + 0.2 * np.sin(8 * np.pi * columns / count))
    speckle = gaussian_filter(rng.random((height, count)), (2, 0))
    level = 220 * np.exp(-((rows - centre) / 9) ** 2) * (0.5 + 0.5 * speckle)
    return np.where(level > 12, level, 0).round()


def enlarged(columns, width=WIDTH):
    return from_columns(columns[..., None], width)[..., 0]


@pytest.mark.parametrize("count", [20, 27, 33, 41, 50, 57])
def test_the_number_of_columns_is_found_exactly(count):
    picture = enlarged(walk(count, seed=count))
    assert count_columns(picture) == count
    noisy = (picture + np.random.default_rng(1).normal(0, 6, picture.shape)).clip(0, 255)
    assert count_columns(noisy) == count


def test_it_is_found_in_a_jpeg_in_colours_that_pillow_has_enlarged(tmp_path):
    """An independent way there: painted first, enlarged without interpolation, compressed."""
    columns = walk(50, height=128)
    Image.fromarray(to_color(columns / 255)).resize((256, 128), Image.Resampling.NEAREST).save(
        tmp_path / "a.jpg", quality=75)
    levels = to_levels(np.asarray(Image.open(tmp_path / "a.jpg")))
    assert count_columns(levels) == 50
    assert np.abs(to_columns(levels, 50) - columns).mean() < 6


@pytest.mark.parametrize("picture", [
    np.random.default_rng(0).random((96, WIDTH)) * 255,
    gaussian_filter(np.random.default_rng(0).random((96, WIDTH)) * 255, 2),
    np.asarray(Image.fromarray(walk(40).astype(np.uint8)).resize((WIDTH, 96), Image.Resampling.BICUBIC)),
    walk(WIDTH), np.zeros((96, WIDTH)), walk(3)], ids=["noise", "smooth", "bicubic", "native", "empty", "narrow"])
def test_what_was_not_enlarged_has_no_columns(picture):
    assert count_columns(picture) is None


def test_columns_come_back_exactly_and_areas_are_kept():
    for count in (20, 37, 60):
        columns = walk(count, seed=count)
        picture = enlarged(columns)
        assert np.allclose(to_columns(picture, count), columns, atol=1e-9)
        assert picture.sum() / WIDTH == pytest.approx(columns.sum() / count)
    colours = np.random.default_rng(0).random((2, 5, 7, 3))
    assert from_columns(colours, 31).shape == (2, 5, 31, 3)


def test_a_canvas_holds_the_columns_and_then_the_floor_and_says_where_they_end():
    counts = [30, 41, 37]
    pictures = np.stack([enlarged(walk(count, seed=count)).round().astype(np.uint8) for count in counts])[:, None]
    found = canvases(pictures, 48)
    assert found.shape == (3, 1, 96, 48) and found.dtype == np.uint8
    for canvas, count in zip(found[:, 0], counts):
        assert used_columns(canvas) == count and not canvas[:, count:].any()
        assert np.abs(canvas[:, :count] - walk(count, seed=count)).max() <= 1
        hazy = canvas.astype(int) + np.random.default_rng(0).integers(0, 25, canvas.shape)
        assert used_columns(hazy) == count
        stray = canvas.copy()   # echoes that a generator leaves behind the end, as strong as any
        stray[::24, count + 2:] = canvas.max()
        assert used_columns(stray) == count
    assert used_columns(np.zeros((96, 48))) == 48   # nothing to go by


def test_what_is_longer_than_the_room_is_cut_into_so_many_and_what_shows_no_steps_into_the_usual_number():
    pictures = [enlarged(walk(count, seed=count)) for count in (30, 30, 60)] + [walk(WIDTH)]
    pictures = np.stack(pictures).round().astype(np.uint8)[:, None]
    found = canvases(pictures, 48)
    assert [used_columns(canvas[0]) for canvas in found] == [30, 30, 48, 30]


def test_a_folder_is_read_by_columns_where_most_of_its_pictures_were_enlarged():
    enlarged_ones = [enlarged(walk(count, seed=count)) for count in (30, 34, 38, 40)]
    plain = [walk(WIDTH, seed=1), walk(WIDTH, seed=2)]
    assert longest(np.stack(enlarged_ones + plain[:1])[:, None]) == 40
    assert longest(np.stack(enlarged_ones[:2] + plain)[:, None]) == 0


def test_canvases_are_kept_by_content(tmp_path):
    pictures = np.stack([enlarged(walk(30))]).round().astype(np.uint8)[:, None]
    first = canvases(pictures, 40, tmp_path)
    (file,) = tmp_path.glob("*.npz")
    assert np.array_equal(canvases(pictures, 40, tmp_path), first)
    file.write_bytes(b"broken")
    assert np.array_equal(canvases(pictures, 40, tmp_path), first)
    canvases(pictures // 2, 40, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2
