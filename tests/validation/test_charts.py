"""A chart must be valid SVG whose points lie where their values are, and escape what it is told."""

import xml.etree.ElementTree as ET

import pytest

from mdgen.validation.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*series, **options):
    return ET.fromstring(line_chart(series, x_label="x <b>", y_label="y & z", **options))


def points(root, index=0):
    line = root.findall(f"{SVG}polyline")[index]
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_values_lie_where_they_must():
    root = drawn(("a", [0, 1, 2], [0, 0.5, 1], [0.1, 0, 0]), y_range=(0, 1))
    assert points(root) == [(LEFT, HEIGHT - BOTTOM), (LEFT + (WIDTH - LEFT - RIGHT) / 2, (HEIGHT - BOTTOM + TOP) / 2),
                            (WIDTH - RIGHT, TOP)]
    bar = [line for line in root.iter(f"{SVG}line") if line.get("x1") == line.get("x2") == f"{LEFT:.1f}"]
    tall = 0.2 * (HEIGHT - TOP - BOTTOM)
    assert float(bar[0].get("y1")) - float(bar[0].get("y2")) == pytest.approx(tall, abs=0.2)


def test_texts_are_escaped_and_ticks_stand_at_their_places():
    root = drawn(("<script>", [0, 1], [1, 2], None), x_ticks=[(0, "5"), (1, "all")])
    words = [node.text for node in root.iter(f"{SVG}text")]
    assert {"x <b>", "y & z", "<script>", "5", "all"} <= set(words)
    assert "<script>" in root.find(f"{SVG}title").text
    tick = next(node for node in root.iter(f"{SVG}text") if node.text == "all")
    assert float(tick.get("x")) == points(root)[-1][0]


def test_what_is_no_number_is_left_out():
    root = drawn(("a", [0, 1, 2], [0, None, 1], None), ("b", [0, 1, 2], [float("nan"), 1, 0], [0, 0, 0]))
    assert [len(points(root, index)) for index in (0, 1)] == [2, 2]
    assert len(drawn(("a", [0, 1], [None, None], None)).findall(f"{SVG}polyline")) == 1


def test_equal_values_do_not_divide_by_zero():
    (_, first), (_, second) = points(drawn(("a", [0, 1], [3, 3], None)))
    assert first == second == pytest.approx((HEIGHT - BOTTOM + TOP) / 2)
