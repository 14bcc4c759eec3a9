import numpy as np
import pytest

from mdgen.data.check.frames import cropped, find_frame
from mdgen.data.colormap import color_table, to_color


def framed(pictures, left, top, right, bottom, colour=255):
    return np.pad(pictures, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=colour)


def with_bar(pictures, columns=14):
    """A colour bar at the right, strongest at the top."""
    height = pictures.shape[1]
    bar = color_table("jet")[np.linspace(255, 0, height).astype(int)]
    bar = np.broadcast_to(bar[None, :, None], (len(pictures), height, columns, 3))
    return np.concatenate([pictures, bar], axis=2)


def as_figure(pictures, rng):
    """A figure with axes: margins, ticks, labels that differ from image to image, a gap and a colour bar."""
    found = framed(with_bar(framed(pictures, 0, 0, 4, 0), 8), 20, 12, 10, 16)
    height, width = pictures.shape[1:3]
    for picture in found:
        picture[12:12 + height:10, 16:20] = 0             # ticks of the axes
        picture[12 + height:16 + height, 20:20 + width:10] = 0
        picture[2:9, 24:60][rng.random((7, 36)) < 0.3] = 0   # a title of its own
        picture[20:50, 2:8][rng.random((30, 6)) < 0.2] = 0
    return found, (20, 12, 22, 16)


@pytest.mark.parametrize("quality", [None, 90, 50])
def test_a_frame_is_cut_to_the_pixel(jet, compressed, quality):
    for colour in (255, 0):
        pictures = framed(jet[0], 5, 5, 5, 5, colour)
        pictures = pictures if quality is None else np.stack([compressed(one, quality) for one in pictures])
        assert find_frame(pictures).crop == (5, 5, 5, 5)


@pytest.mark.parametrize("quality", [None, 75])
def test_so_is_a_colour_bar_and_each_side_by_itself(jet, compressed, quality):
    for pictures, crop in ((with_bar(jet[1]), (0, 0, 14, 0)), (framed(jet[1], 7, 0, 0, 3), (7, 0, 0, 3)),
                           (framed(with_bar(jet[1]), 5, 5, 5, 5), (5, 5, 19, 5))):
        pictures = pictures if quality is None else np.stack([compressed(one, quality) for one in pictures])
        assert find_frame(pictures).crop == crop


def test_axes_ticks_and_titles_are_cut_with_the_margins(jet):
    figures, crop = as_figure(jet[0], np.random.default_rng(0))
    frame = find_frame(figures)
    assert frame.crop == crop
    assert np.array_equal(cropped(figures[0], frame.crop), jet[0, 0])


@pytest.mark.parametrize("colormap", ["jet", "gray", "gray_r", "viridis", "hot"])
def test_the_floor_is_no_frame(walks, colormap):
    wide = np.pad(walks[0], ((0, 0), (12, 12), (9, 0)))   # rows and columns of floor alone
    assert find_frame(to_color(wide, colormap)) is None


def test_neither_is_a_line_of_no_doppler_wherever_it_stands(walks):
    for row in (0, 30, 63):
        images = walks[0].copy()
        images[:, row:row + 2] = 1.0
        assert find_frame(to_color(images)) is None


def test_few_images_say_nothing(jet):
    assert find_frame(framed(jet[0, :5], 5, 5, 5, 5)) is None


def test_it_is_told_which_images_have_the_frame(jet):
    frame = find_frame(framed(jet[0], 5, 5, 5, 5))
    assert all(frame.surrounds(one) for one in framed(jet[1], 5, 5, 5, 5))
    assert not any(frame.surrounds(one) for one in framed(jet[1], 5, 5, 5, 5, colour=0))
    assert not frame.surrounds(jet[1, 0])   # of another size
