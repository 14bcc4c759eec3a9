"""Charts of a run's training, from its log.jsonl."""

import json
from pathlib import Path

from mdgen.validation.report.charts import Chart, Series

NO_LOSS = "time", "stage", "step", "gradient_norm", "learning_rate"
HELD_OUT = "validation_"


def read_entries(path) -> list:
    """The entries of a log that have a stage and a step; a line that is none of these is passed over."""
    entries = []
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("stage"), str) and is_number(entry.get("step")):
            entries.append(entry)
    return entries


def training_charts(path) -> list:
    """Per stage of the log at `path` a Chart of its losses over steps and one of every figure of held-out images.

    [] without such a file. A figure that was taken once is no curve: it is left out.
    """
    if path is None or not Path(path).is_file():
        return []
    entries = read_entries(path)
    return [chart for stage in dict.fromkeys(entry["stage"] for entry in entries)
            for chart in stage_charts(stage, [entry for entry in entries if entry["stage"] == stage])]


def stage_charts(stage: str, entries) -> list:
    names = dict.fromkeys(name for entry in entries for name in entry if name not in NO_LOSS)
    series = {name: curve(name, entries) for name in names}
    losses = [line for name, line in series.items() if not name.startswith(HELD_OUT)]
    losses = [kept for line in losses if len((kept := positive(line)).xs) > 1]
    charts = [Chart(f"training_{stage}", losses, "optimiser steps", f"{stage}: loss", log_y=True)] if losses else []
    return charts + [Chart(f"training_{stage}_{name}", [line], "optimiser steps", f"{stage}: {line.label}")
                     for name, line in series.items() if name.startswith(HELD_OUT) and len(line.xs) > 1]


def curve(name: str, entries) -> Series:
    found = [(entry["step"], entry[name]) for entry in entries if is_number(entry.get(name))]
    label = name.replace("_", " ").replace("validation ", "held-out ")
    return Series(label, [step for step, _ in found], [value for _, value in found])


def positive(series: Series) -> Series:
    """What a logarithmic axis can show."""
    kept = [(x, y) for x, y in zip(series.xs, series.ys) if y > 0]
    return Series(series.label, [x for x, _ in kept], [y for _, y in kept])


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def last_held_out(path) -> list:
    """(stage, figure, step, value) of every figure of held-out images as it was taken last; [] without a log."""
    if path is None or not Path(path).is_file():
        return []
    found = {}
    for entry in read_entries(path):
        for name, value in entry.items():
            if name.startswith(HELD_OUT) and is_number(value):
                found[entry["stage"], name.removeprefix(HELD_OUT).replace("_", " ")] = entry["step"], value
    return [(*key, *taken) for key, taken in found.items()]
