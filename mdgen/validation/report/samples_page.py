"""The report as one HTML page: the verdict first, then every figure beside its floor or ceiling."""

from html import escape

from mdgen.validation.report.charts import line_chart
from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.summary import headlines
from mdgen.validation.report.html import (card, confusion_table, figures, folded, number, page, status, strip, table)

SIDES = "generated", "held_out"


def render(results: dict, pictures, couples) -> str:
    """The page. pictures: per user (real, generated), uint8 [n, H, W, 3] each; couples: see `nearest_couples`."""
    cards = "".join(card(line.title, line.generated, f"{line.beside}: {line.real}", line.meaning)
                    for line in headlines(results))
    sections = [introduction(results), verdict_box(results["verdict"]), f"<div class=\"cards\">{cards}</div>",
                users(results, pictures), recognised(results), verified(results["verification"]),
                "".join(distances(extractor, part) for extractor, part in results["distribution"].items()),
                gait(results["physics"], results["users"]), originality(results, couples),
                usefulness(results["usefulness"]), tested(results["tests"], results["users"]), footer(results)]
    return page("mdgen report", "\n".join(sections))


def introduction(results: dict) -> str:
    count, distance = results["images"], results["distribution"][EXTRACTOR][f"fd_{EXTRACTOR}"]
    text = (f"<h1>Generated walks beside real ones</h1><p>{count['generated']} generated images of "
            f"{len(results['users'])} users and {count['held_out']} real images held out of training, both "
            f"judged against {count['training']} real training images. Every number stands beside what the "
            "held-out real images get: a perfect generator would get the same.</p>")
    if distance["small_n"]:
        text += (f"<p class=\"note\">N = {distance['n']} is small for a distance in {distance['features']} "
                 "features: it is biased upwards. Compare it with its floor at the same N, and with nothing else.</p>")
    return text


def verdict_box(verdict: dict) -> str:
    """Passed, failed or incomplete, and why."""
    rows = "".join(f"<tr><th>{escape(row['name'])}</th><td>{number(row['value'], 3)}</td>"
                   f"<td>{escape(row['needs'])}</td><td>{status(row['status'])}</td></tr>"
                   for row in verdict["criteria"])
    head = "".join(f"<th>{text}</th>" for text in ("criterion", "value", "needs", "status"))
    meanings = "; ".join(f"{row['name']}: {row['meaning']}" for row in verdict["criteria"])
    return (f"<div class=\"verdict {verdict['overall']}\"><h2>Verdict: {status(verdict['overall'])}</h2>"
            "<p>Incomplete: nothing failed, but something was not measured. Set limits with "
            "<code>--threshold NAME=VALUE</code> or <code>NAME=off</code>.</p>"
            f"<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
            f"<p class=\"soft\">{escape(meanings)}.</p></div>")


def users(results: dict, pictures) -> str:
    """A card for every user: images, then the figures of that user alone."""
    cards = [f"<div class=\"user\"><h3>{escape(name)}</h3><div class=\"pair\">{strip(real, 'real', name)}"
             f"{strip(fake, 'generated', name)}</div>{figures(user_figures(results, user))}</div>"
             for user, (name, (real, fake)) in enumerate(zip(results["users"], pictures))]
    return ("<h2>User by user</h2><p>Held-out real images, then generated ones: evenly spaced in file order, not "
            "chosen. Doppler upwards, time to the right. Every pair of numbers reads generated / real held-out; a "
            f"dash: too few images.</p><div class=\"users\">{''.join(cards)}</div>")


def user_figures(results: dict, user: int) -> list:
    """(name, "generated / held-out") texts."""
    seen, verified, spread = results["recognition"], results["verification"], results["diversity"]
    name = f"fd_{EXTRACTOR}"
    distance = results["distribution"][EXTRACTOR]["per_user"][user][name]["against_training"]
    torso = results["physics"]["features"]["torso_line"]
    copies = [copy for copy, owner in zip(results["originality"]["nearest"]["copy"],
                                          results["originality"]["nearest"]["user"]) if owner == user]

    def pair(part, *keys, percent=False):
        values = []
        for side in SIDES:
            value = part[side]
            for key in keys:
                value = value[key]
            values.append(number(value[user], percent=percent))
        return " / ".join(values)

    return [("accuracy", pair(seen, "accuracy_per_user", percent=True)),
            ("confidence", pair(seen, "confidence_per_user")),
            ("EER", pair(verified, "eer_per_user")),
            ("rank 1", pair(verified, "rank1_per_user", percent=True)),
            ("to prototype", pair(verified, "prototype_distance_per_user")),
            (name.replace("_", " "), f"{number(distance['generated'], 0)} / {number(distance['floor'], 0)}"),
            ("torso line", pair(torso, "to_user", "per_user")),
            ("diversity, features", pair(spread["features"], "per_user")),
            ("diversity, pixels", pair(spread["pixels"], "per_user")),
            ("fine texture", pair(results["texture"], "per_user")),
            ("copies", f"{sum(copies)} of {len(copies)}")]


