"""A picture made of lines, dots, texts and images, and its SVG: nothing loaded, no scripts."""

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from PIL import Image

INK, SOFT, GRID = "#1c2430", "#5b6675", "#dfe4ea"
LETTER = 0.55                                   # mean width of a letter, in units of its height
FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"   # named: a file has no page to inherit from


class Line(NamedTuple):
    """Straight pieces through points (x, y); curve: it shows data, not an axis."""

    points: list
    colour: str = SOFT
    width: float = 1.0
    dashes: str = ""
    curve: bool = False


class Dot(NamedTuple):
    """A disc, or with ring=True its outline alone."""

    x: float
    y: float
    radius: float
    colour: str
    ring: bool = False


class Text(NamedTuple):
    """Words whose base line begins, is centred or ends at (x, y) by anchor; turned: read upwards."""

    x: float
    y: float
    words: str
    anchor: str = "start"
    size: float = 12
    turned: bool = False


class Picture(NamedTuple):
    """Pixels uint8 [H, W, 3] stretched over a rectangle whose upper left corner is (x, y)."""

    x: float
    y: float
    width: float
    height: float
    pixels: object


@dataclass(frozen=True)
class Drawing:
    """Items in the order in which they are drawn, on a sheet of width x height points; y grows downwards."""

    title: str
    width: float
    height: float
    items: tuple

    def svg(self, alone: bool = False) -> str:
        """One <svg> element, as wide as the page allows; alone: as a file, of fixed size on white ground."""
        size = (f'width="{self.width:g}" height="{self.height:g}" font-family="{FONTS}" font-size="12"' if alone else
                f'style="width:100%;height:auto;max-width:{1.5 * self.width:g}px;font:12px system-ui,sans-serif"')
        ground = '<rect width="100%" height="100%" fill="#fff"/>' if alone else ""
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
                f'{size} fill="{INK}"><title>{escape(self.title)}</title>{ground}'
                f'{"".join(map(element, self.items))}</svg>')


def element(item) -> str:
    """An item of a drawing as an SVG element."""
    if isinstance(item, Line):
        look = (f'fill="none" stroke="{item.colour}" stroke-width="{item.width:g}"'
                + (f' stroke-dasharray="{item.dashes}"' if item.dashes else ""))
        if item.curve:
            return f'<polyline points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)}" {look}/>'
        return f'<path d="M{"L".join(f"{x:.2f} {y:.2f}" for x, y in item.points)}" {look}/>'
    if isinstance(item, Dot):
        paint = f'fill="none" stroke="{item.colour}" stroke-width="1.5"' if item.ring else f'fill="{item.colour}"'
        return f'<circle cx="{item.x:.2f}" cy="{item.y:.2f}" r="{item.radius:g}" {paint}/>'
    if isinstance(item, Text):
        turn = f' transform="rotate(-90 {item.x:.2f} {item.y:.2f})"' if item.turned else ""
        size = "" if item.size == 12 else f' style="font-size:{item.size:g}px"'
        return (f'<text x="{item.x:.2f}" y="{item.y:.2f}" text-anchor="{item.anchor}"{size}{turn}>'
                f'{escape(item.words)}</text>')
    return (f'<image x="{item.x:.2f}" y="{item.y:.2f}" width="{item.width:g}" height="{item.height:g}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{png_uri(item.pixels)}"/>')


def png_uri(pixels) -> str:
    """uint8 [H, W, 3] as a data URI."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def text_width(words: str, size: float = 12) -> float:
    """About how wide words are."""
    return LETTER * size * len(words)


def shortened(words: str, room: float, size: float = 12) -> str:
    """The words, with an ellipsis where they need more than `room`."""
    fits = int(room / (LETTER * size))
    return words if len(words) <= fits else words[:max(fits - 1, 1)] + "…"
