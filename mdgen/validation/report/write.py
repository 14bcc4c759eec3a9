"""What the evaluation found, in files: report.json for programs, index.html and contact_sheet.png to look at."""

import contextlib
import json
import math
from pathlib import Path

import numpy as np

from mdgen.data.image_io import grid, paint, write_png
from mdgen.errors import RunError
from mdgen.files import write_text
from mdgen.validation.report.samples_page import render

SHOWN = 4     # images per user and side
COUPLES = 8   # generated images with their nearest training image, nearest first


def write_report(results: dict, training, held_out, generated, colormap: str | None, folder: Path) -> None:
    """Write folder/report.json, contact_sheet.png and index.html, each at once or not at all.

    results: see `evaluate_samples`; training, held_out, generated: JudgedSets, of which some images are shown.
    Raises RunError if the folder cannot be written.
    """
    users = range(len(results["users"]))
    pictures = [[pick(judged, user, colormap) for judged in (held_out, generated)] for user in users]
    couples = nearest_couples(results["originality"]["nearest"], training, generated, colormap)
    with report_folder(folder):
        write_text(folder / "report.json", to_json(results))
        write_png(folder / "contact_sheet.png", contact_sheet(pictures))
        write_text(folder / "index.html", render(results, pictures, couples))


@contextlib.contextmanager
def report_folder(folder: Path):
    """Context in which files are written to a folder that is made if need be; RunError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RunError(f"the report cannot be written to {folder} ({error.strerror or error}); make room, "
                       "or give another --report-dir") from None


def to_json(results: dict) -> str:
    """JSON without NaN or infinity, which are no JSON: they become null."""
    return json.dumps(plain(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value):
    """NumPy and nested values as what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def pick(judged, user: int, colormap: str | None):
    """Up to SHOWN images of a user, evenly spaced in file order: uint8 [n, H, W, 3]."""
    rows = judged.of_user(user)
    rows = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(int)]
    return paint(judged.images[rows], colormap)


def nearest_couples(nearest: dict, training, generated, colormap: str | None) -> list:
    """Of `originality`: the COUPLES generated images nearest to a training image, copies first, then by distance.

    Each as {"pixels": uint8 [2, H, W, 3], generated and training, "user", "distance", "copy"}.
    """
    order = sorted(range(len(generated)), key=lambda row: (not nearest["copy"][row], nearest["pixels"][row]))
    return [{"pixels": paint(np.stack([generated.images[row], training.images[nearest["row"][row]]]), colormap),
             "user": int(generated.users[row]), "trained_as": int(training.users[nearest["row"][row]]),
             "distance": nearest["pixels"][row], "copy": nearest["copy"][row]} for row in order[:COUPLES]]


def contact_sheet(pictures):
    """A row per user, real images left and generated ones right of a white band: uint8 [H', W', 3]."""
    sides = []
    for side in zip(*pictures):
        blank = np.full_like(side[0][:1], 255)
        cells = np.concatenate([np.concatenate([row, *[blank] * (SHOWN - len(row))]) for row in side])
        sides.append(grid(cells, SHOWN, max(1, 128 // cells.shape[1])))
    return np.concatenate([sides[0], np.full_like(sides[0][:, :16], 255), sides[1]], axis=1)
