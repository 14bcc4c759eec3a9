"""What a run tells: one JSON line per entry in log.jsonl, and a progress line with rate and time left."""

import json
import math
import shutil
import sys
import time
from pathlib import Path

from mdgen.distributed import is_main
from mdgen.errors import naming
from mdgen.files import write_text


class Progress:
    """Progress of any long work, on a stream (stderr if none is given), from the main process only.

    On a terminal one line is redrawn up to ten times a second. Elsewhere plain lines appear: the first, the
    last, and between them one per percent, at least 10 s and at most about 60 s apart. `start` is what an
    earlier process had already done: it counts as progress but not towards the rate.
    """

    def __init__(self, label: str, total: int, stream=None, *, start: int = 0, unit: str = "step",
                 clock=time.monotonic):
        self.label, self.total, self.unit, self.clock = label, total, unit, clock
        self.stream = stream if stream is not None else sys.stderr
        self.terminal = bool(getattr(self.stream, "isatty", lambda: False)())
        self.visible = is_main()
        self.start = self.done = self.shown = start
        self.began, self.shown_at, self.width, self.note = clock(), None, 0, ""

    def update(self, done: int, note: str = "") -> None:
        """`done` units are finished in all; `note` is appended to the line."""
        self.done, self.note = done, note
        if self.visible and self.due():
            self.draw()

    def due(self) -> bool:
        if self.shown_at is None or self.done >= self.total:
            return self.shown_at is None or self.done != self.shown
        waited = self.clock() - self.shown_at
        if self.terminal:
            return waited >= 0.1
        return waited >= 60 or (waited >= 10 and self.done - self.shown >= self.total / 100)

    def line(self) -> str:
        elapsed, here = self.clock() - self.began, self.done - self.start
        percent = 100 * self.done // max(self.total, 1)
        parts = [f"{self.label} {self.done}/{self.total} {percent}%"]
        if here > 0 and elapsed > 0:
            rate = here / elapsed
            parts.append(f"{rate:.3g} {self.unit}s/s" if rate >= 1 else f"{1 / rate:.3g} s/{self.unit}")
            parts += [f"{duration(elapsed)} elapsed", f"{duration((self.total - self.done) / rate)} left"]
        return "  ".join(parts + [self.note] * bool(self.note))

    def draw(self) -> None:
        text = self.line()
        if self.terminal:
            text = text[:shutil.get_terminal_size().columns - 1]
            self.stream.write("\r" + text.ljust(self.width))  # blanks cover the rest of a longer line
            self.width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()
        self.shown, self.shown_at = self.done, self.clock()

    def close(self) -> None:
        """Show where the work stands and end the line."""
        if self.visible and self.shown_at is not None:
            if self.done != self.shown:
                self.draw()
            if self.terminal:
                self.stream.write("\n")
                self.stream.flush()
        self.visible = False


class ShowProgress(Progress):
    """progress(done, total) -> a progress line that appears with the first call."""

    def __init__(self, label: str, unit: str = "image"):
        super().__init__(label, 0, unit=unit)

    def __call__(self, done: int, total: int) -> None:
        self.total = total
        self.update(done)
        if done >= total:
            self.close()


class Logger:
    """The log of one stage: lines {"time", "stage", "step", metrics...} in `log_path`, and its progress.

    resume_step: the optimiser steps that the loaded state had done. Lines of this stage beyond it, which an
    interrupted process wrote and this one writes again, are removed first; 0 removes all lines of the stage.
    Only the main process writes.
    """

    def __init__(self, log_path: str | Path, stage: str, total_steps: int, stream=None, *,
                 resume_step: int = 0, clock=time.monotonic):
        self.path, self.stage, self.file = Path(log_path), stage, None
        self.progress = Progress(stage, total_steps, stream, start=resume_step, clock=clock)
        if is_main():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            forget_after(self.path, stage, resume_step)
            self.file = open(self.path, "a", encoding="utf-8")

    def log(self, step: int, **metrics) -> None:
        """Write one line and advance the progress. Metrics: numbers or one-element tensors; step: from 1."""
        metrics = {name: as_number(value) for name, value in metrics.items()}
        if self.file is not None:
            entry = {"time": round(time.time(), 3), "stage": self.stage, "step": step, **metrics}
            with naming(self.path):
                self.file.write(json.dumps(entry, allow_nan=False) + "\n")
                self.file.flush()
        self.tick(step, metrics.get("loss"))

    def tick(self, step: int, loss=None) -> None:
        """Advance the progress without writing a line; loss: a float to show beside it."""
        self.progress.update(step, self.progress.note if loss is None else f"loss {loss:.4g}")

    def close(self) -> None:
        self.progress.close()
        if self.file is not None:
            self.file.close()
            self.file = None


def as_number(value):
    """A JSON number; None for what JSON has no number for (nan and infinities)."""
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    value = float(value)
    return value if math.isfinite(value) else None


def duration(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, second = divmod(int(seconds + 0.5), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def forget_after(path: Path, stage: str, step: int) -> None:
    """Drop lines of `stage` beyond `step` (all of them for 0), and lines that a kill cut short."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    kept = "".join(line + "\n" for line in text.splitlines() if belongs(line, stage, step))
    if kept != text:
        write_text(path, kept)


def belongs(line: str, stage: str, step: int) -> bool:
    try:
        entry = json.loads(line)
        return entry["stage"] != stage or 0 < entry["step"] <= step
    except (ValueError, KeyError, TypeError):
        return False


def read_log(path: str | Path, stage: str | None = None) -> list[dict]:
    """The entries of a log in order, of one stage or of all."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if stage in (None, entry["stage"])]
