"""Sections about use and origin: what generated images add to a classifier, and how the run was trained."""

from mdgen.validation.report.charts import Chart, Series
from mdgen.validation.report.html import look_up, number, real_images, section, side_by_side
from mdgen.validation.report.tables import Number, Table
from mdgen.validation.report.training_curves import last_held_out, training_charts

ARMS = {"both": "real and generated", "real": "real alone", "generated": "generated alone"}
QUESTION = "Do they help an identification model?"


def arm(line: dict, name: str, form: str = ".2f") -> Number:
    """Mean and standard deviation over seeds."""
    return Number(look_up(line, name, "mean"), form, error=look_up(line, name, "std"))


def curve(name: str, lines, arms) -> Chart | None:
    """Accuracy over real images per user, a line per arm that was trained."""
    series = [Series(ARMS[key], [line["per_user"] for line in lines], [look_up(line, key, "mean") for line in lines],
                     [look_up(line, key, "std") for line in lines]) for key in arms]
    series = [s for s in series if any(y is not None for y in s.ys)]
    ticks = sorted({line["per_user"] for line in lines})
    return Chart(name, series, "real images per user", "accuracy on real held-out images", x_ticks=ticks,
                 y_range=(0, 1), log_x=True) if series else None


def honest(study: dict | None, exhibits) -> str:
    """Of generators that were trained on the few images alone."""
    lines = (study or {}).get("curve")
    if not lines:
        return ""
    rows = [[str(line["per_user"]), arm(line, "real"), arm(line, "both"), arm(line, "generated"),
             Number(line.get("copy_rate"), percent=True), str(line.get("generated_per_user", "–"))] for line in lines]
    return section(f"{QUESTION} Generators that saw as few images",
                   "For every row the generator was trained anew, on the few real images of that row alone. So this "
                   "is what a user with so few images gains. Accuracies on real held-out images, mean and standard "
                   f"deviation over {study.get('seeds', '–')} seeds, of a classifier trained on the real images, on "
                   f"these with generated ones, and on generated ones alone. Chance: {number(study.get('chance'))}.",
                   side_by_side(exhibits.figure(curve("honest", lines, ARMS)), exhibits.table(Table(
                       "honest", ["real per user", "real alone", "with generated", "generated alone", "copies",
                                  "generated per user"], rows,
                       "Accuracy of a classifier; the generator was trained on the same few images"))))


def usefulness(study: dict | None, exhibits, after_honest: bool) -> str:
    """Does it help my identification model: table and curve, of the run's own generator."""
    if not study:
        return ""
    lines = study["curve"]
    rows = [[f"all ({real_images(line)})" if line["all"] else str(line["per_user"]),
             arm(line, "real"), arm(line, "both"), arm(line, "gain", "+.2f")] for line in lines]
    return section(f"{QUESTION} A generator that has seen all" if after_honest else QUESTION,
                   "A classifier is trained on a few real images of every user, without and with all generated images, "
                   "and tested on real held-out images. Accuracies are means and standard deviations over "
                   f"{study['seeds']} seeds; the gain is taken seed by seed. The generator has seen all real training "
                   "images: only the last row shows what it adds to them. The other rows show what its images are "
                   f"worth beside few real ones. Trained on generated images alone: {arm(study, 'tstr')}. "
                   f"Trained on real, tested on generated images: {arm(study, 'trts')}. Chance: "
                   f"{number(study['chance'])}.",
                   side_by_side(exhibits.figure(curve("usefulness", lines, ("both", "real"))), exhibits.table(Table(
                       "usefulness", ["real per user", "real alone", "with generated", "gain"], rows,
                       "Accuracy of a classifier; the generator has seen all training images"))))


def trained(log, exhibits) -> str:
    """Losses over steps from the run's log."""
    charts, figures = training_charts(log), last_held_out(log)
    if not charts and not figures:
        return ""
    rows = [[f"{stage}: {name}", str(step), Number(value, ".4g")] for stage, name, step, value in figures]
    return section("How it was trained",
                   "Losses over optimiser steps, as the run logged them. Figures of held-out images are those of the "
                   "last time.",
                   side_by_side(*map(exhibits.figure, charts), exhibits.table(Table(
                       "training_held_out", ["stage and figure", "step", "value"], rows,
                       "Figures of held-out images at the end of training")) if rows else ""))
