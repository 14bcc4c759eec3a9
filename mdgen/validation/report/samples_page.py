"""The report as one HTML page: the verdict first, then every figure beside its floor or ceiling."""

from html import escape

from mdgen.validation.distribution import NAMES
from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.charts import line_chart
from mdgen.validation.report.html import (
    SIDES,
    Cell,
    both,
    card,
    confusion_table,
    figures,
    folded,
    number,
    page,
    section,
    status,
    strip,
    table,
)
from mdgen.validation.report.summary import FEATURES_OF, summary_lines

COLUMNS = "generated", "real held-out"   # how tables name the SIDES


def render(results: dict, pictures, couples) -> str:
    """The page. pictures: per user (real, generated), uint8 [n, H, W, 3] each; couples: see `nearest_couples`."""
    cards = "".join(card(line.title, line.generated, f"{line.beside}: {line.real}", line.meaning)
                    for line in summary_lines(results))
    sections = [introduction(results), verdict_box(results["verdict"]), f"<div class=\"cards\">{cards}</div>",
                users(results, pictures), recognised(results), verified(results["verification"]),
                *(distances(extractor, part) for extractor, part in results["distribution"].items()),
                gait(results["physics"], results["users"]), originality(results, couples),
                usefulness(results["usefulness"]), tested(results["tests"], results["users"]), footer(results)]
    return page("mdgen report", "\n".join(sections))


def introduction(results: dict) -> str:
    count, distance = results["images"], results["distribution"][EXTRACTOR][f"fd_{EXTRACTOR}"]
    text = (f"<h1>Generated walks beside real ones</h1><p>{count['generated']} generated images of "
            f"{len(results['users'])} users and {count['held_out']} real images held out of training, both "
            f"judged against {count['training']} real training images. Every number stands beside that of the "
            "held-out real images: a perfect generator would score the same.</p>")
    if distance["small_n"]:
        text += (f"<p class=\"note\">N = {distance['n']} is small for a distance in {distance['features']} "
                 "features: it is biased upwards. Compare it with its floor at the same N, and with nothing else.</p>")
    return text


def verdict_box(verdict: dict) -> str:
    """Passed, failed or incomplete, and why."""
    rows = [[row["name"], number(row["value"], 3), row["needs"], Cell(f"<td>{status(row['status'])}</td>")]
            for row in verdict["criteria"]]
    meanings = "; ".join(f"{row['name']}: {row['meaning']}" for row in verdict["criteria"])
    return (f"<div class=\"verdict {verdict['overall']}\"><h2>Verdict: {status(verdict['overall'])}</h2>"
            "<p>Incomplete: nothing failed, but something was not measured. Set limits with "
            "<code>--threshold NAME=VALUE</code> or <code>NAME=off</code>.</p>"
            + table(["criterion", "value", "needs", "status"], rows)
            + f"<p class=\"soft\">{escape(meanings)}.</p></div>")


def users(results: dict, pictures) -> str:
    """A card for every user: images, then the figures of that user alone."""
    cards = [f"<div class=\"user\"><h3>{escape(name)}</h3><div class=\"pair\">{strip(real, 'real', name)}"
             f"{strip(fake, 'generated', name)}</div>{figures(user_figures(results, user))}</div>"
             for user, (name, (real, fake)) in enumerate(zip(results["users"], pictures))]
    return section("User by user",
                   "Held-out real images, then generated ones, evenly spaced in file order, not chosen. Doppler "
                   "upwards, time to the right. Pairs of numbers are generated / real held-out. A dash: too few "
                   "images.",
                   f"<div class=\"users\">{''.join(cards)}</div>")


def user_figures(results: dict, user: int) -> list:
    """(name, "generated / held-out") texts."""
    seen, verified, spread = results["recognition"], results["verification"], results["diversity"]
    name = f"fd_{EXTRACTOR}"
    distance = results["distribution"][EXTRACTOR]["per_user"][user][name]["against_training"]
    nearest = results["originality"]["nearest"]
    copies = [copy for copy, owner in zip(nearest["copy"], nearest["user"]) if owner == user]
    pairs = {"accuracy": both(seen, "accuracy_per_user", user, percent=True),
             "confidence": both(seen, "confidence_per_user", user),
             "EER": both(verified, "eer_per_user", user),
             "rank 1": both(verified, "rank1_per_user", user, percent=True),
             "distance to prototype": both(verified, "prototype_distance_per_user", user),
             name.replace("_", " "): [number(distance[side], 0) for side in ("generated", "floor")],
             "torso line": both(results["physics"]["features"]["torso_line"], "to_user", "per_user", user),
             "diversity, features": both(spread["features"], "per_user", user),
             "diversity, pixels": both(spread["pixels"], "per_user", user),
             "fine texture": both(results["texture"], "per_user", user)}
    return [*((name, " / ".join(pair)) for name, pair in pairs.items()), ("copies", f"{sum(copies)} of {len(copies)}")]


