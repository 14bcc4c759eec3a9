"""What the evaluation found, in files: report.json for programs, a page to look at, figures and tables for a paper."""

from pathlib import Path

import numpy as np

from mdgen.data.image_io import grid, paint, write_png
from mdgen.files import write_text
from mdgen.validation.report.exhibits import Exhibits
from mdgen.validation.report.image_grid import ImageGrid
from mdgen.validation.report.looks import colours, has_images
from mdgen.validation.report.output import report_folder, to_json
from mdgen.validation.report.samples_page import render

SHOWN = 4     # images per user and side
COUPLES = 8   # generated images with their nearest training image, nearest first


def write_report(results: dict, training, held_out, generated, colormap: str | None, folder: Path, *,
                 axes=None, log: Path | None = None) -> None:
    """Write folder/report.json, contact_sheet.png, index.html, figures/ and tables/, each file at once or not at all.

    results: see `evaluate_samples`; training, held_out, generated: JudgedSets, of which some images are shown.
    axes: ImageAxes, where known. log: the run's log.jsonl, for its training curves.
    Raises RunError if the folder cannot be written.
    """
    users = range(len(results["users"]))
    pictures = [[pick(judged, user, colormap) for judged in (held_out, generated)] for user in users]
    couples = nearest_couples((results.get("originality") or {}).get("nearest"), training, generated, colormap)
    exhibits, sheet = Exhibits(), any(len(part) for pair in pictures for part in pair)
    page = render(results, pictures, couples, exhibits, (training, held_out, generated), colormap, axes, log)
    if sheet:
        exhibits.keep(contact_grid(results["users"], pictures, axes, colours(generated, colormap)))
    with report_folder(folder):
        write_text(folder / "report.json", to_json(results))
        if sheet:
            write_png(folder / "contact_sheet.png", contact_sheet(pictures))
        write_text(folder / "index.html", page)
        exhibits.write(folder)


def pick(judged, user: int, colormap: str | None):
    """Up to SHOWN images of a user, evenly spaced in file order: uint8 [n, H, W, 3]; [] of a set without images."""
    if not has_images(judged):
        return []
    rows = judged.of_user(user)
    rows = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(int)]
    return paint(judged.images[rows], colormap)


def nearest_couples(nearest: dict | None, training, generated, colormap: str | None) -> list:
    """Of `originality`: the COUPLES generated images nearest to a training image, copies first, then by distance.

    Each as {"pixels": uint8 [2, H, W, 3], generated and training, "user", "distance", "copy"}.
    """
    if not nearest or not has_images(training) or not has_images(generated):
        return []
    order = sorted(range(len(generated)), key=lambda row: (not nearest["copy"][row], nearest["pixels"][row]))
    return [{"pixels": paint(np.stack([generated.images[row], training.images[nearest["row"][row]]]), colormap),
             "user": int(generated.users[row]), "trained_as": int(training.users[nearest["row"][row]]),
             "distance": nearest["pixels"][row], "copy": nearest["copy"][row]} for row in order[:COUPLES]]


def contact_sheet(pictures):
    """A row per user, real images left and generated ones right of a white band: uint8 [H', W', 3]."""
    blank = np.full_like(next(image for pair in pictures for part in pair for image in part), 255)
    sides = []
    for side in zip(*pictures):
        cells = np.stack([image for row in side for image in (*row, *[blank] * (SHOWN - len(row)))])
        sides.append(grid(cells, SHOWN, max(1, 128 // cells.shape[1])))
    return np.concatenate([sides[0], np.full_like(sides[0][:, :16], 255), sides[1]], axis=1)


def contact_grid(users, pictures, axes, colormap: str | None) -> ImageGrid:
    """The contact sheet with users' names, axes and a colour bar."""
    rows = [(name, [image for row in pair for image in (*row, *[None] * (SHOWN - len(row)))], ())
            for name, pair in zip(users, pictures)]
    return ImageGrid("contact_sheet", "Real held-out and generated images of every user",
                     [("real held-out", SHOWN), ("generated", SHOWN)], rows, axes, colormap)
