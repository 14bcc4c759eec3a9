"""Charts are read back from their XML: every point must lie where its value says."""

import math
import xml.etree.ElementTree as ElementTree

import pytest

from mdgen.validation.report.charts import COLOURS, Chart, Mark, log_ticks, rounded_ticks

SVG = "{http://www.w3.org/2000/svg}"


def parsed(series, **options):
    chart = Chart("test", series, **{"x_label": "images", "y_label": "accuracy"} | options)
    return ElementTree.fromstring(chart.drawing().svg())


def lines(svg):
    """Per series the drawn points (x, y)."""
    return [[tuple(map(float, point.split(","))) for point in line.get("points").split()]
            for line in svg.iter(SVG + "polyline")]


def points_of(path):
    return [tuple(map(float, point.split())) for point in path.get("d")[1:].split("L")]


def texts(svg):
    """{words: (x, y)} of all that is written."""
    return {t.text: (float(t.get("x")), float(t.get("y"))) for t in svg.iter(SVG + "text")}


def view(svg):
    return list(map(float, svg.get("viewBox").split()))[2:]


def test_points_lie_between_the_ticks_that_their_values_say():
    svg = parsed([("real", [0, 2, 10], [0.0, 0.25, 1.0], None)], x_ticks=[0, 10], y_range=(0, 1))
    (x0, y0), (x1, y1), (x2, y2) = lines(svg)[0]
    written = texts(svg)
    assert x2 == pytest.approx(written["10"][0], abs=0.02)
    assert x1 == pytest.approx(x0 + 0.2 * (x2 - x0), abs=0.02)
    assert y1 == pytest.approx(y0 - 0.25 * (y0 - y2), abs=0.02) and y0 > y2   # downwards on the screen
    assert y2 == pytest.approx(written["1"][1] - 4, abs=0.02)                 # the text stands on its base line
    assert y1 - written["0.2"][1] + 4 == pytest.approx(-0.05 * (y0 - y2), abs=0.02)


def test_equal_ratios_are_equal_distances_on_a_logarithmic_axis():
    svg = parsed([("real", [5, 10, 20, 80], [1, 2, 3, 4], None)], x_ticks=[5, 80], log_x=True)
    x = [x for x, _ in lines(svg)[0]]
    assert x[2] - x[1] == pytest.approx(x[1] - x[0], abs=0.02)
    assert x[3] - x[2] == pytest.approx(2 * (x[1] - x[0]), abs=0.04)
    assert all(texts(svg)[label][0] == pytest.approx(place, abs=0.01) for label, place in zip(("5", "80"), x[::3]))


def test_error_bars_reach_as_far_as_the_spread():
    svg = parsed([("both", [1, 2], [0.4, 0.8], [0.1, None])], y_range=(0, 1))
    (_, y0), (_, y1) = lines(svg)[0]
    bars = [points_of(path) for path in svg.iter(SVG + "path") if path.get("stroke") == COLOURS[0]]
    (low, high), *caps = [[y for _, y in bar] for bar in bars if bar[0] != bar[1]][:3]
    assert low - y0 == pytest.approx(y0 - high, abs=0.02) and low - high == pytest.approx((y0 - y1) / 2, abs=0.03)
    assert caps == [[low, low], [high, high]] and len(bars) == 3 + 1          # and the line of the key


def test_a_missing_value_is_left_out():
    assert len(lines(parsed([("real", [1, 2, 3], [0.1, None, 0.3], [0.1, None, 0.1])]))[0]) == 2


def test_all_that_is_drawn_lies_in_the_picture_and_every_series_has_its_look():
    names = ["real images only", "real and generated images", "generated images only, of every user", "a", "b", "c"]
    svg = parsed([(name, [0, 1], [-3 + i, 117.0 * i], [2, 9]) for i, name in enumerate(names)])
    width, height = view(svg)
    assert (width, height) == (480, 300 + 2 * 18)                             # the key takes two lines
    assert all(0 <= x <= width and 0 <= y <= height for line in lines(svg) for x, y in line)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in texts(svg).values())
    assert [line.get("stroke") for line in svg.iter(SVG + "polyline")] == list(COLOURS)
    assert len({(line.get("stroke"), line.get("stroke-dasharray")) for line in svg.iter(SVG + "polyline")}) == 6
    assert len({texts(svg)[name] for name in names}) == 6


def test_it_scales_names_itself_and_escapes_what_it_is_told():
    nasty = '<script>alert("&")</script>'
    markup = Chart("c", [(nasty, [0, 1], [0, 1], None)], x_label="false & alarm", y_label='a"b').drawing().svg()
    svg = ElementTree.fromstring(markup)
    assert "<script" not in markup and nasty in texts(svg) and "false & alarm" in texts(svg)
    assert svg.find(SVG + "title").text == f'a"b against false & alarm: {nasty}'
    assert svg.get("role") == "img" and "width:100%" in svg.get("style") and svg.get("width") is None


