"""The parts of a self-contained HTML page: no scripts, nothing loaded from elsewhere, every text escaped."""

import base64
import io
from functools import reduce
from html import escape
from operator import getitem

from PIL import Image

SIDES = "generated", "held_out"   # of every figure, in the order of all pairs and columns
STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --paper: #fbfcfd; --card: #fff; --mark: #1f6f8b; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .8rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .4rem; }
h3 { font-size: .95rem; margin: 0; overflow-wrap: anywhere; }
.scroll + h3, p + h3 { margin: 1.2rem 0 .4rem; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
.soft, figcaption, footer { color: var(--soft); font-size: .88rem; overflow-wrap: anywhere; }
.note { border-left: 3px solid #d9a521; background: #fdf8e8; padding: .5rem .8rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); gap: .9rem;
  margin: 1.2rem 0; }
.card, .user, .verdict, .couple { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .8rem 1rem; }
.card h3::first-letter { text-transform: uppercase; }
.value { font-size: 2rem; font-weight: 650; line-height: 1.3; color: var(--mark); }
.value, .beside { font-variant-numeric: tabular-nums; }
.beside { font-weight: 600; }
.card p { font-size: .88rem; color: var(--soft); margin: .4rem 0 0; }
.users { display: grid; gap: .8rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13.5rem, 100%), 1fr)); gap: .1rem 1.4rem;
  margin: .5rem 0 0; font-size: .85rem; font-variant-numeric: tabular-nums; }
.figures div { display: flex; justify-content: space-between; border-bottom: 1px dotted var(--line); gap: .6rem; }
.figures dt { color: var(--soft); } .figures dd { margin: 0; font-weight: 600; white-space: nowrap; }
.verdict { border-left: 6px solid var(--mark); margin: 1.2rem 0; }
.verdict h2 { margin: 0 0 .3rem; }
strong.passed { color: #1c7a4f; } strong.failed { color: #b3352b; }
strong.not-measured, strong.incomplete { color: #8a6a00; }
.verdict.passed { border-left-color: #1c7a4f; } .verdict.failed { border-left-color: #b3352b; }
.verdict.incomplete { border-left-color: #d9a521; } .verdict table { color: var(--ink); }
.couples { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .8rem; }
.couple { padding: .6rem .8rem; }
.couple.copy { border: 2px solid #b3352b; }
.chart { max-width: 34rem; margin: .6rem 0; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--mark); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: .4rem 1.2rem; }
figure { margin: .3rem 0 0; }
.strip { display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px; }
.couple .strip { grid-template-columns: 1fr 1fr; }
.strip img { width: 100%; display: block; image-rendering: pixelated; border-radius: 3px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; background: var(--card); font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: .25rem .55rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; background: #f2f5f8; }
th:first-child { text-align: left; position: sticky; left: 0; }
.confusion td { text-align: center; min-width: 2.3rem; }
.confusion thead th + th { max-width: 7rem; overflow: hidden; text-overflow: ellipsis; }
code { font-size: .85rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; }
"""


def page(title: str, body: str) -> str:
    """A whole document; body: HTML whose texts are already escaped."""
    return ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n")


def number(value, digits: int = 2, *, percent: bool = False) -> str:
    """A number for reading; a dash where there is none."""
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if percent else f"{value:.{digits}f}"


def both(part: dict, *keys, digits: int = 2, percent: bool = False) -> list:
    """The figure part[side][key]... of both SIDES as texts, generated first."""
    return [number(reduce(getitem, keys, part[side]), digits, percent=percent) for side in SIDES]


def section(title: str, text: str, *parts: str) -> str:
    """A heading, a paragraph and what follows it; text and parts: HTML whose texts are already escaped."""
    return f"<h2>{escape(title)}</h2><p>{text}</p>{''.join(parts)}"


def card(title: str, value: str, beside: str, meaning: str) -> str:
    """One figure of the summary: the number, what real images get, and how to read it."""
    return (f"<div class=\"card\"><h3>{escape(title)}</h3><div class=\"value\">{escape(value)}</div>"
            f"<div class=\"beside\">{escape(beside)}</div><p>{escape(meaning)}</p></div>")


class Cell(str):
    """A whole <td> element, which a table takes beside plain texts."""


def table(header, rows, kind: str = "") -> str:
    """header: texts; rows: lists of texts or `Cell`s, the first of which names the row; kind: a class of STYLE."""
    def cell(content):
        return content if isinstance(content, Cell) else f"<td>{escape(content)}</td>"

    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join(f"<tr><th>{escape(name)}</th>{''.join(map(cell, cells))}</tr>" for name, *cells in rows)
    return (f"<div class=\"scroll\"><table class=\"{kind}\"><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>")


def folded(title: str, body: str) -> str:
    """HTML that a click unfolds."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def figures(pairs) -> str:
    """A compact list of (name, value) texts."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f"<dl class=\"figures\">{rows}</dl>"


def status(text: str) -> str:
    """A word coloured by what it says: passed, failed, not measured, incomplete."""
    return f"<strong class=\"{text.replace(' ', '-')}\">{text}</strong>"


def confusion_table(names, counts) -> str:
    """counts [K][K], wanted as row, recognised as column: green on the diagonal, red off it, by share of the row."""
    rows = []
    for i, (name, row) in enumerate(zip(names, counts)):
        total = max(sum(row), 1)
        rows.append([name, *(Cell(f"<td style=\"background:rgba({'34,139,94' if i == j else '200,60,50'},"
                                  f"{0.85 * count / total:.2f})\">{count or ''}</td>") for j, count in enumerate(row))])
    return table(["wanted \\ recognised", *names], rows, "confusion")


def strip(pixels, caption: str, name: str) -> str:
    """Images side by side; pixels: uint8 [n, H, W, 3]; caption: what they are; name: whose they are."""
    alt = f"alt=\"{escape(name)}, {escape(caption)}\""
    images = "".join(f"<img loading=\"lazy\" {alt} src=\"{png_uri(image)}\">" for image in pixels)
    return f"<figure><div class=\"strip\">{images}</div><figcaption>{escape(caption)}</figcaption></figure>"


def png_uri(pixels) -> str:
    """uint8 [H, W, 3] as a data URI."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
