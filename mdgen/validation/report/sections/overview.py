"""What a reader sees first and last: the verdict, the summary, every user, how figures were made."""

from html import escape

from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.html import (
    both,
    card,
    figures,
    look_up,
    note,
    section,
    status,
    strip,
)
from mdgen.validation.report.summary import summary_lines
from mdgen.validation.report.tables import Number, Status, Table, shown

JUDGES = {"user_classifier": "user classifier", "siamese": "Siamese judge", "files": "classifier of your files"}


def introduction(results: dict) -> str:
    count, distance = results["images"], look_up(results, "distribution", EXTRACTOR, f"fd_{EXTRACTOR}") or {}
    alone = results.get("independent")
    text = (f"<h1>Generated walks beside real ones</h1><p>{count['generated']} generated images of "
            f"{len(results['users'])} users and {count['held_out']} real images held out of training, both "
            f"judged against {count['training']} real training images. Every number stands beside that of the "
            "held-out real images: a perfect generator would score the same.")
    if alone:
        text += (f" Windows that share no samples: {dash(alone.get('training'))} of the training images, "
                 f"{dash(alone.get('held_out'))} of those held out.")
    text += " In brackets: 95 % intervals.</p>" if results.get("methods") else "</p>"
    text += "".join(distrust(name, judge) for name, judge in (results.get("judges") or {}).items()
                    if judge and judge.get("trusted") is False)
    text += "".join(note(f"{escape(words)}.") for words in results.get("notes") or ())
    if distance.get("small_n"):
        text += note(f"N = {distance['n']} is small for a distance in {distance['features']} features: it is biased "
                     "upwards. Compare it with its floor at the same N, and with nothing else.")
    return text


def dash(count) -> str:
    return "–" if count is None else str(count)


def distrust(name: str, judge: dict) -> str:
    """Why what a judge says is no evidence."""
    return note(f"<strong>The {escape(JUDGES.get(name, name))} is not trusted</strong>: {escape(judge['reason'])}. "
                "Criteria that rest on it are not measured.")


LEGEND = {"passed": "All that was measured is within its limit.", "failed": "At least one criterion is not met.",
          "incomplete": "Nothing failed, but something that must be was not measured."}


def verdict_box(verdict: dict, exhibits) -> str:
    """Passed, failed or incomplete, and why."""
    rows = [[row["name"], Status(row["status"]), Number(row["value"], ".3f", interval=row.get("interval")),
             f"needs {row['needs']}", row["meaning"] + (f"; {row['reason']}" if row.get("reason") else "")]
            for row in verdict["criteria"]]
    found = Table("verdict", ["criterion", "status", "value", "limit", "meaning"], rows, "Verdict", "stacked")
    words = (verdict.get("words") or verdict["overall"]).removeprefix(verdict["overall"])
    title = f"<h2>Verdict: {status(verdict['overall'])}{escape(words)}</h2>"
    return (f"<div class=\"verdict {verdict['overall']}\">{title}"
            f"<p>{LEGEND[verdict['overall']]} The value itself is compared with the limit, not its interval. Set "
            "limits with <code>--threshold NAME=VALUE</code> or <code>NAME=off</code>.</p>"
            + exhibits.table(found) + "</div>")


def cards(results: dict, exhibits) -> str:
    lines = summary_lines(results)
    exhibits.keep_table(Table("summary", ["figure", "generated", "beside it", "what stands beside it"],
                              [[line.title, line.generated, line.real, line.beside] for line in lines],
                              "The figures that matter most"))
    return "<div class=\"cards\">" + "".join(
        card(line.title, line.generated.brief, f"{line.beside}: {line.real.brief}", line.meaning,
             (line.generated.range, line.real.range)) for line in lines) + "</div>"


def users(results: dict, pictures, exhibits) -> str:
    """A card for every user: images, then the figures of that user alone."""
    found = [user_figures(results, user) for user in range(len(results["users"]))]
    exhibits.keep_table(Table("users", ["user", *(name for name, _ in found[0])],
                              [[name, *(value for _, value in line)] for name, line in zip(results["users"], found)],
                              "Figures of every user"))
    counts = [images_of(results, user) for user in range(len(results["users"]))]
    boxes = [f"<div class=\"user\"><h3>{escape(name + count)}</h3><div class=\"pair\">"
             f"{strip(real, 'real held-out', name)}{strip(made, 'generated', name)}</div>"
             f"{figures((title, shown(value)) for title, value in line)}</div>"
             for name, (real, made), line, count in zip(results["users"], pictures, found, counts)]
    return section("User by user",
                   "Held-out real images, then generated ones, evenly spaced in file order, not chosen. Doppler "
                   "upwards, time to the right. Pairs of numbers are generated / real held-out. A dash: too few "
                   "images.",
                   f"<div class=\"users\">{''.join(boxes)}</div>", wide=True)