def recognised(results: dict) -> str:
    names, seen = results["users"], results["recognition"]
    return section("Who is recognised as whom",
                   "Rows: the wanted user. Columns: the user that a classifier recognises, which was trained on real "
                   "training images. Cells are numbers of images; a good table has its weight on the diagonal.",
                   "<h3>Generated images</h3>", confusion_table(names, seen["generated"]["confusion"]),
                   folded("Real held-out images", confusion_table(names, seen["held_out"]["confusion"])))


def verified(verification: dict) -> str:
    """The Siamese judge: curve and table."""
    curves = [(label, verification[side]["roc"]["false_acceptance"], verification[side]["roc"]["true_acceptance"], None)
              for side, label in zip(SIDES, COLUMNS)]
    figure = line_chart(curves, x_label="false acceptance rate", y_label="true acceptance rate", y_range=(0, 1))
    lines = [("equal error rate", "eer", 3), ("area under the curve", "auc", 3),
             ("rank 1: the nearest image is the user's", "rank1", 3),
             ("distance to the user's prototype", "prototype_distance", 2),
             ("margin to the nearest other user's prototype", "prototype_margin", 2),
             ("distance to the user's training images", "genuine_distance", 2),
             ("distance to other users' training images", "impostor_distance", 2)]
    rows = [[title, *both(verification, key, digits=digits)] for title, key, digits in lines]
    return section("Is it the same person?",
                   "A Siamese network compares every image with every real training image. It was trained on these "
                   f"with the {escape(verification['loss'])} loss. Generated images can score better than held-out "
                   "ones: their model has learnt from the same training images.",
                   f"<div class=\"chart\">{figure}</div>", table(["Siamese judge", *COLUMNS], rows))


def distances(extractor: str, part: dict) -> str:
    """All distribution metrics in the features of one extractor."""
    fd, kd, score = NAMES[extractor].values()
    d, k, s = part[fd], part[kd], part[score]
    whole = d["all_images"]
    rows = [*([f"{fd} to {others} images, N = {d['n']} to {count}",
               *(number(d[key][side]) for side in ("generated", "floor"))]
              for others, key, count in (("training", "against_training", d["n_training"]),
                                         ("held-out", "against_held_out", d["n"]))),
            [f"{fd} to training images, all: {whole['n']} or {whole['n_held_out']} to {whole['n_training']}",
             number(whole["generated_to_training"]), number(whole["held_out_to_training"])],
            [f"{kd} to training images ± standard error", *(
                "–" if k[side]["value"] is None else f"{k[side]['value']:.3g} ± {k[side]['standard_error']:.2g}"
                for side in SIDES)],
            *([name, *both(part[name])] for name in ("precision", "recall", "density", "coverage")),
            [f"{score}, N = {s['n']} in {s['splits']} split{'s' if s['splits'] > 1 else ''}",
             *both(s)]]
    warning = ("2015 Inception weights: comparable with published figures at the same N." if fd == "fid" else
               "This is no FID: compare it only within this report.")
    return section(f"Distribution, in {FEATURES_OF[extractor]}",
                   f"{warning} Fréchet distance (fd) and kernel distance (kd): lower is closer, and the held-out "
                   "column is the floor. Precision: share of images that lie among real ones. Recall: share of real "
                   "images that lie among these. Density and coverage: the same, but more robust to outliers. "
                   "Inception Score (is): high for confident and varied class predictions.",
                   table(["", *COLUMNS], rows))


def gait(physics: dict, names) -> str:
    """Distances of gait and texture in units of the user's own variation."""
    measured = {name.replace("_", " "): feature for name, feature in physics["features"].items() if feature}

    def pair(feature, *keys):
        return " / ".join(both(feature, *keys))

    rows = [[name, *(pair(feature, key, "overall") for key in ("to_user", "to_others", "spread")),
             number(feature["separability"]["overall"])] for name, feature in measured.items()]
    missing = "; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in physics["not_measured"].items())
    per_user = table(["measure", *names],
                     [[name, *(pair(feature, "to_user", "per_user", user) for user in range(len(names)))]
                      for name, feature in measured.items()])
    return section("Gait and texture",
                   "To the user: mean distance to the user's real training images, over that among those. 1: as near "
                   "as the user's own images are to each other. To others: mean distance to other users' training "
                   "images, over that of the user's own. Spread: mean distance within the set, over that within the "
                   "user's training images. Between / within: mean distance between users, over that within a user; "
                   "near 1 the measure cannot tell users apart. Pairs are generated / real held-out.",
                   table(["measure", "to the user", "to others", "spread", "between / within"], rows),
                   f"<p class=\"soft\">Not measured: {escape(missing)}.</p>" if missing else "",
                   folded("To the user, user by user: generated / real held-out", per_user))


