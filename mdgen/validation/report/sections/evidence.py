"""Sections that try to tell generated images from real ones: network, tests, copies, single cases."""

from html import escape

from mdgen.validation.report.html import COLUMNS, both, folded, number, section, side_by_side, strip, table
from mdgen.validation.report.looks import case_grids, surest_grids
from mdgen.validation.report.tables import Number, Table

SHOWN_FEATURES = 12   # of the simple features before a click


def each(counts) -> str:
    """Numbers of images of the users, "15" or "7 to 15"."""
    return "–" if not counts else " to ".join(map(str, sorted({min(counts), max(counts)})))


def two_sample(results: dict, sets, colormap, axes, exhibits) -> str:
    """Can a network tell: its figure beside the control, by what, and the images that it is surest of."""
    found = results.get("two_sample")
    if not found:
        return ""
    control = found.get("control") or {}
    rows = [["generated from real training images", Number(found.get("auc"), ".3f", interval=found.get("interval"))],
            ["control: later from earlier training recordings",
             Number(control.get("auc"), ".3f", interval=control.get("interval"))],
            *([f"generated from real, by the {name} alone", Number(auc, ".3f")]
              for name, auc in (found.get("by") or {}).items())]
    sizes = " and ".join(str(count) for count in found.get("images") or ()) or "–"
    grids = surest_grids(found, sets[0], sets[2], results["users"], colormap, axes)
    return section("Can a network tell them from real ones?",
                   "A small network learns to tell generated from real images and is tested on images that it has not "
                   "seen (classifier two-sample test, Lopez-Paz & Oquab 2017). A linear discriminant of the simple "
                   "features below does the same, and is believed in a fold where it does clearly better on the other "
                   "folds. The area under the ROC curve (AUC) is 0.5 where they cannot tell, and 1 where they always "
                   "can. The control asks the same of real images of "
                   f"later against earlier recordings. {escape(sizes)} real and generated images, "
                   f"{each(found.get('per_user'))} of every user on each side, {found.get('folds', '–')} folds. "
                   "Simple features: the same area for one figure of an image alone; above 0.5 it is higher in "
                   "generated images. First stand those that tell more than in the control.",
                   exhibits.table(Table("two_sample", ["told apart", "AUC"], rows, "Classifier two-sample test")),
                   side_by_side(*(exhibits.figure(grid) for grid in grids)), simple_features(found, exhibits))


def simple_features(found: dict, exhibits) -> str:
    """The features by how much more they tell than in the control, the first of them unfolded."""
    def excess(feature):
        values = (feature.get("auc"), feature.get("control"))
        own, control = (0 if value is None else abs(value - 0.5) for value in values)
        return own - control

    rows = [[feature["name"].replace("_", " "), *(Number(feature.get(key), ".3f") for key in ("auc", "control"))]
            for feature in sorted(found.get("features") or (), key=excess, reverse=True)]
    if not rows:
        return ""
    whole = Table("simple_features", ["simple feature", "AUC", "control"], rows, "Simple features that tell apart")
    if len(rows) <= SHOWN_FEATURES:
        return "<h3>By what</h3>" + exhibits.table(whole)
    first = Table("", whole.header, rows[:SHOWN_FEATURES])
    return f"<h3>By what</h3>{table(first)}" + folded(f"All {len(rows)} features", exhibits.table(whole))


