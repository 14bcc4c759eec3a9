"""Tables as data: what a page shows, a spreadsheet reads (CSV) and a paper prints (LaTeX with booktabs)."""

import csv
import io
from dataclasses import dataclass, replace

LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
         "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
         ">": r"\textgreater{}", "–": "--", "±": r"$\pm$", "≤": r"$\leq$"}


@dataclass(frozen=True)
class Number:
    """A figure of the results, and how it is printed: rounded by `form`, or in per cent.

    value: None where it could not be measured. interval: [low, high], 95 %. error: standard error or deviation.
    """

    value: float | None
    form: str = ".2f"
    percent: bool = False
    interval: list | None = None
    error: float | None = None

    def __str__(self):
        if self.value is None:
            return "–"
        unit = " %" * self.percent
        if self.range:
            return f"{self.rounded(self.value)}{unit} ({self.range})"
        error = "" if self.error is None else f" ± {self.rounded(self.error).lstrip('+')}"
        return self.rounded(self.value) + error + unit

    def rounded(self, value) -> str:
        return f"{100 * value:.0f}" if self.percent else f"{value:{self.form}}"

    @property
    def brief(self) -> str:
        """The text without interval and error."""
        return str(replace(self, interval=None, error=None))

    @property
    def range(self) -> str:
        """The interval alone, "" without one."""
        if self.value is None or not self.interval or None in self.interval:
            return ""
        return span(self.interval, self.rounded) + " %" * self.percent


class Status(str):
    """A word coloured by what it says: passed, failed, not measured, incomplete."""


@dataclass(frozen=True)
class Count:
    """A whole number on a coloured ground, of which a page leaves 0 blank."""

    value: int
    ground: str

    def __str__(self):
        return str(self.value or "")


@dataclass(frozen=True)
class Table:
    """header: texts; rows: lists of cells, the first of which names the row. name: of the files it is written to.

    A cell is a text, a `Status`, a `Count`, a `Number`, or a pair of Numbers, as PAIR. caption: what the table shows.
    kind: a class of the page's style.
    """

    name: str
    header: list
    rows: list
    caption: str = ""
    kind: str = ""


PAIR = "generated", "real held-out"


def shown(cell) -> str:
    """A cell as text for reading."""
    return " / ".join(map(str, cell)) if isinstance(cell, tuple) else str(cell)


def span(interval, rounded) -> str:
    """Both ends of an interval; "to" where a minus sign would be read as a dash."""
    low, high = map(rounded, interval)
    return f"{low} to {high}" if low.startswith("-") else f"{low}–{high}"


def to_csv(table: Table) -> str:
    """Comma-separated lines, numbers with all digits; pairs, intervals and errors have columns of their own."""
    columns = [spread(head, [row[place] for row in table.rows]) for place, head in enumerate(table.header)]
    lines = zip(*(cells for column in columns for cells in column))
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def spread(head: str, cells: list):
    """The columns [head, cells...] that one column of a table needs."""
    if any(isinstance(cell, tuple) for cell in cells):
        pairs = [cell if isinstance(cell, tuple) else (cell, "") for cell in cells]
        return [column for side, part in zip(PAIR, zip(*pairs)) for column in spread(f"{head}, {side}", list(part))]
    columns = [[head, *(plain(cell) for cell in cells)]]
    if any(isinstance(cell, Number) and cell.interval for cell in cells):
        for place, end in enumerate(("low", "high")):
            columns.append([f"{head}, {end}", *(
                plain(Number((cell.interval or (None, None))[place])) if isinstance(cell, Number) else ""
                for cell in cells)])
    if any(isinstance(cell, Number) and cell.error is not None for cell in cells):
        columns.append([f"{head}, error", *(plain(Number(cell.error)) if isinstance(cell, Number) else ""
                                            for cell in cells)])
    return columns


def plain(cell) -> str:
    """A number with all its digits, nothing where there is none, a text as it is."""
    if isinstance(cell, (Number, Count)):
        return "" if cell.value is None else repr(cell.value)
    return str(cell)


def to_latex(table: Table) -> str:
    """A tabular with the rules of booktabs and UTF-8 letters; the caption is a comment above it."""
    lines = [f"% {' '.join(table.caption.split())}"] * bool(table.caption)
    columns = "".join("r" if all(map(is_figure, column)) else "l" for column in zip(*table.rows))
    lines += [f"\\begin{{tabular}}{{l{columns[1:]}}}", r"\toprule", latex_line(table.header),
              r"\midrule", *map(latex_line, table.rows), r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def is_figure(cell) -> bool:
    """Whether a cell is to be aligned as numbers are."""
    return isinstance(cell, (Number, Count, tuple)) or not str(cell).strip("–") or str(cell)[:1].isdigit()


def latex_line(cells) -> str:
    return " & ".join("".join(LATEX.get(letter, letter) for letter in shown(cell)) for cell in cells) + r" \\"
