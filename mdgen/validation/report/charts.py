"""Line charts as inline SVG for a page: no scripts, nothing loaded, as wide as the page allows."""

import math
from html import escape

# Okabe & Ito 2008: told apart under all common colour blindness. Dashes and the key's order tell them apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("", "7 4", "2 3", "9 3 2 3")
WIDTH, HEIGHT = 480, 300                    # of the view box without the key; the picture scales
LEFT, RIGHT, TOP, BOTTOM = 52, WIDTH - 14, 12, HEIGHT - 44   # edges of the plotting area
KEY_LINE, LETTER = 18, 6.6                  # height of a line of the key, mean width of a letter at 12 units


def line_chart(series, *, x_label: str, y_label: str, x_ticks=None, y_range=None, log_x: bool = False) -> str:
    """One <svg> element with a line per series and, below it, their key.

    series: list of (label, xs, ys, spreads); xs and ys are equally long, a y of None is a gap; spreads are half
    lengths of the error bars, or None. x_ticks: values to mark, by default rounded ones, on a logarithmic axis the
    xs that occur. y_range: (lowest, highest), by default all that is drawn.
    Raises ValueError for series without a point, and for x <= 0 with log_x.
    """
    points = [[(x, y, s or 0) for x, y, s in zip(xs, ys, spreads or [None] * len(xs), strict=True) if y is not None]
              for _, xs, ys, spreads in series]
    flat = [point for line in points for point in line]
    if not flat or log_x and min(x for x, _, _ in flat) <= 0:
        raise ValueError(f"{len(flat)} points; expected one or more, with x above 0 on a logarithmic axis")
    x_values = sorted({x for x, _, _ in flat})
    x_ticks = x_ticks or (x_values if log_x else rounded_ticks(x_values[0], x_values[-1]))
    low, high = y_range or (min(y - s for _, y, s in flat), max(y + s for _, y, s in flat))
    across = scale(min(x_values[0], *x_ticks), max(x_values[-1], *x_ticks), LEFT, RIGHT, log=log_x)
    up = scale(low, high, BOTTOM, TOP)
    labels = [label for label, *_ in series]
    key, lines_of_key = legend(labels)
    parts = [*frame(across, up, x_ticks, rounded_ticks(low, high), x_label, y_label),
             *(draw(line, across, up, *look(i)) for i, line in enumerate(points)), *key]
    title = f"{y_label} against {x_label}: {', '.join(labels)}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + KEY_LINE * lines_of_key}" '
            'role="img" style="width:100%;height:auto;max-width:'
            f'{1.5 * WIDTH:g}px;font:12px system-ui,sans-serif" fill="#1c2430"><title>{escape(title)}</title>'
            f'{"".join(parts)}</svg>')


def scale(low, high, start, end, log: bool = False):
    """The map from low … high to start … end, linear in x or in log x; equal ends map to the middle."""
    bend = math.log if log else float
    span = bend(high) - bend(low)
    return lambda x: start + (end - start) * ((bend(x) - bend(low)) / span if span else 0.5)


def rounded_ticks(low, high, most: int = 6) -> list:
    """Multiples of 1, 2 or 5 times a power of ten within low … high, `most` or fewer; low where that is high."""
    if not high > low:
        return [low]
    steps = (m * 10.0**e for e in range(math.floor(math.log10(high - low)) - 2, 400) for m in (1, 2, 5))
    step = next(s for s in steps if math.floor(high / s + 1e-9) - math.ceil(low / s - 1e-9) < most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)] or [low, high]


def look(index: int):
    """(colour, dashes) of the index-th series."""
    return COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]


def frame(across, up, x_ticks, y_ticks, x_label, y_label):
    """Grid lines, numbers and names of the axes."""
    for y in y_ticks:
        yield f'<path d="M{LEFT} {up(y):.2f}H{RIGHT}" stroke="#dfe4ea"/>'
        yield text(LEFT - 6, up(y) + 4, f"{y:g}", "end")
    for x in x_ticks:
        yield f'<path d="M{across(x):.2f} {BOTTOM}v5" stroke="#5b6675"/>'
        yield text(across(x), BOTTOM + 17, f"{x:g}", "middle")
    yield f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#5b6675"/>'
    yield text((LEFT + RIGHT) / 2, HEIGHT - 8, x_label, "middle")
    middle = (TOP + BOTTOM) / 2
    yield text(14, middle, y_label, "middle", f' transform="rotate(-90 14 {middle:g})"')


def draw(points, across, up, colour: str, dashes: str) -> str:
    """The line through the points, their error bars, and a dot for each where there are few."""
    places = [(across(x), up(y), up(y - s), up(y + s)) for x, y, s in points]
    bars = "".join(f'<path d="M{x:.2f} {low:.2f}V{high:.2f}M{x - 4:.2f} {low:.2f}h8M{x - 4:.2f} {high:.2f}h8" '
                   f'stroke="{colour}"/>' for x, _, low, high in places if low != high)
    dots = "".join(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="3.2" fill="{colour}"/>' for x, y, *_ in places)
    line = " ".join(f"{x:.2f},{y:.2f}" for x, y, *_ in places)
    return (f'<g><polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dashes or "none"}"/>{bars}{dots if len(points) <= 12 else ""}</g>')


def legend(labels):
    """(elements, lines): a key below the chart, as many entries a line as fit."""
    parts, x, line = [], LEFT, 0
    for index, label in enumerate(labels):
        colour, dashes = look(index)
        size = 40 + LETTER * len(label)
        if x > LEFT and x + size > WIDTH:
            x, line = LEFT, line + 1
        y = HEIGHT + KEY_LINE * (line + 0.5)
        parts.append(f'<path d="M{x:.2f} {y:g}h22" stroke="{colour}" stroke-width="2" '
                     f'stroke-dasharray="{dashes or "none"}"/>' + text(x + 28, y + 4, label, "start"))
        x += size
    return parts, line + 1


def text(x, y, words: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'
