"""Nothing between reader and writer moves a Doppler row or a moment: a row is a speed, and one row of 64 tells people
apart."""

import numpy as np
import pytest
from PIL import Image

from mdgen.data.colormap import to_color, to_levels
from mdgen.data.image_io import to_pixels, write_png
from mdgen.data.user_folders import UserFolders

ROWS = "rows", "columns"    # the user whose bands lie along them
SIDE, DEVIATION = 256, 5
PLACES = np.linspace(80, 172, 24) + 0.37      # in pixels from the upper or left edge; no centre and no edge of one


def place(profile):
    """Intensity-weighted place of profile [n], in pixels of it from the edge."""
    return (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()


@pytest.fixture(scope="module")
def bands(tmp_path_factory):
    """A folder of pictures with one smooth band each: of user "rows" horizontal ones, of "columns" vertical ones."""
    folder = tmp_path_factory.mktemp("bands")
    for name in ROWS:
        (folder / name).mkdir()
        for index, centre in enumerate(PLACES):
            profile = np.exp(-0.5 * ((np.arange(SIDE) + 0.5 - centre) / DEVIATION) ** 2)
            picture = to_color(np.tile(profile, (SIDE, 1)), "jet")
            Image.fromarray(picture.swapaxes(0, 1) if name == "rows" else picture).save(folder / name / f"{index}.png")
    return folder


@pytest.mark.parametrize("height, width", [(64, 64), (96, 96), (128, 128), (256, 256), (64, 128), (320, 96)])
def test_a_band_stays_where_it_is_from_reader_to_writer(bands, tmp_path, height, width):
    read = UserFolders(bands, height=height, width=width)
    assert read.colormap == "jet" and read.images.shape == (2 * len(PLACES), 1, height, width)
    for index, pixels in enumerate(to_pixels(read.floats(list(range(len(read)))), "jet")):
        write_png(tmp_path / "written.png", pixels)
        levels = to_levels(np.asarray(Image.open(tmp_path / "written.png")), "jet").astype(np.float64)
        along = index // len(PLACES)                            # users in natural order: columns, rows
        profile = levels.sum(axis=1 if read.users[along] == "rows" else 0)
        expected = PLACES[index % len(PLACES)] * len(profile) / SIDE
        assert place(profile) == pytest.approx(expected, abs=0.05)


def test_the_writer_s_file_is_read_where_it_was_written(bands, tmp_path):
    """A generated image that is judged goes once more through the reader, at its own size."""
    read = UserFolders(bands, height=64, width=64)
    for user in read.users:
        (tmp_path / user).mkdir()
    for path, pixels in zip(read.paths, to_pixels(read.floats(list(range(len(read)))), "jet")):
        write_png(tmp_path / path.parent.name / path.name, pixels)
    again = UserFolders(tmp_path, height=64, width=64)
    assert np.array_equal(again.images.numpy(), read.images.numpy())
