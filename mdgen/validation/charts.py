"""Line charts as inline SVG: no scripts, readable at any width, every text escaped."""

from html import escape

import numpy as np

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 46                 # margins of the plot, in the units of the view box
COLORS = "#0072b2", "#d55e00", "#009e73", "#cc79a7"       # told apart by colour-blind readers (Okabe & Ito 2008)
DASHES = "none", "7 4", "2 3", "9 3 2 3"                  # and in black and white


def line_chart(series, *, x_label: str, y_label: str, x_ticks=None, y_range=None) -> str:
    """series: (label, xs, ys, deviations or None) each, drawn as a line with error bars; returns an <svg>.

    x_ticks: [(x, text)], by default five even ones; y_range: (lowest, highest), by default that of the data.
    Points that are not finite, or None, are left out.
    """
    lines = [(label, *finite(xs, ys, deviations)) for label, xs, ys, deviations in series]
    every_x = np.concatenate([xs for _, xs, _, _ in lines] + [[x for x, _ in x_ticks or ()]])
    every_y = np.concatenate([ys for _, _, ys, _ in lines])
    x_low, x_high = bounds(every_x)
    y_low, y_high = y_range or bounds(every_y)
    x_ticks = x_ticks or [(x, f"{x:g}") for x in np.linspace(x_low, x_high, 5)]

    def place(x, y):
        return (LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM))

    parts = [grid_line(place, y, (x_low, x_high)) for y in np.linspace(y_low, y_high, 5)]
    parts += [text(place(x, y_low)[0], HEIGHT - BOTTOM + 16, label, "middle") for x, label in x_ticks]
    parts += [text(LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8, x_label, "middle"),
              text(4, 14, y_label, "start")]
    for index, line in enumerate(lines):
        parts.append(curve(line, place, COLORS[index % 4], DASHES[index % 4]))
        parts.append(legend(line[0], index, COLORS[index % 4], DASHES[index % 4]))
    title = f"{y_label} against {x_label}: {', '.join(label for label, *_ in lines)}"
    return (f"<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"100%\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" "
            f"font-family=\"inherit\" font-size=\"12\"><title>{escape(title)}</title>{''.join(parts)}</svg>")


def finite(xs, ys, deviations):
    """Float arrays of the points that can be drawn: (xs, ys, deviations or None)."""
    xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    kept = np.isfinite(xs) & np.isfinite(ys)
    return xs[kept], ys[kept], None if deviations is None else np.nan_to_num(np.asarray(deviations, dtype=float))[kept]


def bounds(values):
    """Lowest and highest value, apart from each other."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def grid_line(place, y: float, x_range) -> str:
    (left, height), (right, _) = place(x_range[0], y), place(x_range[1], y)
    return (f"<line x1=\"{left:.1f}\" x2=\"{right:.1f}\" y1=\"{height:.1f}\" y2=\"{height:.1f}\" stroke=\"#dfe4ea\"/>"
            + text(left - 6, height + 4, f"{y:g}", "end"))


def curve(line, place, color: str, dashes: str) -> str:
    """A polyline with error bars; few points get a dot each."""
    _, xs, ys, deviations = line
    points = [place(x, y) for x, y in zip(xs, ys)]
    drawn = (f"<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\" points=\""
             + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + "\"/>")
    if deviations is not None:
        for x, y, deviation in zip(xs, ys, deviations):
            (across, low), (_, high) = place(x, y - deviation), place(x, y + deviation)
            drawn += (f"<line x1=\"{across:.1f}\" x2=\"{across:.1f}\" y1=\"{low:.1f}\" y2=\"{high:.1f}\" "
                      f"stroke=\"{color}\"/>")
    if len(points) <= 12:
        drawn += "".join(f"<circle cx=\"{x:.1f}\" cy=\"{y:.1f}\" r=\"3.5\" fill=\"{color}\"/>" for x, y in points)
    return drawn


def legend(label: str, index: int, color: str, dashes: str) -> str:
    """Lines from the lower right corner of the plot upwards."""
    x, y = WIDTH - RIGHT - 150, HEIGHT - BOTTOM - 14 - 18 * index
    return (f"<line x1=\"{x}\" x2=\"{x + 26}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"2\" "
            f"stroke-dasharray=\"{dashes}\"/>" + text(x + 32, y + 4, label, "start"))


def text(x: float, y: float, words: str, anchor: str) -> str:
    return f"<text x=\"{x:.1f}\" y=\"{y:.1f}\" text-anchor=\"{anchor}\" fill=\"#3c4654\">{escape(words)}</text>"