def recognised(results: dict) -> str:
    names, seen = results["users"], results["recognition"]
    return ("<h2>Who is taken for whom</h2><p>Rows: the user that was asked for. Columns: the user that was recognised "
            "by a classifier trained on real training images. Counts; a good table has its weight on the diagonal.</p>"
            "<h3>Generated images</h3>" + confusion_table(names, seen["generated"]["confusion"])
            + folded("Real held-out images", confusion_table(names, seen["held_out"]["confusion"])))


def verified(verification: dict) -> str:
    """The Siamese judge: curve and table."""
    curves = [(label, verification[side]["roc"]["false_acceptance"], verification[side]["roc"]["true_acceptance"], None)
              for side, label in zip(SIDES, ("generated", "real held-out"))]
    figure = line_chart(curves, x_label="strangers accepted", y_label="right users accepted", y_range=(0, 1))
    lines = [("equal error rate", "eer", 3), ("area under the curve", "auc", 3),
             ("rank 1: nearest is the user", "rank1", 3),
             ("distance to the user's prototype", "prototype_distance", 2),
             ("further to the nearest other prototype", "prototype_margin", 2),
             ("distance to images of the user", "genuine_distance", 2),
             ("distance to images of others", "impostor_distance", 2)]
    rows = [[title, *(number(verification[side][key], digits) for side in SIDES)] for title, key, digits in lines]
    return ("<h2>Is it the same person?</h2><p>A Siamese network, trained on real training images by the "
            f"{escape(verification['loss'])} loss, compares every image with every real training image. Generated "
            "images can do better than held-out ones, since their model has learnt from the training images too.</p>"
            f"<div class=\"chart\">{figure}</div>" + table(["Siamese judge", "generated", "real held-out"], rows))


def distances(extractor: str, part: dict) -> str:
    """All distribution metrics in the features of one extractor."""
    fd, kd, score = (next(key for key in part if key in names) for names in
                     (("fid", f"fd_{extractor}"), ("kid", f"kd_{extractor}"), ("inception_score", f"is_{extractor}")))
    d, k, s = part[fd], part[kd], part[score]
    whole = d["all_images"]
    rows = [[f"{fd} to training images, N = {d['n']} to {d['n_training']}",
             number(d["against_training"]["generated"]), number(d["against_training"]["floor"])],
            [f"{fd} to held-out images, N = {d['n']} to {d['n']}",
             number(d["against_held_out"]["generated"]), number(d["against_held_out"]["floor"])],
            [f"{fd} to training images, all: {whole['n']} or {whole['n_held_out']} to {whole['n_training']}",
             number(whole["generated_to_training"]), number(whole["held_out_to_training"])],
            [f"{kd} to training images ± standard error", *(
                "–" if k[side]["value"] is None else f"{k[side]['value']:.3g} ± {k[side]['standard_error']:.2g}"
                for side in SIDES)],
            *([name, *(number(part[name][side]) for side in SIDES)]
              for name in ("precision", "recall", "density", "coverage")),
            [f"{score}, N = {s['n']} in {s['splits']} split{'s' if s['splits'] > 1 else ''}",
             *(number(s[side]) for side in SIDES)]]
    warning = ("The 2015 Inception weights: comparable with published figures at the same N." if fd == "fid" else
               "No FID: comparable only within this report.")
    return (f"<h2>Distribution, in the features of {escape(extractor.replace('_', ' '))}</h2><p>{warning} "
            "Fréchet (fd) and kernel distance (kd): lower is closer; the held-out column is the floor. Precision: share of "
            "images that lie where real ones do; recall: share of real ones that lie where these do; density and coverage: "
            "the same, less shaken by outliers. The score is high where images are clear and varied.</p>"
            + table(["", "generated", "real held-out"], rows))


def gait(physics: dict, names) -> str:
    """Distances of gait and texture in units of the user's own variation."""
    measured = {name.replace("_", " "): feature for name, feature in physics["features"].items() if feature}

    def pair(feature, key, user=None):
        values = [feature[side][key] for side in SIDES]
        return " / ".join(number(v["overall"] if user is None else v["per_user"][user]) for v in values)

    rows = [[name, *(pair(feature, key) for key in ("to_user", "to_others", "spread")),
             number(feature["separability"]["overall"])] for name, feature in measured.items()]
    missing = "; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in physics["not_measured"].items())
    per_user = table(["measure", *names], [[name, *(pair(feature, "to_user", user) for user in range(len(names)))]
                                           for name, feature in measured.items()])
    return ("<h2>Gait and texture</h2><p>To the user: distance to the user's real training images over that between "
            "these; 1 is as near as users are to themselves. To others: the same to other users' images, over that "
            "of the user's own. Spread: distance within the set. Between / within: how far apart users are at all; "
            "near 1 the measure says nothing about who walks. Every pair reads generated / real held-out.</p>"
            + table(["measure", "to the user", "to others", "spread", "between / within"], rows)
            + (f"<p class=\"soft\">Not measured: {escape(missing)}.</p>" if missing else "")
            + folded("To the user, user by user: generated / real held-out", per_user))


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
    rows = [[f"to the nearest training image, {name}", *(number(found[name][side]["distance"]) for side in SIDES)]
            for name in ("pixels", "features")]
    rows += [[f"the same, over the nearest of another moment, {name}", *(number(found[name][side]["ratio"])
                                                                        for side in SIDES)]
             for name in ("pixels", "features")]
    rows.append(["flagged as copies", *(number(found[key], percent=True) for key in ("copy_rate", "held_out_rate"))])
    copied = ("There are too few held-out images to say which are copies." if found["copies"] is None else
              f"Flagged: {found['copies']}, of {found['moments']} moments of training.")
    return ("<h2>Are they copies?</h2><p>Medians. In pixels: of standardised images after the best shift in time, "
            "from 0 (the same) to 2. A copy is far nearer to one moment of training than held-out images are, and to no "
            f"other moment; windows that overlap count as one. {copied}</p>"
            + table(["median", "generated", "real held-out"], rows)
            + "<h3>The nearest pairs: generated left, training right</h3>"
            f"<div class=\"couples\">{''.join(boxes)}</div>")


