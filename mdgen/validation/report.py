"""What the evaluation found: report.json for programs, index.html to read, a few lines for the terminal."""

import json
import math
from html import escape
from pathlib import Path

import numpy as np
import torch

from mdgen.data.pictures import grid, to_pixels, write_png
from mdgen.errors import RunError
from mdgen.run_folder import write_text
from mdgen.validation.features import EXTRACTOR
from mdgen.validation.page import card, confusion_table, number, page, strip, table

SHOWN = 4   # images per user and side


def write_report(results: dict, held_out, generated, colormap: str | None, folder: Path) -> None:
    """Write folder/report.json, contact_sheet.png and index.html, each at once or not at all.

    results: see `evaluate_samples`; held_out, generated: JudgedSet, of which some images are shown.
    Raises RunError if the folder cannot be written.
    """
    users = range(len(results["users"]))
    pictures = [[pick(judged, user, colormap) for judged in (held_out, generated)] for user in users]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "report.json", to_json(results))
        write_png(folder / "contact_sheet.png", contact_sheet(pictures))
        write_text(folder / "index.html", render(results, pictures))
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
    return to_pixels(torch.from_numpy(judged.images[rows]).float() / 127.5 - 1, colormap)


def contact_sheet(pictures):
    """A row per user, real images left and generated ones right of a white band: uint8 [H', W', 3]."""
    sides = []
    for side in zip(*pictures):
        blank = np.full_like(side[0][:1], 255)
        cells = np.concatenate([np.concatenate([row, *[blank] * (SHOWN - len(row))]) for row in side])
        sides.append(grid(torch.from_numpy(cells).movedim(-1, 1), SHOWN, max(1, 128 // cells.shape[1])))
    return np.concatenate([sides[0], np.full_like(sides[0][:, :16], 255), sides[1]], axis=1)


def summary(results: dict) -> str:
    """The headline numbers as plain text, generated beside real held-out images."""
    count, distance = results["images"], results[f"fd_{EXTRACTOR}"]
    rows = [("", "generated", "real held-out")]
    rows += [(title, fake, real) for title, fake, real, _ in headlines(results)]
    lines = [f"{title:<42}{fake:>12}{real:>15}" for title, fake, real in rows]
    lines.append(f"images: {count['generated']} generated, {count['held_out']} real held-out, "
                 f"{count['training']} real training; distance at N = {distance['n']}"
                 + (" (small: read it only beside its floor)" if distance["small_n"] else ""))
    return "\n".join(lines)


def headlines(results: dict) -> list:
    """(title, generated, real held-out, how to read it) of the numbers that matter most, as texts."""
    seen, distance = results["recognition"], results[f"fd_{EXTRACTOR}"]
    spread, fine = results["diversity"], results["texture"]

    def both(part, key, digits=2, percent=False):
        return [number(part[side][key], digits, percent=percent) for side in ("generated", "held_out")]

    to_training = distance["against_training"]
    return [
        ("user accuracy", *both(seen, "accuracy", percent=True),
         "How often a classifier that has seen only real training images recognises the wanted user. Real "
         "images that it has not seen are the ceiling."),
        ("confidence in the wanted user", *both(seen, "confidence"),
         "Mean probability of the wanted user. Far above the real value: images that are more typical of "
         "the user than real ones."),
        (f"distance to training, fd_{EXTRACTOR}",
         number(to_training["generated"]), number(to_training["floor"]),
         f"Fréchet distance in that classifier's features, N = {distance['n']} to {distance['n_training']}. "
         "Lower is closer; the real value is the floor. Far below it: closer to the training images "
         "than held-out ones are, as copies would be."),
        ("diversity within a user, features", *both(spread["features"], "overall"),
         "Distance between images of one user, as a share of that between real training images. Near 0: one "
         "image again and again. Far above the real value: images that stray from the user."),
        ("diversity within a user, pixels", *both(spread["pixels"], "overall"),
         "The same, pixel by pixel. Blur lowers it, noise raises it."),
        ("fine texture", *both(fine, "overall"),
         f"Spectral power beyond {fine['cycles']:.0f} cycles per image, as a share of real training images'. "
         "Far below 1: blurred. Far above: noise that the radar does not make."),
    ]


def render(results: dict, pictures) -> str:
    """The page. pictures: per user (real, generated), uint8 [n, H, W, 3] each."""
    names, seen = results["users"], results["recognition"]
    sections = [
        introduction(results),
        "<div class=\"cards\">" + "".join(card(title, fake, f"real held-out: {real}", meaning)
                                          for title, fake, real, meaning in headlines(results)) + "</div>",
        "<h2>Real beside generated</h2><p>Of every user, held-out real images, then generated ones: evenly "
        "spaced in file order, not chosen. Doppler upwards, time to the right.</p>",
        gallery(names, pictures),
        "<h2>Per user</h2><p>Every pair reads: generated / real held-out. A dash: too few images.</p>"
        + per_user_table(results),
        "<h2>Who is taken for whom</h2><p>Rows: the user that was asked for. Columns: the user that was "
        "recognised. Counts; a good table has its weight on the diagonal.</p><h3>Generated images</h3>"
        + confusion_table(names, seen["generated"]["confusion"]) + "<h3>Real held-out images</h3>"
        + confusion_table(names, seen["held_out"]["confusion"]),
        "<h2>Fréchet distances</h2>" + distance_table(results),
        footer(results),
    ]
    return page("mdgen report", "\n".join(sections))


def introduction(results: dict) -> str:
    count, distance = results["images"], results[f"fd_{EXTRACTOR}"]
    text = (f"<h1>Generated walks beside real ones</h1><p>{count['generated']} generated images of "
            f"{len(results['users'])} users and {count['held_out']} real images held out of training, both "
            f"judged against {count['training']} real training images. Every number stands beside what the "
            "held-out real images get: a perfect generator would get the same.</p>")
    if distance["small_n"]:
        text += (f"<p class=\"note\">N = {distance['n']} is small for a distance in {distance['features']} "
                 "features: it is biased upwards. Compare it with its floor at the same N, and with nothing "
                 "else.</p>")
    return text


def gallery(names, pictures) -> str:
    users = [f"<div class=\"user\"><h3>{escape(name)}</h3><div class=\"pair\">{strip(real, 'real', name)}"
             f"{strip(fake, 'generated', name)}</div></div>" for name, (real, fake) in zip(names, pictures)]
    return f"<div class=\"users\">{''.join(users)}</div>"


def per_user_table(results: dict) -> str:
    seen, spread, fine = results["recognition"], results["diversity"], results["texture"]
    columns = [(seen, "accuracy_per_user", True), (seen, "confidence_per_user", False),
               (spread["features"], "per_user", False), (spread["pixels"], "per_user", False),
               (fine, "per_user", False)]

    def pair(part, key, percent, user):
        """One cell; a list of per-user values lies beside the overall one, or under `per_user`."""
        values = [part[side][key][user] for side in ("generated", "held_out")]
        return " / ".join(number(value, percent=percent) for value in values)

    header = ["user", "accuracy", "confidence", "diversity, features", "diversity, pixels", "fine texture"]
    return table(header, [[name, *(pair(*column, user) for column in columns)]
                          for user, name in enumerate(results["users"])])


def distance_table(results: dict) -> str:
    d = results[f"fd_{EXTRACTOR}"]
    whole = d["all_images"]
    rows = [[f"to training images, N = {d['n']} to {d['n_training']}",
             number(d["against_training"]["generated"]), number(d["against_training"]["floor"])],
            [f"to held-out images, N = {d['n']} to {d['n']}",
             number(d["against_held_out"]["generated"]), number(d["against_held_out"]["floor"])],
            [f"to training images, all: {whole['n']} or {whole['n_held_out']} to {whole['n_training']}",
             number(whole["generated_to_training"]), number(whole["held_out_to_training"])]]
    return ("<p>In the features of the user classifier: no FID, and comparable only within this report. The "
            "floor is real against real: held-out to training images, and training to held-out ones. The "
            "last line is at unequal N.</p>" + table([f"fd_{EXTRACTOR}", "generated", "real floor"], rows))


def footer(results: dict) -> str:
    drawn = "; ".join(f"run {d['run_hash']}, {d['sampler']}, {d['steps']} steps, guidance {d['guidance']:g}"
                      for d in results["drawn_with"]) or "no manifest"
    extractor = results["extractor"]
    return (f"<footer><p>Made by <code>{escape(results['command'] or 'mdgen')}</code>, mdgen "
            f"{escape(results['mdgen'])}, preset {escape(results['preset'])}.<br>"
            f"Drawn with: {escape(drawn)}.<br>"
            f"Judge: {escape(extractor['name'])} {escape(extractor['key'])}, {extractor['steps']} steps on "
            f"{escape(extractor['trained_on'])}, {extractor['features']} features.<br>"
            "All numbers: <a href=\"report.json\">report.json</a>.</p></footer>")
