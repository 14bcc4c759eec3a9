"""What the check of a data folder found: lines for a terminal, data.json for programs, and one page with pictures."""

from collections import Counter
from dataclasses import asdict
from html import escape
from pathlib import Path

from mdgen import __version__
from mdgen.data.check.findings import Finding, images, to_decide
from mdgen.data.check.survey import Survey, spaced
from mdgen.data.colormap import color_table
from mdgen.files import write_text
from mdgen.validation.report.html import figures, page, section, strip, table
from mdgen.validation.report.output import report_folder, to_json
from mdgen.validation.report.tables import Table

SCHEMA_VERSION = 1
SHOWN, USERS_SHOWN = 4, 24   # images of each user, and users, on the page


def facts(survey: Survey) -> dict:
    """What the folder holds, whatever is found: names and short texts."""
    sizes = Counter(f"{look.size[0]} x {look.size[1]}" for look in survey.looks)
    kinds = Counter(look.kind for look in survey.looks)
    return {"users": len(survey.users), "images": len(survey.looks),
            "size": ", ".join(size for size, _ in sizes.most_common(3)) or "–",
            "type": ", ".join(kind for kind, _ in kinds.most_common()) or "–",
            "colour map": survey.colormap or "none, RGB"}


def summary(survey: Survey, findings: list[Finding]) -> list[str]:
    """Lines: what there is, each finding, and how many need a decision."""
    known = ", ".join(f"{name} {value}" for name, value in facts(survey).items())
    count = len(to_decide(findings))
    lines = [f"{finding.level}: {finding.line}" for finding in findings]
    said = f"{count} of {len(findings)} findings need a decision" if findings else "nothing found that is likely wrong"
    return [f"{survey.root}: {known}", *lines, said]


def write_data_report(survey: Survey, findings: list[Finding], folder: Path, command: str) -> None:
    """Write folder/index.html and data.json. Raises RunError if the folder cannot be written."""
    values = {"schema_version": SCHEMA_VERSION, "mdgen": __version__, "command": command, "data": str(survey.root),
              **facts(survey), "needs_a_decision": len(to_decide(findings)),
              "findings": [asdict(finding) for finding in findings]}
    with report_folder(folder):
        write_text(folder / "data.json", to_json(values))
        write_text(folder / "index.html", render(survey, findings, command))


def render(survey: Survey, findings: list[Finding], command: str) -> str:
    """The whole page."""
    count = len(to_decide(findings))
    said = f"{count} of {len(findings)} findings need a decision" if findings else "Nothing found that is likely wrong"
    rows = [[finding.name.replace("_", " "), finding.level, f"{finding.text}.", finding.cure] for finding in findings]
    found = table(Table("findings", ["finding", "level", "what was found", "cure"], rows, kind="words")) if rows else ""
    known = figures((name, str(value)) for name, value in facts(survey).items())
    parts = [f"<h1>{escape(str(survey.root))}: is the data as it should be?</h1>",
             f"<p><strong>{escape(said)}.</strong></p>{known}",
             section("Findings", "Each with its cure, those that need a decision first.", found, wide=True),
             section("Images", "Some of every user in the order of the files, as they are read: within the frame if "
                     "one was found, by the colour map if it is known.", *users(survey), wide=True),
             f"<footer><code>{escape(command)}</code></footer>"]
    return page("Data check", "\n".join(parts))


def users(survey: Survey) -> list[str]:
    """A strip of pictures for each of the first users."""
    parts, colours = [], color_table(survey.colormap or "gray")
    for label, user in list(enumerate(survey.users))[:USERS_SHOWN]:
        rows = [row for row, owner in enumerate(survey.labels) if owner == label]
        if rows:
            pixels = colours[survey.levels[spaced(rows, SHOWN)]]
            parts.append(f"<div class=\"user\"><h3>{escape(user)}</h3>"
                         f"{strip(pixels, images(len(rows)), user)}</div>")
    return [f"<div class=\"users\">{''.join(parts)}</div>"]