def usefulness(study: dict | None) -> str:
    """Does it help my identification model: table and curve."""
    if not study:
        return ""

    def spread(arm, sign=""):
        return f"{100 * arm['mean']:{sign}.0f}" + ("" if arm["std"] is None else f" ± {100 * arm['std']:.0f}")

    rows = [[f"all ({line['per_user']})" if line["all"] else str(line["per_user"]),
             spread(line["real"]), spread(line["both"]), spread(line["gain"], "+")] for line in study["curve"]]
    curves = [(label, [line["per_user"] for line in study["curve"]], [line[arm]["mean"] for line in study["curve"]],
               [line[arm]["std"] or 0 for line in study["curve"]])
              for arm, label in (("both", "real and generated"), ("real", "real alone"))]
    figure = line_chart(curves, x_label="real images per user", y_label="accuracy on real held-out images",
                        y_range=(0, 1), log_x=True)
    return ("<h2>Do they help an identification model?</h2><p>A classifier trained on few real images of every user, "
            "alone and with all generated ones beside, tested on real held-out images. Mean and standard deviation "
            f"over {study['seeds']} seeds; the gain is taken seed by seed. The generator has seen all real training "
            "images, so that only the last line is what it adds to them; the others say what its images are worth "
            f"beside few real ones. Percent: trained on generated images alone, {spread(study['tstr'])}; trained on "
            f"real, tested on generated ones, {spread(study['trts'])}. Chance: "
            f"{number(study['chance'], percent=True)}.</p><div class=\"chart\">{figure}</div>"
            + table(["real per user", "real alone, %", "with generated, %", "gain, points"], rows))


def tested(tests: dict, names) -> str:
    """p-values after correction, with their controls."""
    def rejected(test, key):
        return sum(line[test][key] is not None and line[test][key] <= tests["alpha"] for line in tests["per_user"])

    found = "; ".join(f"{test.replace('_', ' ')}: {rejected(test, 'p_holm')} of {len(names)}"
                      + ("" if test == "recognition" else f", control {rejected(test, 'control_p_holm')}")
                      for test in tests["tests"])
    rows = [[name, *(" / ".join(number(line[test][key], 3) for key in ("p_holm", "control_p_holm"))
                     for test in tests["tests"])] for name, line in zip(names, tests["per_user"])]
    return ("<h2>Can a test tell them from real ones?</h2><p>User by user: mmd compares the judge's features and torso "
            "the mean velocity of the torso with the training images', recognition the hits with those among "
            "held-out images. p-values are corrected for all users and tests (Holm); a control is the same test "
            "between held-out and training images. Where it rejects too, the recordings themselves differ. Windows that "
            "overlap are left out, which leaves few: no rejection does not mean no difference. Different "
            f"at p ≤ {tests['alpha']:g}: {escape(found)}.</p>"
            + folded("All p-values: generated / control",
                     table(["user", *(test.replace("_", " ") for test in tests["tests"])], rows)))


def footer(results: dict) -> str:
    drawn = "; ".join(f"run {d['run_hash']}, {d['sampler']}, {d['steps']} steps, guidance {d['guidance']:g}"
                      for d in results["drawn_with"]) or "no manifest"
    judges = "; ".join(f"{name.replace('_', ' ')} ({', '.join(f'{key} {value}' for key, value in part.items())})"
                       for name, part in results["extractors"].items())
    hashes = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in results["hashes"].items())
    return (f"<footer><p>Made by <code>{escape(results['command'] or 'mdgen')}</code>, mdgen "
            f"{escape(results['mdgen'])}, preset {escape(results['preset'])}.<br>"
            f"Drawn with: {escape(drawn)}.<br>Judges: {escape(judges)}. They are trained on real training images alone "
            "and guide nothing.<br>"
            f"Images: {escape(hashes)}.<br>All numbers: <a href=\"report.json\">report.json</a>.</p></footer>")
