"""What a sweep found, to look at: charts over the scale, and the table as a page and as comma-separated lines."""

from html import escape

from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.charts import Chart
from mdgen.validation.report.html import number, page, side_by_side, table
from mdgen.validation.report.tables import Table

DISTANCE = f"fd_{EXTRACTOR}"
FIGURES = {"accuracy": "share recognised as the target user",
           "diversity": "diversity within a user, over training images'",
           DISTANCE: "Fréchet distance to training images", "fine_texture": "fine texture, over training images'",
           "copy_rate": "share of copies"}
CHARTS = "accuracy", "diversity", DISTANCE
REAL = "real held-out"


def interval_name(row: dict) -> str:
    return "-".join(f"{share:g}" for share in row["interval"])


def chart(results: dict, figure: str) -> str:
    """One figure over the scale: a line per interval, and the real value across."""
    rows, lines = results["rows"], []
    for interval in dict.fromkeys(map(interval_name, rows)):
        part = [row for row in rows if interval_name(row) == interval]
        lines.append((f"within {interval}", [row["scale"] for row in part], [row[figure] for row in part], None))
    ends, real = [min(row["scale"] for row in rows), max(row["scale"] for row in rows)], results["held_out"][figure]
    lines += [(REAL, ends, [real, real], None)] * (real is not None)
    return "" if all(y is None for _, _, ys, _ in lines for y in ys) else Chart(
        figure, lines, f"{results['vary']} scale", FIGURES[figure],
        x_ticks=sorted({row["scale"] for row in rows})).drawing().svg()


def best_line(results: dict) -> str:
    row = results["rows"][results["best"]["row"]]
    met = "" if results["best"]["meets_rule"] else ", though no setting meets both limits"
    return f"best: scale {row['scale']:g} within {interval_name(row)}{met}"


def cells(results: dict, digits: int = 3) -> list:
    """Lines of the table: names first, real images last, a dash where nothing can be said."""
    lines = [[f"{row['scale']:g}", interval_name(row), *(number(row[key], digits) for key in FIGURES)]
             for row in results["rows"]]
    return [*lines, [REAL, "–", *(number(results["held_out"][key], digits) for key in FIGURES)]]


def sweep_summary(results: dict) -> str:
    """The table as comma-separated lines, then the setting that the rule names."""
    lines = [",".join(line) for line in (["scale", "interval", *FIGURES], *cells(results))]
    return "\n".join([*lines, best_line(results), f"rule: {results['rule']}", count_line(results)])


def count_line(results: dict) -> str:
    small = " (small: read the distance only beside that of real images)" if results["small_n"] else ""
    return f"{results['per_user']} images of every user at each setting; distance at N = {results['n']}{small}"


def render(results: dict) -> str:
    """The whole page."""
    charts = side_by_side(*(chart(results, figure) for figure in CHARTS))
    found = best_line(results).capitalize()
    return page("Sweep of guidance", f"<h1>Guidance, {escape(results['vary'])} scale: how strong, and where</h1>"
                f"<p><strong>{escape(found)}.</strong> The rule: {escape(results['rule'])}.</p>"
                "<p>Too weak, and users are not recognised; too strong, and images of one user are all alike. Within: "
                "the share of noise levels at which classifier-free guidance acts, 0 clean to 1 noise. Judged by a "
                f"classifier trained on real images alone. {escape(count_line(results))}.</p>{charts}"
                + table(Table("sweep", ["scale", "within", *FIGURES], cells(results)))
                + f"<footer><code>{escape(results['command'])}</code></footer>")
