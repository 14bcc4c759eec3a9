"""Images in rows and columns with the axes that they have, captions and a colour bar."""

from dataclasses import dataclass

import numpy as np

from mdgen.data.colormap import color_table
from mdgen.data.image_axes import ImageAxes
from mdgen.validation.report.charts import rounded_ticks, scale
from mdgen.validation.report.drawing import Drawing, Line, Picture, Text, shortened

SMALL, CAPTION = 10.5, 13          # size of numbers and captions, height of a line of the captions above images
GAP, BAND = 5, 14               # between images, and between the blocks under two headings
NAMES, NUMBERS, HEAD, FOOT = 80, 44, 20, 34   # room for row names, velocities, headings, times
BAR, BAR_ROOM = 10, 58          # width of the colour bar, and of the bar with its numbers


@dataclass(frozen=True)
class ImageGrid:
    """Rows of images uint8 [H, W, 3] of one size. name: of the files it is written to.

    headings: (words, number of columns) of the blocks from left to right. rows: (name, images, captions): an image is
    None where there is none, a caption a text of one or more lines, captions may be empty. axes: None where not known.
    colormap: of the images, None for images in colours of their own, which have no colour bar.
    """

    name: str
    title: str
    headings: list
    rows: list
    axes: ImageAxes | None = None
    colormap: str | None = None
    cell: int = 96

    def drawing(self) -> Drawing:
        """Velocities at the left of every row, times below the last. Raises ValueError without an image."""
        shape = next((image.shape for _, images, _ in self.rows for image in images if image is not None), None)
        if shape is None:
            raise ValueError(f"{self.name}: no image; expected one or more")
        size = self.cell, self.cell * shape[0] / shape[1]
        starts = block_starts(self.headings, self.cell, (NAMES if any(row[0] for row in self.rows) else 0) + NUMBERS)
        items, y = headings(self.headings, starts, self.cell), HEAD
        for name, images, captions in self.rows:
            lines = max((caption.count("\n") + 1 for caption in captions), default=0)
            items += [Text(x + self.cell / 2, y + CAPTION * (row + 1) - 4, shortened(words, self.cell, SMALL),
                           "middle", SMALL) for x, caption in zip(starts, captions)
                      for row, words in enumerate(caption.split("\n")) if words]
            y += CAPTION * lines
            items += [Text(NAMES + 8, y + size[1] / 2 + 4, shortened(name, NAMES - 14), "end")] if name else []
            items += velocities(self.axes, starts[0], y, size[1])
            items += [Picture(x, y, *size, image) for x, image in zip(starts, images) if image is not None]
            y += size[1] + GAP
        bottom = y - GAP
        right = starts[-1] + self.cell
        items += [*times(self.axes, starts, self.cell, bottom),
                  Text(12, (HEAD + bottom) / 2, "Doppler velocity, m/s" if self.axes else "Doppler", "middle",
                       turned=True)]
        items += colour_bar(self.colormap, self.axes, right + 12, HEAD, min(bottom - HEAD, 200))
        width = right + 12 + (BAR_ROOM if self.colormap else 0)
        return Drawing(self.title, width, bottom + FOOT, tuple(items))


def block_starts(headings, cell: int, left: float) -> list:
    """Left edge of every column."""
    starts = []
    for block, (_, columns) in enumerate(headings):
        first = starts[-1] + cell + BAND if block else left
        starts += [first + column * (cell + GAP) for column in range(columns)]
    return starts


def headings(blocks, starts, cell: int) -> list:
    """Words centred over their columns."""
    items, first = [], 0
    for words, columns in blocks:
        left, right = starts[first], starts[first + columns - 1] + cell
        items.append(Text((left + right) / 2, HEAD - 7, shortened(words, right - left), "middle"))
        first += columns
    return items


def velocities(axes, x: float, y: float, height: float) -> list:
    """Ticks in m/s at the left edge of an image; none where the axis is not known."""
    if axes is None:
        return []
    place = scale(axes.lowest, axes.highest, y + height, y)
    return [item for tick in rounded_ticks(axes.lowest, axes.highest, 5) for item in (
        Line([(x - 4, place(tick)), (x - 1, place(tick))]),
        Text(x - 6, place(tick) + 3, f"{tick:g}", "end", SMALL))]


def times(axes, starts, cell: int, y: float) -> list:
    """Ticks in s below every image of the last row, and the axis' name."""
    known = axes is not None and axes.duration_s is not None
    items = [Text((starts[0] + starts[-1] + cell) / 2, y + FOOT - 8 if known else y + 16,
                  "time, s" if known else "time", "middle", SMALL + 2)]
    if known:
        ticks = rounded_ticks(0, axes.duration_s, 4)
        place = scale(0, axes.duration_s, 0, cell)
        items += [item for x in starts for tick in ticks for item in (
            Line([(x + place(tick), y + 1), (x + place(tick), y + 4)]),
            Text(x + place(tick), y + 13, f"{tick:g}", "middle", SMALL))]
    return items


def colour_bar(colormap, axes, x: float, y: float, height: float) -> list:
    """The colours from the strongest echo down, in dB where the range is known, else in levels."""
    if colormap is None:
        return []
    lowest, highest, unit = (-axes.dynamic_range_db, 0, "dB") if axes else (0, 255, "level")
    place = scale(lowest, highest, y + height, y)
    return [Picture(x, y, BAR, height, np.ascontiguousarray(color_table(colormap)[::-1, None])),
            *(item for tick in rounded_ticks(lowest, highest, 6) for item in (
                Line([(x + BAR, place(tick)), (x + BAR + 3, place(tick))]),
                Text(x + BAR + 5, place(tick) + 3, f"{tick:g}", "start", SMALL))),
            Text(x + BAR / 2, y - 7, unit, "middle", SMALL + 2)]
