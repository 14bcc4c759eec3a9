"""The figures and tables of a page, each of which is also written to files of its own for a paper."""

from html import escape

from mdgen.files import write_text
from mdgen.validation.report.html import table
from mdgen.validation.report.pdf import pdf_possible, write_pdf
from mdgen.validation.report.tables import to_csv, to_latex


class Exhibits:
    """Collects what a page shows while its sections are written."""

    def __init__(self):
        self.figures, self.tables = {}, {}

    def keep(self, figure) -> None:
        """Take a Chart or ImageGrid, or None, into the files alone."""
        if figure is not None:
            self.figures[figure.name] = figure.drawing()

    def keep_table(self, found) -> None:
        """Take a Table into the files alone."""
        self.tables[found.name] = found

    def figure(self, figure, caption: str = "") -> str:
        """A Chart or ImageGrid on the page and in the files; "" for None."""
        if figure is None:
            return ""
        self.keep(figure)
        words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return f"<figure class=\"chart\">{self.figures[figure.name].svg()}{words}</figure>"

    def table(self, found) -> str:
        """A Table on the page and in the files."""
        self.keep_table(found)
        return table(found)

    def write(self, folder) -> None:
        """folder/figures/<name>.svg and, where matplotlib is installed, .pdf; folder/tables/<name>.csv and .tex.

        A PDF stays where its figure is as before. One that is outdated and cannot be drawn anew is removed.
        """
        pdf = pdf_possible()
        for part in "figures", "tables":
            (folder / part).mkdir(parents=True, exist_ok=True)
        for name, drawing in self.figures.items():
            path, text = folder / "figures" / f"{name}.svg", drawing.svg(alone=True) + "\n"
            drawn = path.with_suffix(".pdf")
            if not (path.is_file() and path.read_text(encoding="utf-8") == text):
                drawn.unlink(missing_ok=True)
                write_text(path, text)
            if pdf and not drawn.exists():
                write_pdf(drawing, drawn)
        for name, found in self.tables.items():
            write_text(folder / "tables" / f"{name}.csv", to_csv(found))
            write_text(folder / "tables" / f"{name}.tex", to_latex(found))