def tested(tests: dict, names, exhibits) -> str:
    """Pooled tests first, then p-values of every user after correction, with their controls."""
    def rejected(test, key):
        return sum(line[test][key] is not None and line[test][key] <= tests["alpha"] for line in tests["per_user"])

    words = "; ".join(f"{test.replace('_', ' ')}: {rejected(test, 'p_holm')} of {len(names)}"
                      + ("" if test == "recognition" else f", control {rejected(test, 'control_p_holm')}")
                      for test in tests["tests"])
    rows = [[name, *((Number(line[test]["p_holm"], ".3f"), Number(line[test]["control_p_holm"], ".3f"))
                     for test in tests["tests"])] for name, line in zip(names, tests["per_user"])]
    per_user = Table("tests_per_user", ["user", *(test.replace("_", " ") for test in tests["tests"])], rows,
                     "p-values of every user after Holm's correction, generated / control")
    return section("Can a test tell them from real ones?",
                   "Pooled over users, then of every user. mmd: the judge's features against those of training images. "
                   "torso: the torso's mean velocity against that of training images. recognition: the share "
                   "recognised against that of held-out images. p-values are corrected for all tests of a table "
                   "(Holm). A control is the same test of held-out against training images: where it rejects too, the "
                   "recordings themselves differ. Windows that share samples are left out. Where few images remain, "
                   "no rejection does not mean no difference.",
                   pooled(tests, exhibits),
                   f"<p>Users that differ at p ≤ {tests['alpha']:g}: {escape(words)}.</p>",
                   folded("All p-values of users: generated / control", exhibits.table(per_user)))


def pooled(tests: dict, exhibits) -> str:
    """The tests of all users together; "" for a report without them."""
    if not tests.get("pooled"):
        return ""
    rows = [[line["test"].replace("_", " "), Number(line.get("p_holm"), ".3g"), counts(line.get("n")),
             Number(line.get("control_p_holm"), ".3g"), counts(line.get("n_control"))] for line in tests["pooled"]]
    return exhibits.table(Table("tests_pooled", ["pooled over users", "p", "images", "p of the control",
                                                 "images of the control"], rows,
                                "Tests pooled over users; images: independent ones, tested and compared with"))


def counts(n) -> str:
    return " to ".join("–" if count is None else str(count) for count in n) if n else "–"


def cases(results: dict, sets, colormap, axes, exhibits) -> str:
    """The images whose target user the judge finds least and most probable."""
    grids = case_grids(sets[1], sets[2], results["users"], colormap, axes)
    if not grids:
        return ""
    return section("Worst and best cases",
                   "By the probability that the user classifier gives to the target user, which stands behind the "
                   "name; below it whom the classifier recognises. Chosen by it, so no sample of the whole: the images "
                   "of every user further up are.",
                   side_by_side(*(exhibits.figure(grid) for grid in grids)))


def originality(results: dict, couples, exhibits) -> str:
    """Nearest training images, copies framed."""
    found, names = results["originality"], results["users"]
    boxes = []
    for couple in couples:
        owner, trained = names[couple["user"]], names[couple["trained_as"]]
        label = f"{owner}: distance {number(couple['distance'])}" + (
            f" to {trained}" if trained != owner else "") + (", a copy" if couple["copy"] else "")
        boxes.append(f"<div class=\"couple{' copy' if couple['copy'] else ''}\">"
                     f"{strip(couple['pixels'], label, owner)}</div>")
    rows = [[f"{title}, {name}", *both(found[name], key)]
            for title, key in (("distance to the nearest training image", "distance"),
                               ("that over the distance to the nearest other moment", "ratio"))
            for name in ("pixels", "features") if found.get(name)]
    rows.append(["flagged as copies", Number(found["copy_rate"], percent=True, interval=found.get("interval")),
                 Number(found["held_out_rate"], percent=True)])
    copied = ("There are too few held-out images to say which are copies." if found["copies"] is None else
              f"Flagged as copies: {found['copies']} images, of {found['moments']} moments of training.")
    pairs = ("<h3>The nearest pairs: generated left, training right</h3>"
             f"<div class=\"couples\">{''.join(boxes)}</div>" if boxes else "")
    return section("Are they copies?",
                   "Medians over images. Pixel distance: between standardised images at the best shift in time, from 0 "
                   "(equal) to 2. A copy is far nearer to one moment of the training recordings than held-out images "
                   f"are, and near to no other moment. Overlapping windows count as one moment. {copied}",
                   exhibits.table(Table("originality", ["median", *COLUMNS], rows, "Are generated images copies?")),
                   pairs)
