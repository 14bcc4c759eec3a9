"""Charts as data: series over one axis, drawn as lines or as a scatter of dots."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from mdgen.validation.report.drawing import GRID, Dot, Drawing, Line, Text, text_width

# Okabe & Ito 2008: told apart under all common colour blindness. Dashes and the key's order tell them apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("", "7 4", "2 3", "9 3 2 3")
WIDTH, HEIGHT = 480, 300                    # of the drawing without the key
LEFT, RIGHT, TOP, BOTTOM = 52, WIDTH - 14, 12, HEIGHT - 44   # edges of the plotting area
KEY_LINE = 18                               # height of a line of the key
FEW = 12                                    # points of a line, up to which each has a dot


class Series(NamedTuple):
    """A line or cloud: xs and ys equally long, a y of None is a gap; spreads: half lengths of error bars, or None."""

    label: str
    xs: list
    ys: list
    spreads: list | None = None


class Mark(NamedTuple):
    """A point of a series that is ringed; the key says what it is."""

    series: int
    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Series, what their axes are called, and which axes are logarithmic. name: of the files it is written to.

    x_ticks: values to mark, by default rounded ones. y_range: (lowest, highest), by default all that is drawn.
    kind: "line" or "scatter".
    """

    name: str
    series: list
    x_label: str
    y_label: str
    x_ticks: list | None = None
    y_range: tuple | None = None
    log_x: bool = False
    log_y: bool = False
    kind: str = "line"
    marks: tuple = ()

    def drawing(self) -> Drawing:
        """The chart and, below it, its key.

        Raises ValueError for series without a point, and for values <= 0 on a logarithmic axis.
        """
        series = [Series(*s) for s in self.series]
        points = [[(x, y, s or 0) for x, y, s in zip(s.xs, s.ys, s.spreads or [None] * len(s.xs), strict=True)
                   if y is not None] for s in series]
        flat = [point for line in points for point in line] + [(mark.x, mark.y, 0) for mark in self.marks]
        if not flat or self.log_x and min(x for x, *_ in flat) <= 0 or self.log_y and min(y for _, y, _ in flat) <= 0:
            raise ValueError(f"{self.name}: {len(flat)} points; expected one or more, above 0 on a logarithmic axis")
        low, high = self.y_range or (min(y - s for _, y, s in flat), max(y + s for _, y, s in flat))
        low = min(y for _, y, _ in flat) if self.log_y and low <= 0 else low
        x_low, x_high = ends([x for x, *_ in flat], self.kind)
        low, high = (low, high) if self.y_range else ends([low, high], self.kind)
        x_ticks = self.x_ticks or (log_ticks if self.log_x else rounded_ticks)(x_low, x_high)
        y_ticks = (log_ticks if self.log_y else rounded_ticks)(low, high)
        across = scale(min(x_low, *x_ticks), max(x_high, *x_ticks), LEFT, RIGHT, log=self.log_x)
        up = scale(low, high, BOTTOM, TOP, log=self.log_y)
        draw = scatter if self.kind == "scatter" else line
        rings = [Dot(across(m.x), up(m.y), 6, look(m.series)[0], ring=True) for m in self.marks]
        labels = [s.label + "".join(f" (ring: {m.label})" for m in self.marks if m.series == i)
                  for i, s in enumerate(series)]
        key, lines_of_key = legend(labels, self.kind)
        return Drawing(f"{self.y_label} against {self.x_label}: {', '.join(s.label for s in series)}", WIDTH,
                       HEIGHT + KEY_LINE * lines_of_key,
                       (*frame(across, up, x_ticks, y_ticks, self.x_label, self.y_label),
                        *(item for i, p in enumerate(points) for item in draw(p, across, up, i)), *rings, *key))


def scale(low, high, start, end, log: bool = False):
    """The map from low … high to start … end, linear in x or in log x; equal ends map to the middle."""
    bend = math.log if log else float
    span = bend(high) - bend(low)
    return lambda x: start + (end - start) * ((bend(x) - bend(low)) / span if span else 0.5)


def ends(values, kind: str):
    """(lowest, highest) that an axis shows: a scatter has a little room about its dots."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) if kind == "scatter" else 0
    return low - room, high + room


def rounded_ticks(low, high, most: int = 6) -> list:
    """Multiples of 1, 2 or 5 times a power of ten within low … high, `most` or fewer; low where that is high."""
    if not high > low:
        return [low]
    steps = (m * 10.0**e for e in range(math.floor(math.log10(high - low)) - 2, 400) for m in (1, 2, 5))
    step = next(s for s in steps if math.floor(high / s + 1e-9) - math.ceil(low / s - 1e-9) < most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)] or [low, high]


def log_ticks(low, high) -> list:
    """Powers of ten within low … high; where there are fewer than three, 1, 2 and 5 times these, or the two ends."""
    tens = range(math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high) + 1e-9) + 1)
    for factors in (1,), (1, 2, 5):
        found = [float(f"{m}e{e}") for e in tens for m in factors
                 if low * (1 - 1e-9) <= float(f"{m}e{e}") <= high * (1 + 1e-9)]
        if len(found) >= 3:
            return found[::math.ceil(len(found) / 8)]
    return found if len(found) == 2 else [low, high] if high > low else [low]


def look(index: int):
    """(colour, dashes) of the index-th series."""
    return COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]


def frame(across, up, x_ticks, y_ticks, x_label, y_label):
    """Grid lines, numbers and names of the axes."""
    for y in y_ticks:
        yield Line([(LEFT, up(y)), (RIGHT, up(y))], GRID)
        yield Text(LEFT - 6, up(y) + 4, f"{y:.4g}", "end")
    for x in x_ticks:
        yield Line([(across(x), BOTTOM), (across(x), BOTTOM + 5)])
        yield Text(across(x), BOTTOM + 17, f"{x:.4g}", "middle")
    yield Line([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)])
    yield Text((LEFT + RIGHT) / 2, HEIGHT - 8, x_label, "middle")
    yield Text(13, (TOP + BOTTOM) / 2, y_label, "middle", turned=True)


def line(points, across, up, index: int):
    """The line through the points, their error bars, and a dot for each where there are few."""
    colour, dashes = look(index)
    if points:
        yield Line([(across(x), up(y)) for x, y, _ in points], colour, 2, dashes, curve=True)
    for x, y, spread in points:
        if spread:
            x, low, high = across(x), min(up(y - spread), BOTTOM), max(up(y + spread), TOP)
            for piece in ([(x, low), (x, high)], [(x - 4, low), (x + 4, low)], [(x - 4, high), (x + 4, high)]):
                yield Line(piece, colour)
    if len(points) <= FEW:
        yield from (Dot(across(x), up(y), 3.2, colour) for x, y, _ in points)


def scatter(points, across, up, index: int):
    """A dot for every point, a ring in every second series."""
    for x, y, _ in points:
        yield Dot(across(x), up(y), 2.6, look(index)[0], ring=index % 2 == 1)


def legend(labels, kind: str = "line"):
    """(items, lines): a key below the chart, as many entries a line as fit."""
    items, x, row = [], LEFT, 0
    for index, label in enumerate(labels):
        colour, dashes = look(index)
        size = 40 + text_width(label)
        if x > LEFT and x + size > WIDTH:
            x, row = LEFT, row + 1
        y = HEIGHT + KEY_LINE * (row + 0.5)
        items.append(Dot(x + 11, y, 3.2, colour, ring=index % 2 == 1) if kind == "scatter" else
                     Line([(x, y), (x + 22, y)], colour, 2, dashes))
        items.append(Text(x + 28, y + 4, label))
        x += size
    return items, row + 1


