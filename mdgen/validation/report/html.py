"""The parts of a self-contained HTML page: no scripts, nothing loaded from elsewhere, every text escaped."""

from html import escape

from mdgen.validation.report.drawing import png_uri
from mdgen.validation.report.style import STYLE
from mdgen.validation.report.tables import Count, Number, Status, Table, shown

SIDES = "generated", "held_out"             # of every figure, in the order of all pairs and columns
COLUMNS = "generated", "real held-out"      # how tables and charts name them


def page(title: str, body: str) -> str:
    """A whole document; body: HTML whose texts are already escaped."""
    return ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n")


def number(value, digits: int = 2, *, percent: bool = False) -> str:
    """A number for reading; a dash where there is none."""
    return str(Number(value, f".{digits}f", percent))


def look_up(values, *path):
    """values[path[0]][path[1]]…, None where a step is missing: not every report holds every figure."""
    for key in path:
        if isinstance(values, dict):
            values = values.get(key)
        else:
            values = values[key] if isinstance(values, list) and isinstance(key, int) and key < len(values) else None
    return values


def both(part: dict, *keys, digits: int = 2, percent: bool = False, interval: tuple = ()) -> list:
    """The figure part[side][key]... of both SIDES as Numbers, generated first; interval: path to theirs."""
    return [Number(look_up(part, side, *keys), f".{digits}f", percent,
                   look_up(part, side, *interval) if interval else None) for side in SIDES]


def real_images(line: dict) -> str:
    """Real images of every user in a line of a usefulness curve, "5", or "1 to 49" where users have so many."""
    fewest, most = line.get("of_users") or (line["per_user"],) * 2
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def section(title: str, text: str, *parts: str, wide: bool = False) -> str:
    """A heading, a paragraph and what stands beside it; text and parts: HTML whose texts are already escaped.

    wide: the parts need the whole width, below the text.
    """
    kind = " class=\"wide\"" if wide else ""
    return (f"<section{kind}><div class=\"said\"><h2>{escape(title)}</h2><p>{text}</p></div>"
            f"<div class=\"shown\">{''.join(parts)}</div></section>")


def side_by_side(*parts: str) -> str:
    """Parts in as many columns as the window has room for; empty ones are left out."""
    boxes = "".join(f"<div class=\"{'drawn' if part.startswith('<figure') else ''}\">{part}</div>"
                    for part in parts if part)
    return f"<div class=\"beside\">{boxes}</div>"


def card(title: str, value: str, beside: str, meaning: str, ranges=("", "")) -> str:
    """One figure of the summary: the number, what real images get, both with their intervals, and how to read it."""
    small = [f" <span class=\"range\">{escape(text)}</span>" if text else "" for text in ranges]
    return (f"<div class=\"card\"><h3>{escape(title)}</h3><div class=\"value\">{escape(value)}</div>{small[0]}"
            f"<div class=\"real\">{escape(beside)}{small[1]}</div><p>{escape(meaning)}</p></div>")


def table(found: Table) -> str:
    """A Table that scrolls in its own box where it is too wide."""
    head = "".join(f"<th>{escape(text)}</th>" for text in found.header)
    body = "".join(f"<tr><th>{escape(shown(name))}</th>{''.join(map(cell, cells))}</tr>"
                   for name, *cells in found.rows)
    return (f"<div class=\"scroll\"><table class=\"{found.kind}\"><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>")


def cell(content) -> str:
    """A cell of a table; a `Status` in its colour, a `Count` on its ground."""
    if isinstance(content, Status):
        return f"<td>{status(content)}</td>"
    if isinstance(content, Number) and content.range:
        return f"<td>{escape(content.brief)} <span class=\"range\">({escape(content.range)})</span></td>"
    ground = f" style=\"background:{content.ground}\"" if isinstance(content, Count) else ""
    return f"<td{ground}>{escape(shown(content))}</td>"


def folded(title: str, body: str) -> str:
    """HTML that a click unfolds."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def figures(pairs) -> str:
    """A compact list of (name, value) texts."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f"<dl class=\"figures\">{rows}</dl>"


def status(text: str) -> str:
    """A word coloured by what it says: passed, failed, not measured, incomplete."""
    return f"<strong class=\"{escape(text).replace(' ', '-')}\">{escape(text)}</strong>"


def note(text: str) -> str:
    """A warning; text: HTML whose texts are already escaped."""
    return f"<p class=\"note\">{text}</p>"


def confusion_table(name: str, users, counts) -> Table:
    """counts [K][K], wanted as row, recognised as column: green on the diagonal, red off it, by share of the row."""
    rows = []
    for i, (user, row) in enumerate(zip(users, counts)):
        total = max(sum(row), 1)
        rows.append([user, *(Count(count, f"rgba({'34,139,94' if i == j else '200,60,50'},{0.85 * count / total:.2f})")
                             for j, count in enumerate(row))])
    return Table(name, ["target \\ recognised", *users], rows, "Numbers of images, target user by recognised user",
                 "confusion")


def strip(pixels, caption: str, name: str) -> str:
    """Images side by side; pixels: uint8 [n, H, W, 3]; caption: what they are; name: whose they are."""
    alt = f"alt=\"{escape(name)}, {escape(caption)}\""
    images = "".join(f"<img loading=\"lazy\" {alt} src=\"{png_uri(image)}\">" for image in pixels)
    return f"<figure><div class=\"strip\">{images}</div><figcaption>{escape(caption)}</figcaption></figure>"
