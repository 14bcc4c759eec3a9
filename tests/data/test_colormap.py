import io

import numpy as np
import pytest
from PIL import Image

from mdgen.config.schema import DataConfig
from mdgen.data.colormap import (
    COLORMAPS,
    candidates,
    color_table,
    detect_colormap,
    is_grey,
    misfit,
    to_color,
    to_intensity,
)
from mdgen.errors import RequestError

REVERSED = [f"{name}_r" for name in COLORMAPS]


def speckle(seed, height=96, width=80):
    """A smooth ridge with speckle of 4x4 pixels, as in images enlarged for print; intensities in [0, 1]."""
    rows = np.linspace(-1, 1, height)[:, None]
    ridge = np.exp(-((rows - 0.4 * np.sin(np.linspace(0, 12, width))) ** 2) / 0.05)
    noise = np.random.default_rng(seed).random((height // 4, width // 4)).repeat(4, axis=0).repeat(4, axis=1)
    return (0.75 * ridge + 0.25 * noise).astype(np.float32)


def as_jpeg(rgb, quality):
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
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
             "parula": {0: (62, 38, 168), 128: (20, 190, 184), 255: (249, 251, 21)},         # MATLAB R2017b
             "parula_old": {0: (53, 42, 135), 51: (16, 118, 220), 255: (249, 251, 14)},     # MATLAB R2014b
             "turbo": {0: (48, 18, 59), 128: (164, 252, 60), 255: (122, 4, 3)},
             "inferno": {0: (0, 0, 4), 128: (188, 55, 84), 255: (252, 255, 164)},
             "magma": {0: (0, 0, 4), 128: (183, 55, 121), 255: (252, 253, 191)},
             "plasma": {0: (13, 8, 135), 128: (204, 71, 120), 255: (240, 249, 33)},
             "hot": {0: (3, 0, 0), 95: (255, 0, 0), 191: (255, 255, 0), 255: (255, 255, 255)},
             "bone": {0: (0, 0, 1), 128: (112, 123, 144), 255: (255, 255, 255)},
             "hsv": {0: (255, 0, 0), 128: (0, 255, 255), 255: (255, 0, 6)}}
    for name, colours in known.items():
        for level, colour in colours.items():
            assert np.abs(color_table(name)[level].astype(int) - colour).max() <= 3


def test_reversed_maps_are_the_same_colours_from_the_other_end_and_all_are_choices_of_a_run():
    for name in COLORMAPS:
        assert np.array_equal(color_table(f"{name}_r"), color_table(name)[::-1])
    assert DataConfig.__dataclass_fields__["colormap"].metadata["among"] == ("auto", *COLORMAPS, *REVERSED)
    assert COLORMAPS[-1] == "gray"


@pytest.mark.parametrize("name, levels", [("viridis", 1), ("jet", 9), ("gray", 1), ("turbo", 1), ("inferno", 1),
                                          ("magma", 1), ("plasma", 1), ("bone", 1), ("hot", 3)])
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


@pytest.mark.parametrize("name", REVERSED)
def test_reversed_maps_are_known_by_their_floor(name):
    images = [as_jpeg(to_color(speckle(seed), name), quality=75) for seed in range(3)]
    assert detect_colormap(images) == name == candidates(images)[0][0]
    read = np.stack([to_intensity(image, name) for image in images])
    assert np.corrcoef(read.ravel(), np.stack([speckle(seed) for seed in range(3)]).ravel())[0, 1] > 0.97


def test_a_high_floor_is_a_floor_still():
    for name, found in ("jet", "jet"), ("gray_r", "gray_r"):
        assert detect_colormap([to_color(0.6 + 0.4 * speckle(seed), name) for seed in range(3)]) == found


def test_hsv_is_known_and_refused_since_its_ends_are_one_colour():
    images = [as_jpeg(to_color(speckle(seed), "hsv"), quality=75) for seed in range(3)]
    (first, fits), (second, other) = candidates(images)[:2]
    assert (first, second) == ("hsv", "jet") and fits < other
    assert detect_colormap(images) is None


def test_images_that_fit_two_maps_are_asked_about():
    ramp = np.zeros((96, 80, 3), np.uint8)   # red to yellow, which hot, jet and hsv all hold
    ramp[..., 0], ramp[..., 1] = 255, speckle(0) * 255
    with pytest.raises(RequestError, match="hot.*jet.*--set data.colormap=.*data.channels=rgb"):
        detect_colormap([ramp])


def test_images_that_disagree_about_the_floor_are_asked_about():
    for name in "jet", "gray":
        images = [to_color(speckle(seed), f"{name}_r" if seed % 2 else name) for seed in range(6)]
        with pytest.raises(RequestError, match=f"{name} and {name}_r .*3 of 6 for {name}.*--set data.colormap={name}"):
            detect_colormap(images)


def test_what_was_painted_by_an_unknown_map_and_never_compressed_is_none_of_the_known():
    twice = np.clip(np.arange(256)[:, None] / 255 * 2 - [0, 0.5, 1], 0, 1)   # Matplotlib's afmhot, near to hot
    levels = np.rint(speckle(0) * 255).astype(np.uint8)
    assert detect_colormap([np.rint(255 * twice).astype(np.uint8)[levels]]) is None
    assert detect_colormap([to_color(speckle(0), "hot")]) == "hot"


def test_parula_of_opencv_is_the_old_one_in_nine_straight_lines():
    nodes = color_table("parula_old")[np.rint(np.arange(9) * 8 / 63 * 255).clip(0, 255).astype(int)].astype(float)
    place = np.arange(256) / 255 * 63 / 8
    table = np.stack([np.interp(place, np.arange(9), nodes[:, c]) for c in range(3)], axis=-1).round().astype(np.uint8)
    levels = np.rint(speckle(0) * 255).astype(np.uint8)
    assert detect_colormap([table[levels]]) == "parula_old"
    assert np.abs(np.rint(to_intensity(table[None], "parula_old") * 255) - np.arange(256)).max() <= 9


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