def test_a_curve_of_many_points_has_no_dots():
    many = [k / 99 for k in range(100)]
    assert len(list(parsed([("ROC", many, many, None)]).iter(SVG + "circle"))) == 0
    assert len(list(parsed([("ROC", many[:5], many[:5], None)]).iter(SVG + "circle"))) == 5


def test_both_axes_can_be_logarithmic_with_ticks_at_powers_of_ten():
    svg = parsed([("error", [1e-4, 1e-3, 1e-1], [1e-1, 1e-2, 1e-4], None)], log_x=True, log_y=True)
    (x0, y0), (x1, y1), (x2, y2) = lines(svg)[0]
    written = texts(svg)
    assert (x2 - x0) == pytest.approx(3 * (x1 - x0), abs=0.05) and (y2 - y0) == pytest.approx(3 * (y1 - y0), abs=0.05)
    places = [written[label] for label in ("0.0001", "0.001", "0.01", "0.1")]   # of the x axis, written last
    assert [x for x, _ in places] == pytest.approx([x0, x1, (x1 + x2) / 2, x2], abs=0.05)


def test_a_mark_rings_its_point_in_the_colour_of_its_series_and_stands_in_the_key():
    many = [k / 99 for k in range(100)]
    svg = parsed([("a", many, many, None), ("b", many, many[::-1], None)], marks=(Mark(1, many[30], many[69], "EER"),))
    (ring,) = svg.iter(SVG + "circle")
    assert ring.get("stroke") == COLOURS[1] and ring.get("fill") == "none"
    assert (float(ring.get("cx")), float(ring.get("cy"))) == pytest.approx(lines(svg)[1][30], abs=0.02)
    assert {"a", "b (ring: EER)"} <= set(texts(svg))


def test_a_scatter_has_a_dot_for_every_point_and_no_line():
    svg = parsed([("a", [1, 2, 3], [3, 1, 2], None), ("b", [2], [2], None)], kind="scatter")
    dots = list(svg.iter(SVG + "circle"))
    assert not lines(svg) and len(dots) == 4 + 2                                # and two in the key
    assert [dot.get("fill") for dot in dots[:4]] == [COLOURS[0]] * 3 + ["none"]
    x = [float(dot.get("cx")) for dot in dots[:4]]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.02) and x[3] == x[1]


def test_as_a_file_it_has_a_size_a_white_ground_and_named_fonts():
    drawing = Chart("c", [("a", [0, 1], [0, 1], None)], x_label="x", y_label="y").drawing()
    svg = ElementTree.fromstring(drawing.svg(alone=True))
    ground = svg.find(SVG + "rect")
    assert ground.get("fill") == "#fff" and (ground.get("width"), ground.get("height")) == ("100%", "100%")
    assert float(svg.get("width")) == drawing.width and "Helvetica" in svg.get("font-family")
    assert "system-ui" not in drawing.svg(alone=True)


@pytest.mark.parametrize("low, high, ticks", [
    (1e-4, 1, [1e-4, 1e-3, 1e-2, 1e-1, 1]), (2e-4, 0.3, [1e-3, 1e-2, 1e-1]), (3, 60, [5, 10, 20, 50]),
    (0.03, 0.4, [0.05, 0.1, 0.2]), (3, 3, [3]), (3, 4, [3, 4])])
def test_logarithmic_ticks_are_powers_of_ten_and_1_2_5_where_these_are_few(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize("low, high, ticks", [
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.31, 0.97, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]), (-7, 12, [-5, 0, 5, 10]),
    (0, 86, [0, 20, 40, 60, 80]), (3, 3, [3]), (1e-6, 3e-6, [1e-6, 1.5e-6, 2e-6, 2.5e-6, 3e-6]),
])
def test_ticks_are_round_numbers_within_the_range(low, high, ticks):
    assert rounded_ticks(low, high) == pytest.approx(ticks)


def test_one_point_or_equal_values_can_be_drawn():
    for series in ([("a", [3], [0.5], None)], [("a", [3, 4], [0.5, 0.5], [0, 0])]):
        assert all(math.isfinite(v) for line in lines(parsed(series, log_x=True)) for point in line for v in point)


@pytest.mark.parametrize("series, options", [([], {}), ([("a", [], [], None)], {}), ([("a", [1], [None], None)], {}),
                                             ([("a", [0, 1], [1, 2], None)], {"log_x": True}),
                                             ([("a", [1, 2], [0, 2], None)], {"log_y": True}),
                                             ([("a", [0, 1], [1], None)], {})])
def test_nothing_to_draw_is_an_error(series, options):
    with pytest.raises(ValueError):
        parsed(series, **options)
