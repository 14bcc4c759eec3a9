"""What the check of a data folder says: a list of findings, each in one line with its cure."""

from dataclasses import dataclass, field

DECISION, NOTE = "needs a decision", "note"


@dataclass(frozen=True)
class Finding:
    """name: one word for programs. level: DECISION, where training as the files are is likely a mistake, or NOTE.
    text: what was found, in how many images of whom. cure: the flag, setting or deed. counts: what JSON holds."""

    name: str
    level: str
    text: str
    cure: str
    counts: dict = field(default_factory=dict)

    @property
    def line(self) -> str:
        return self.text if self.cure == "none needed" else f"{self.text}. Cure: {self.cure}"


def to_decide(findings) -> list:
    """Those that need a decision."""
    return [finding for finding in findings if finding.level == DECISION]


def listed(names, most: int = 4) -> str:
    """Names for a line: all of a few, else the first ones and how many more there are."""
    names = list(names)
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most - 1])} and {len(names) - most + 1} more"


def images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
