import os

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.data.colormap import color_table, to_levels
from mdgen.data.image_io import grid, save_rows, to_floats, to_pixels, to_uint8, write_png


def levels_as_images(levels):
    return torch.tensor(levels, dtype=torch.float32)[:, None] / 127.5 - 1


@pytest.mark.parametrize("colormap", ["jet", "parula", "viridis", "gray"])
def test_all_256_levels_keep_their_colour(colormap):
    pixels = to_pixels(levels_as_images(np.arange(256).reshape(1, 16, 16)), colormap)
    assert pixels.dtype == np.uint8 and np.array_equal(pixels.reshape(256, 3), color_table(colormap))


def test_without_a_map_one_channel_is_gray_and_three_stay_in_place():
    levels = np.arange(256).reshape(1, 16, 16)
    assert np.array_equal(to_pixels(levels_as_images(levels), None)[..., 0], levels)
    rgb = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(2, 3, 4, 5)
    assert np.array_equal(to_pixels(rgb, None),
                          np.broadcast_to(np.array([0, 128, 255], np.uint8), (2, 4, 5, 3)))


def test_values_out_of_range_are_the_range_s_ends():
    pixels = to_pixels(torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2), "gray")
    assert pixels.ravel().tolist() == [0, 0, 0, 255, 255, 255]


def test_row_zero_is_the_top_of_the_file(tmp_path):
    images = -torch.ones(1, 1, 4, 6)
    images[0, 0, 0] = 1
    write_png(tmp_path / "a.png", to_pixels(images, "jet")[0])
    read = to_levels(np.asarray(Image.open(tmp_path / "a.png")), "jet")
    assert read.shape == (4, 6) and (read[0] == 255).all() and (read[1:] == 0).all()


def test_a_failed_write_leaves_the_old_image(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_png(path, np.zeros((4, 4, 3), np.uint8))
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace",
                        lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError):
        write_png(path, np.full((4, 4, 3), 9, np.uint8))
    assert path.read_bytes() == before


def test_a_sheet_shows_every_image_in_its_place(tmp_path):
    rows = [torch.stack([torch.full((1, 4, 6), (3 * r + c) / 3 - 1) for c in range(3)]) for r in range(2)]
    save_rows(rows, tmp_path / "new" / "sheet.png", "gray")
    sheet = np.asarray(Image.open(tmp_path / "new" / "sheet.png"))
    assert sheet.shape == (2 * (8 + 2) + 2, 3 * (12 + 2) + 2, 3)
    for r in range(2):
        for c in range(3):
            cell = sheet[2 + 10 * r:10 + 10 * r, 2 + 14 * c:14 + 14 * c]
            assert np.array_equal(np.unique(cell), np.unique(to_pixels(rows[r][c:c + 1], "gray")))


def test_grid_enlarges_by_whole_pixels():
    pixels = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    sheet = grid(pixels, 2, magnify=3)
    assert np.array_equal(sheet[2:8:3, 2:8:3], pixels[0])


def test_levels_and_floats_are_each_others_inverse():
    levels = np.arange(256, dtype=np.uint8)
    floats = to_floats(levels)
    assert floats.dtype == torch.float32 and (floats[0], floats[255]) == (-1, 1) and (floats.diff() > 0).all()
    assert np.array_equal(to_uint8(floats).numpy(), levels)
    assert to_uint8(torch.tensor([-9.0, 9.0])).tolist() == [0, 255]