def originality(results: dict, couples) -> str:
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
            for name in ("pixels", "features")]
    rows.append(["flagged as copies", *(number(found[key], percent=True) for key in ("copy_rate", "held_out_rate"))])
    copied = ("There are too few held-out images to say which are copies." if found["copies"] is None else
              f"Flagged as copies: {found['copies']} images, of {found['moments']} moments of training.")
    return section("Are they copies?",
                   "Medians over images. Pixel distance: between standardised images at the best shift in time, from 0 "
                   "(equal) to 2. A copy is far nearer to one moment of the training recordings than held-out images "
                   f"are, and near to no other moment. Overlapping windows count as one moment. {copied}",
                   table(["median", *COLUMNS], rows),
                   "<h3>The nearest pairs: generated left, training right</h3>",
                   f"<div class=\"couples\">{''.join(boxes)}</div>")


def usefulness(study: dict | None) -> str:
    """Does it help my identification model: table and curve."""
    if not study:
        return ""

    def spread(arm, sign=""):
        return f"{100 * arm['mean']:{sign}.0f}" + ("" if arm["std"] is None else f" ± {100 * arm['std']:.0f}")

    lines = study["curve"]
    rows = [[f"all ({line['per_user']})" if line["all"] else str(line["per_user"]),
             spread(line["real"]), spread(line["both"]), spread(line["gain"], "+")] for line in lines]
    curves = [(label, [line["per_user"] for line in lines], [line[arm]["mean"] for line in lines],
               [line[arm]["std"] for line in lines])
              for arm, label in (("both", "real and generated"), ("real", "real alone"))]
    figure = line_chart(curves, x_label="real images per user", y_label="accuracy on real held-out images",
                        y_range=(0, 1), log_x=True)
    return section("Do they help an identification model?",
                   "A classifier is trained on a few real images of every user, without and with all generated images, "
                   "and tested on real held-out images. Accuracies are means and standard deviations over "
                   f"{study['seeds']} seeds; the gain is taken seed by seed. The generator has seen all real training "
                   "images: only the last row shows what it adds to them. The other rows show what its images are "
                   f"worth beside few real ones. Trained on generated images alone: {spread(study['tstr'])} %. "
                   f"Trained on real, tested on generated images: {spread(study['trts'])} %. Chance: "
                   f"{number(study['chance'], percent=True)}.",
                   f"<div class=\"chart\">{figure}</div>",
                   table(["real per user", "real alone, %", "with generated, %", "gain, points"], rows))


def tested(tests: dict, names) -> str:
    """p-values after correction, with their controls."""
    def rejected(test, key):
        return sum(line[test][key] is not None and line[test][key] <= tests["alpha"] for line in tests["per_user"])

    found = "; ".join(f"{test.replace('_', ' ')}: {rejected(test, 'p_holm')} of {len(names)}"
                      + ("" if test == "recognition" else f", control {rejected(test, 'control_p_holm')}")
                      for test in tests["tests"])
    rows = [[name, *(" / ".join(number(line[test][key], 3) for key in ("p_holm", "control_p_holm"))
                     for test in tests["tests"])] for name, line in zip(names, tests["per_user"])]
    return section("Can a test tell them from real ones?",
                   "Tests of every user. mmd: the judge's features against those of training images. torso: the "
                   "torso's mean velocity against that of training images. recognition: the share recognised against "
                   "that of held-out images. p-values are corrected for all users and tests (Holm). A control is the "
                   "same test of held-out against training images: where it rejects too, the recordings themselves "
                   "differ. Overlapping windows are left out, so that few images remain: no rejection does not mean no "
                   f"difference. Users that differ at p ≤ {tests['alpha']:g}: {escape(found)}.",
                   folded("All p-values: generated / control",
                          table(["user", *(test.replace("_", " ") for test in tests["tests"])], rows)))


def footer(results: dict) -> str:
    made = "; ".join(f"run {d['run_hash']}, {d['sampler']}, {d['steps']} steps, guidance {d['guidance']:g}"
                     for d in results["drawn_with"]) or "no manifest"
    judges = "; ".join(f"{name.replace('_', ' ')} ({', '.join(f'{key} {value}' for key, value in part.items())})"
                       for name, part in results["extractors"].items())
    hashes = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in results["hashes"].items())
    return (f"<footer><p>Made by <code>{escape(results['command'] or 'mdgen')}</code>, mdgen "
            f"{escape(results['mdgen'])}, preset {escape(results['preset'])}.<br>"
            f"Generated with: {escape(made)}.<br>Judges: {escape(judges)}. None takes part in generation; those that "
            "the evaluation trains see real training images alone.<br>"
            f"Images: {escape(hashes)}.<br>All numbers: <a href=\"report.json\">report.json</a>.</p></footer>")
