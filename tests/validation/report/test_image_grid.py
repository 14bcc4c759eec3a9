"""Images with axes are read back from their XML: a tick must stand where its row or column of pixels is."""

import base64
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from mdgen.data.colormap import color_table
from mdgen.data.image_axes import ImageAxes
from mdgen.validation.report.image_grid import ImageGrid

SVG = "{http://www.w3.org/2000/svg}"
AXES = ImageAxes(-1.0, 7.0, 2.0, 40.0)


def images(count, height=32, width=64):
    return list(np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def parsed(rows, axes=AXES, colormap="jet", headings=(("real held-out", 1), ("generated", 1))):
    return ElementTree.fromstring(ImageGrid("g", "g", headings, rows, axes, colormap).drawing().svg(alone=True))


def box(image):
    return [float(image.get(key)) for key in ("x", "y", "width", "height")]


def pixels(image):
    kind, data = image.get("href").split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def written(svg):
    return [(text.text, float(text.get("x")), float(text.get("y"))) for text in svg.iter(SVG + "text")]


def test_the_pixels_are_embedded_as_they_are_at_the_images_own_ratio():
    given = images(4)
    *found, bar = parsed([("a", given[:2], ()), ("b", given[2:], ())]).iter(SVG + "image")
    assert all((pixels(image) == one).all() for image, one in zip(found, given, strict=True))
    boxes = [box(image) for image in found]
    assert all(width == 2 * height for _, _, width, height in boxes)
    assert boxes[0][1] == boxes[1][1] < boxes[2][1] and boxes[0][0] == boxes[2][0] < boxes[1][0]


def test_ticks_stand_at_the_velocities_and_times_of_the_pixels():
    svg = parsed([("a", images(2), ())])
    x, y, width, height = box(next(svg.iter(SVG + "image")))
    lines = [[tuple(map(float, point.split())) for point in path.get("d")[1:].split("L")]
             for path in svg.iter(SVG + "path")]
    left = {start[1] for start, end in lines if start[1] == end[1] and end[0] < x}
    assert sorted(left) == pytest.approx([y + height * (7 - v) / 8 for v in (6, 4, 2, 0)], abs=0.01)
    below = {start[0] for start, end in lines if start[0] == end[0] and x <= start[0] <= x + width}
    assert sorted(below) == pytest.approx([x + width * t / 2 for t in (0, 1, 2)], abs=0.01)
    words = [text for text, *_ in written(svg)]
    assert {"Doppler velocity, m/s", "time, s", "dB", "-40", "real held-out", "generated", "a"} <= set(words)


def test_the_colour_bar_runs_from_the_strongest_echo_down():
    svg = parsed([("a", images(2), ())])
    bar = list(svg.iter(SVG + "image"))[-1]
    assert (pixels(bar)[:, 0] == color_table("jet")[::-1]).all()
    x, y, width, height = box(bar)
    places = {text: place - 3 for text, left, place in written(svg) if left > x}
    assert places["0"] == pytest.approx(y, abs=0.01) and places["-40"] == pytest.approx(y + height, abs=0.01)
    assert places["-10"] == pytest.approx(y + height / 4, abs=0.01)


def test_what_is_not_known_has_no_numbers():
    words = [text for text, *_ in written(parsed([("a", images(2), ())], axes=None))]
    assert {"Doppler", "time", "level"} <= set(words) and "0" in words and "time, s" not in words
    no_duration = [text for text, *_ in written(parsed([("", images(2), ())], axes=ImageAxes(-1.0, 7.0)))]
    assert "time" in no_duration and "time, s" not in no_duration
    assert len(list(parsed([("a", images(2), ())], colormap=None).iter(SVG + "image"))) == 2   # colours of their own


def test_captions_and_long_names_stay_within_the_picture():
    svg = parsed([("n" * 60, [images(1)[0], None], ["one\n" + "w" * 80, ""])], headings=(("h", 2),))
    width, height = map(float, svg.get("viewBox").split()[2:])
    assert len(list(svg.iter(SVG + "image"))) == 2                              # one and the bar: None leaves a hole
    assert all(len(text) < 40 and 0 <= x <= width and 0 <= y <= height for text, x, y in written(svg))
    image = box(next(svg.iter(SVG + "image")))
    assert all(y < image[1] for text, _, y in written(svg) if text in ("one", "h") or text.startswith("ww"))


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match="no image"):
        parsed([("a", [None, None], ())])
