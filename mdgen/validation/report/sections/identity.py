"""Sections about the person: who is recognised, who is verified, and by what."""

from html import escape

import numpy as np

from mdgen.validation.report.charts import Chart, Mark, Series
from mdgen.validation.report.html import COLUMNS, SIDES, confusion_table, look_up, section, side_by_side
from mdgen.validation.report.tables import Number, Table


def recognised(results: dict, exhibits) -> str:
    names, seen = results["users"], results["recognition"]
    made, held_out = (exhibits.table(confusion_table(f"confusion_{side}", names, confusion))
                      if (confusion := look_up(seen, side, "confusion")) else "" for side in SIDES)
    return section("Who is recognised as whom: confusion matrix",
                   "Rows: the target user. Columns: the user that a classifier recognises, which was trained on real "
                   "training images. Cells are numbers of images; a good table has its weight on the diagonal.",
                   side_by_side(f"<h3>Generated images</h3>{made}",
                                held_out and f"<h3>Real held-out images</h3>{held_out}"))


def verified(verification: dict, exhibits) -> str:
    """The Siamese judge: curves and table."""
    lines = [("equal error rate", "eer", ".3f"), ("area under the curve", "auc", ".3f"),
             ("rank 1: the nearest image is the user's", "rank1", ".3f"),
             ("distance to the user's prototype", "prototype_distance", ".2f"),
             ("margin to the nearest other prototype", "prototype_margin", ".2f"),
             ("distance to the user's training images", "genuine_distance", ".2f"),
             ("distance to other users' training images", "impostor_distance", ".2f")]
    rows = [[title, *(Number(look_up(verification, side, key), form,
                             interval=look_up(verification, side, "intervals", key)) for side in SIDES)]
            for title, key, form in lines]
    return section("Is it the same person?",
                   "A Siamese network compares every image with every real training image. It was trained on these "
                   f"with the {escape(str(verification.get('loss')))} loss. Generated images can score better than "
                   "held-out ones: their model has learnt from the same training images. The false acceptance rate is "
                   "the share of comparisons with other users that pass as the same person; the true acceptance rate "
                   "is that of comparisons within a user, and the false rejection rate is what lacks to 1. Rings mark "
                   "the equal error rate (EER). Errors of 0 do not appear on a logarithmic axis.",
                   side_by_side(exhibits.figure(roc_chart(verification)), exhibits.figure(error_chart(verification)),
                                exhibits.table(Table("verification", ["Siamese judge", *COLUMNS], rows,
                                                     "Verification by a Siamese network"))))


def rates(verification: dict):
    """Per side that has a curve: (name, false acceptance rates, true acceptance rates, equal error rate)."""
    for side, label in zip(SIDES, COLUMNS):
        if roc := look_up(verification, side, "roc"):
            yield label, roc["false_acceptance"], roc["true_acceptance"], look_up(verification, side, "eer")


def roc_chart(verification: dict) -> Chart | None:
    """True over false acceptance rate, the latter on a logarithmic axis."""
    series, marks = [], []
    for label, false, true, eer in rates(verification):
        kept = [(x, y) for x, y in zip(false, true) if x > 0]
        marks += [Mark(len(series), eer, 1 - eer, f"EER {eer:.3f}")] * bool(eer and kept)
        series.append(Series(label, [x for x, _ in kept], [y for _, y in kept]))
    return Chart("roc", series, "false acceptance rate", "true acceptance rate", log_x=True, y_range=(0, 1),
                 marks=tuple(marks)) if any(s.xs for s in series) else None


def error_chart(verification: dict) -> Chart | None:
    """False rejection over false acceptance rate, both logarithmic: the detection error trade-off (Martin et al. 1997).

    The equal error rate lies where a curve meets the dotted line.
    """
    series, marks = [], []
    for label, false, true, eer in rates(verification):
        kept = [(x, 1 - y) for x, y in zip(false, true) if x > 0 and 1 - y > 1e-12]
        marks += [Mark(len(series), eer, eer, f"EER {eer:.3f}")] * bool(eer and kept)
        series.append(Series(label, [x for x, _ in kept], [y for _, y in kept]))
    points = [value for s in series for value in (*s.xs, *s.ys)]
    if not points:
        return None
    low = max(min(x for s in series for x in s.xs), min(y for s in series for y in s.ys))
    ends = [low, min(max(x for s in series for x in s.xs), max(y for s in series for y in s.ys))]
    if ends[1] > ends[0]:
        series.append(Series("equal rates", *[np.geomspace(*ends, 20).tolist()] * 2))
    return Chart("error_trade_off", series, "false acceptance rate", "false rejection rate", log_x=True, log_y=True,
                 marks=tuple(marks))


def identity_basis(found: dict | None, exhibits) -> str:
    """What the judge goes by: its accuracy on changed images."""
    if not found:
        return ""
    rows = [[change["name"], *(Number(change.get(side)) for side in SIDES)] for change in found.get("changes") or ()]
    if alone := found.get("torso_line_alone"):
        rows.append(["torso line alone, by a classifier of its own", *(Number(alone.get(side)) for side in SIDES)])
    rows.append(["chance", *[Number(found.get("chance"))] * 2])
    return section("What identity rests on",
                   "The judge's accuracy after one change to every image. Where a shift by one Doppler row costs much, "
                   "the judge goes by the speed of that day, and not by the gait alone. Where the limbs can be hidden "
                   "at little cost, it goes by the torso. A generator that has learnt the user loses as much as real "
                   "images do. Nothing between reader and writer may move a Doppler row: what is one row off belongs "
                   "to another person.",
                   exhibits.table(Table("identity_basis", ["change", *COLUMNS], rows,
                                        "Accuracy of the user classifier on changed images")))