def images_of(results: dict, user: int) -> str:
    """How many images of a user were judged, " (15 generated, 13 real held-out)"."""
    seen = [look_up(results, "recognition", side, "confusion") for side in ("generated", "held_out")]
    return "" if None in seen else " ({} generated, {} real held-out)".format(*(sum(part[user]) for part in seen))


def user_figures(results: dict, user: int) -> list:
    """(name, pair of Numbers or text) of one user; what the report does not hold is left out."""
    name = f"fd_{EXTRACTOR}"
    distance = look_up(results, "distribution", EXTRACTOR, "per_user", user, name, "against_training")
    nearest = look_up(results, "originality", "nearest") or {"copy": [], "user": []}
    copies = [copy for copy, owner in zip(nearest["copy"], nearest["user"]) if owner == user]
    lines = (("accuracy", "recognition", ("accuracy_per_user", user), {"percent": True}),
             ("confidence", "recognition", ("confidence_per_user", user), {}),
             ("EER", "verification", ("eer_per_user", user), {}),
             ("rank 1", "verification", ("rank1_per_user", user), {"percent": True}),
             ("distance to prototype", "verification", ("prototype_distance_per_user", user), {}))
    pairs = [(title, tuple(both(results[key], *path, **how))) for title, key, path, how in lines if results.get(key)]
    if distance:
        pairs.append((name.replace("_", " "), tuple(Number(distance[side], ".0f") for side in ("generated", "floor"))))
    for title, path in (("torso line", ("physics", "features", "torso_line")),
                        ("diversity, features", ("diversity", "features")),
                        ("diversity, pixels", ("diversity", "pixels")), ("fine texture", ("texture",))):
        if part := look_up(results, *path):
            keys = ("to_user",) if title == "torso line" else ()
            pairs.append((title, tuple(both(part, *keys, "per_user", user))))
    return [*pairs, ("copies", f"{sum(copies)} of {len(copies)}")]


def methods(results: dict, exhibits) -> str:
    """How the intervals are made, a line each."""
    found = results.get("methods")
    if not found:
        return ""
    rows = [[name.replace("_", " "), words] for name, words in found.items() if words]
    return section("How the intervals are made",
                   "All intervals hold 95 %. They say how far a figure could lie from what many more images of the "
                   "same users would show. With few images they are wide.",
                   exhibits.table(Table("methods", ["figure", "how"], rows, "How the intervals are made", "words")))


def footer(results: dict, pdf: bool) -> str:
    made = "; ".join(f"run {d['run_hash']}, {d['sampler']}, {d['steps']} steps, guidance {d['guidance']:g}"
                     for d in results.get("drawn_with") or ()) or "no manifest"
    judges = "; ".join(f"{name.replace('_', ' ')} ({', '.join(f'{key} {value}' for key, value in part.items())})"
                       for name, part in (results.get("extractors") or {}).items())
    hashes = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in (results.get("hashes") or {}).items())
    files = ("Every figure is in <code>figures/</code> as SVG" + (" and PDF" if pdf else "")
             + ", every table in <code>tables/</code> as CSV and LaTeX (booktabs)."
             + ("" if pdf else " For PDF: <code>pip install mdgen[plots]</code>, and evaluate again."))
    preset = f", preset {escape(results['preset'])}" if results.get("preset") else ""
    return (f"<footer><p>Made by <code>{escape(results['command'] or 'mdgen')}</code>, mdgen "
            f"{escape(results['mdgen'])}{preset}.<br>"
            f"Generated with: {escape(made)}.<br>Judges: {escape(judges)}. None takes part in generation; those that "
            "the evaluation trains see real training images alone.<br>"
            f"Images: {escape(hashes)}.<br>{files} All numbers: <a href=\"report.json\">report.json</a>.</p></footer>")
