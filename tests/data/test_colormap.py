import io

import numpy as np
import pytest
from PIL import Image

from mdgen.data.colormap import COLORMAPS, color_table, detect_colormap, is_grey, misfit, to_color, to_intensity


def speckle(seed, height=96, width=80):
    """A smooth ridge with speckle of 4x4 pixels, as in images enlarged for print; intensities in [0, 1]."""
    rows = np.linspace(-1, 1, height)[:, None]
    ridge = np.exp(-((rows - 0.4 * np.sin(np.linspace(0, 12, width))) ** 2) / 0.05)
    noise = np.random.default_rng(seed).random((height // 4, width // 4)).repeat(4, axis=0).repeat(4, axis=1)
    return (0.75 * ridge + 0.25 * noise).astype(np.float32)


def as_jpeg(rgb, quality):
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_every_level_survives_the_round_trip(colormap):
    levels = (np.arange(256) / 255).astype(np.float32).reshape(2, 8, 16)
    assert len(np.unique(color_table(colormap), axis=0)) == 256
    assert to_color(levels, colormap).shape == (2, 8, 16, 3)
    assert np.array_equal(to_intensity(to_color(levels, colormap), colormap), levels)


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_any_colour_is_read_as_the_nearest_of_the_table(colormap):
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    table = color_table(colormap).astype(int)
    squares = ((rgb[:, :, None].astype(int) - table) ** 2).sum(axis=-1)
    read = np.rint(to_intensity(rgb, colormap) * 255).astype(int)
    chosen = np.take_along_axis(squares, read[..., None], axis=-1)[..., 0]
    assert np.array_equal(chosen, squares.min(axis=-1))
    assert misfit(rgb, colormap) == pytest.approx(np.sqrt(squares.min(axis=-1)).mean(), rel=1e-5)


def test_the_tables_pass_through_their_known_colours():
    assert color_table("jet")[[0, 31, 95, 159, 223, 255]].tolist() == [
        [0, 0, 131], [0, 0, 255], [0, 255, 255], [255, 255, 0], [255, 0, 0], [128, 0, 0]]
    known = {"viridis": {0: (68, 1, 84), 128: (33, 145, 140), 255: (253, 231, 37)},
             "parula": {0: (62, 38, 168), 128: (20, 190, 184), 255: (249, 251, 21)}}
    for name, colours in known.items():
        for level, colour in colours.items():
            assert np.abs(color_table(name)[level].astype(int) - colour).max() <= 3


@pytest.mark.parametrize("name, levels", [("viridis", 1), ("jet", 9), ("gray", 1)])
def test_matplotlib_images_are_read(name, levels):
    matplotlib = pytest.importorskip("matplotlib")
    rgb = matplotlib.colormaps[name](np.arange(256)[None], bytes=True)[..., :3]
    assert np.abs(to_intensity(rgb, name) * 255 - np.arange(256)).max() <= levels + 1e-3


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_compressed_images_are_recovered_and_recognised(colormap):
    intensity = speckle(seed=1)
    damaged = as_jpeg(to_color(intensity, colormap), quality=75)
    assert np.abs(to_intensity(damaged, colormap) - intensity).mean() < 0.035
    others = [as_jpeg(to_color(speckle(seed), colormap), quality=50) for seed in range(3)]
    assert detect_colormap(others) == colormap


def test_other_colours_are_not_taken_for_a_known_map():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    swapped = to_color(speckle(0), "viridis")[..., [2, 0, 1]]
    assert detect_colormap([noise]) is None
    assert detect_colormap([swapped]) is None


def test_grey_images_among_coloured_ones_do_not_decide():
    grey, coloured = to_color(speckle(0), "gray"), to_color(speckle(1), "parula")
    assert is_grey(grey) and not is_grey(coloured)
    assert detect_colormap([grey, grey, coloured]) == "parula"
    assert detect_colormap([grey, grey]) == "gray"


def test_values_outside_the_range_are_clipped_and_wrong_input_is_refused():
    assert np.array_equal(to_color(np.array([[-3.0, 7.0]])), color_table("jet")[[0, 255]][None])
    with pytest.raises(ValueError, match="NaN"):
        to_color(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="'cividis'"):
        to_color(np.zeros((2, 2)), "cividis")
    with pytest.raises(ValueError, match="uint8"):
        to_intensity(np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="at least one"):
        detect_colormap([])
