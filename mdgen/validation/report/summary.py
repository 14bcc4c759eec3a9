"""The figures of a report that matter most, and the few lines of them that a terminal shows."""

from typing import NamedTuple

from mdgen.validation.comparisons.distribution import NAMES
from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.html import both, look_up, real_images
from mdgen.validation.report.tables import Number

FEATURES_OF = {EXTRACTOR: "the user classifier's features", "inception": "Inception's features",
               "inception_other": "the features of Inception with weights of another origin"}


class SummaryLine(NamedTuple):
    """A figure beside what it is to be compared with, and how to read both."""

    title: str
    generated: Number
    real: Number
    meaning: str
    beside: str = "real held-out"


def summary(results: dict) -> str:
    """The verdict and the summary lines as plain text, generated beside real held-out images."""
    count = results["images"]
    distance = look_up(results, "distribution", EXTRACTOR, f"fd_{EXTRACTOR}") or {}
    lines = [f"note: {words}" for words in results.get("notes") or ()]
    lines += [f"{'':<50}{'generated':>22}{'real held-out':>22}"]
    lines += [f"{line.title:<50}{line.generated!s:>22}{line.real!s:>22}"
              + ("" if line.beside == "real held-out" else f"  ({line.beside})") for line in summary_lines(results)]
    lines.append(f"images: {count['generated']} generated, {count['held_out']} real held-out, "
                 f"{count['training']} real training"
                 + (f"; distance at N = {distance['n']}" if distance else "")
                 + (" (small: read it only beside its floor)" if distance.get("small_n") else ""))
    if both_kinds := look_up(results, "split", "both"):
        lines.append("real held-out images, small classifiers: " + ", ".join(
            f"{Number(look_up(both_kinds, kind, 'accuracy', 'mean'))} by data.held_out={kind}"
            for kind in ("block", "recording")) + f"; here {results['split']['kind']}")
    found = results["verdict"]
    lines += ["", f"verdict: {found.get('words') or found['overall']}"]
    lines += [f"  {row['status']:<13} {row['name']} {Number(row['value'], '.3f', interval=row.get('interval'))}, "
              f"needs {row['needs']}" + (f" ({row['reason']})" if row.get("reason") else "")
              for row in found["criteria"]]
    return "\n".join(lines)


def summary_lines(results: dict) -> list:
    """The `SummaryLine`s of a report: those whose figures it holds."""
    makers = (("recognition", recognition_lines), ("own_files", file_lines), ("verification", verification_lines),
              ("two_sample", two_sample_lines), ("distribution", distance_lines), ("physics", torso_lines),
              ("diversity", diversity_lines), ("texture", texture_lines), ("originality", copy_lines))
    lines = [line for key, maker in makers if results.get(key) for line in maker(results[key])]
    return lines + usefulness_lines(results.get("honest"), results.get("usefulness"))


def recognition_lines(seen: dict) -> list:
    return [SummaryLine("user accuracy", *both(seen, "accuracy", percent=True, interval=("interval",)),
                        "Share of images that a classifier, trained on real training images alone, recognises as the "
                        "target user. Held-out real images are the ceiling."),
            SummaryLine("confidence in the target user", *both(seen, "confidence"),
                        "Mean probability of the target user. Far above the real value: images that are more typical "
                        "of the user than real ones.")]


def file_lines(found: dict) -> list:
    line = found["by_size"][0]
    pair = (Number(look_up(line, "accuracy", kind, "mean"), percent=True) for kind in ("generated", "held_out"))
    return [SummaryLine("recognised as files", *pair,
                        "Share of files recognised by a classifier that was trained on your files as they are: in RGB, "
                        f"shrunk to {line['size']} pixels by a box filter.")]


def verification_lines(verified: dict) -> list:
    return [SummaryLine("verification error, EER", *both(verified, "eer", digits=3, interval=("intervals", "eer")),
                        "A Siamese network decides whether an image and a real training image show the same person. "
                        "This is its error where the false acceptance rate equals the false rejection rate. 0.5 is "
                        "chance.")]


def two_sample_lines(found: dict) -> list:
    control = found.get("control") or {}
    return [SummaryLine("classifier two-sample test, AUC",
                        Number(found.get("auc"), ".3f", interval=found.get("interval")),
                        Number(control.get("auc"), ".3f", interval=control.get("interval")),
                        "Area under the ROC curve of a network that learns to tell generated from real images. 0.5: "
                        "it cannot. 1: it always can. Control: real images of later recordings.",
                        beside="control, real from real")]


def distance_lines(distribution: dict) -> list:
    """The Fréchet distance in the features of every extractor."""
    lines = []
    for extractor, part in distribution.items():
        name = NAMES[extractor]["fd"]
        distance, found = part[name], part[name]["against_training"]
        lines.append(SummaryLine(
            f"distance to training, {name}, N = {distance['n']}",
            *(Number(found.get(side), interval=found.get(f"{side}_interval")) for side in ("generated", "floor")),
            f"Fréchet distance in {FEATURES_OF[extractor]} to {distance['n_training']} training images. "
            "Lower is closer; the real value is the floor. Far below it: closer to the training images than "
            "held-out ones are, as copies would be."))
    return lines


def torso_lines(physics: dict) -> list:
    torso = look_up(physics, "features", "torso_line")
    if not torso:
        return []
    others = Number(look_up(torso, "separability", "overall"))
    return [SummaryLine("torso line, distance to the user", *both(torso, "to_user", "overall"),
                        "Distance of the torso's velocity over time from that in the user's real images. 1: as near "
                        f"as those are to each other. Other users: {others}.")]


def diversity_lines(spread: dict) -> list:
    return [SummaryLine("diversity within a user, features",
                        *both(spread.get("features"), "overall", interval=("interval",)),
                        "Distance between images of one user, as a share of that between real training images. Near "
                        "0: one image again and again. Far above the real value: images that stray from the user."),
            SummaryLine("diversity within a user, pixels",
                        *both(spread.get("pixels"), "overall", interval=("interval",)),
                        "The same, pixel by pixel. Blur lowers it, noise raises it.")]


def texture_lines(fine: dict) -> list:
    return [SummaryLine("fine texture", *both(fine, "overall", interval=("interval",)),
                        f"Spectral power beyond {fine['cycles']:.0f} cycles per image, as a share of real training "
                        "images'. Far below 1: blurred. Far above: noise that the radar does not make.")]


def copy_lines(copies: dict) -> list:
    return [SummaryLine("copies of training images",
                        Number(copies["copy_rate"], percent=True, interval=copies.get("interval")),
                        Number(copies["held_out_rate"], percent=True),
                        "Share of images that are far nearer to one moment of the training recordings than held-out "
                        "real images are, and near to no other moment.")]


def usefulness_lines(honest: dict | None, study: dict | None) -> list:
    """What generated images add where a user has fewest real ones: by the honest study where there is one."""
    found, told = (honest, "The generator was trained on these few images alone.") if honest else (
        study, "The generator itself has seen all training images.")
    if not found or not found.get("curve"):
        return []
    few = found["curve"][0]
    return [SummaryLine(f"identification from {real_images(few)} real images each",
                        *(Number(look_up(few, arm, "mean"), percent=True) for arm in ("both", "real")),
                        "Accuracy on held-out images of a classifier trained on so few real images of every user, "
                        f"with and without generated ones. {told}", beside="without generated images")]
