"""The figures of a report that matter most, and the few lines of them that a terminal shows."""

from typing import NamedTuple

from mdgen.validation.distribution import NAMES
from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.html import both, number

FEATURES_OF = {EXTRACTOR: "the user classifier's features", "inception": "Inception's features"}


class SummaryLine(NamedTuple):
    """A figure as text, beside what it is to be compared with, and how to read both."""

    title: str
    generated: str
    real: str
    meaning: str
    beside: str = "real held-out"


def summary(results: dict) -> str:
    """The verdict and the summary lines as plain text, generated beside real held-out images."""
    count, distance = results["images"], results["distribution"][EXTRACTOR][f"fd_{EXTRACTOR}"]
    lines = [f"{'':<50}{'generated':>14}{'real held-out':>15}"]
    lines += [f"{line.title:<50}{line.generated:>14}{line.real:>15}"
              + ("" if line.beside == "real held-out" else f"  ({line.beside})") for line in summary_lines(results)]
    lines.append(f"images: {count['generated']} generated, {count['held_out']} real held-out, "
                 f"{count['training']} real training; distance at N = {distance['n']}"
                 + (" (small: read it only beside its floor)" if distance["small_n"] else ""))
    found = results["verdict"]
    lines += ["", f"verdict: {found['overall']}"]
    lines += [f"  {row['status']:<13} {row['name']} {number(row['value'], 3)}, needs {row['needs']}"
              for row in found["criteria"]]
    return "\n".join(lines)


def summary_lines(results: dict) -> list:
    """The `SummaryLine`s of a report."""
    seen, copies, fine = results["recognition"], results["originality"], results["texture"]
    spread, torso = results["diversity"], results["physics"]["features"]["torso_line"]
    lines = [
        SummaryLine("user accuracy", *both(seen, "accuracy", percent=True),
                    "Share of images that a classifier, trained on real training images alone, recognises as the "
                    "wanted user. Held-out real images are the ceiling."),
        SummaryLine("confidence in the wanted user", *both(seen, "confidence"),
                    "Mean probability of the wanted user. Far above the real value: images that are more typical of "
                    "the user than real ones."),
        SummaryLine("verification error, EER", *both(results["verification"], "eer", digits=3),
                    "A Siamese network decides whether an image and a real training image show the same person. This "
                    "is its error where the false acceptance rate equals the false rejection rate. 0.5 is chance."),
        *(distance_line(extractor, part) for extractor, part in results["distribution"].items()),
        SummaryLine("torso line, distance to the user", *both(torso, "to_user", "overall"),
                    "Distance of the torso's velocity over time from that in the user's real images. 1: as near as "
                    f"those are to each other. Other users: {number(torso['separability']['overall'])}."),
        SummaryLine("diversity within a user, features", *both(spread["features"], "overall"),
                    "Distance between images of one user, as a share of that between real training images. Near 0: "
                    "one image again and again. Far above the real value: images that stray from the user."),
        SummaryLine("diversity within a user, pixels", *both(spread["pixels"], "overall"),
                    "The same, pixel by pixel. Blur lowers it, noise raises it."),
        SummaryLine("fine texture", *both(fine, "overall"),
                    f"Spectral power beyond {fine['cycles']:.0f} cycles per image, as a share of real training "
                    "images'. Far below 1: blurred. Far above: noise that the radar does not make."),
        SummaryLine("copies of training images", number(copies["copy_rate"], percent=True),
                    number(copies["held_out_rate"], percent=True),
                    "Share of images that are far nearer to one moment of the training recordings than held-out real "
                    "images are, and near to no other moment."),
    ]
    return lines + ([usefulness_line(results["usefulness"])] if results["usefulness"] else [])


def distance_line(extractor: str, part: dict) -> SummaryLine:
    """The Fréchet distance in the features of one extractor."""
    name = NAMES[extractor]["fd"]
    distance, to_training = part[name], part[name]["against_training"]
    return SummaryLine(f"distance to training, {name}, N = {distance['n']}", number(to_training["generated"]),
                       number(to_training["floor"]),
                       f"Fréchet distance in {FEATURES_OF[extractor]} to {distance['n_training']} training images. "
                       "Lower is closer; the real value is the floor. Far below it: closer to the training images than "
                       "held-out ones are, as copies would be.")


def usefulness_line(study: dict) -> SummaryLine:
    """What generated images add where a user has fewest real ones."""
    few = study["curve"][0]
    return SummaryLine(f"identification from {few['per_user']} real images each",
                       *(number(few[arm]["mean"], percent=True) for arm in ("both", "real")),
                       "Accuracy on held-out images of a classifier trained on so few real images of every user, with "
                       "and without generated ones. The generator itself has seen all training images.",
                       beside="without generated images")
