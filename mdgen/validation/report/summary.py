"""The numbers of a report that matter most, and the few lines of them that a terminal shows."""

from typing import NamedTuple

from mdgen.validation.judges.features import EXTRACTOR
from mdgen.validation.report.html import number


class Headline(NamedTuple):
    """A number as text, beside what it is to be compared with, and how to read both."""

    title: str
    generated: str
    real: str
    meaning: str
    beside: str = "real held-out"


def summary(results: dict) -> str:
    """The verdict and the headline numbers as plain text, generated beside real held-out images."""
    count, distance = results["images"], results["distribution"][EXTRACTOR][f"fd_{EXTRACTOR}"]
    lines = [f"{'':<50}{'generated':>14}{'real held-out':>15}"]
    lines += [f"{line.title:<50}{line.generated:>14}{line.real:>15}"
              + ("" if line.beside == "real held-out" else f"  ({line.beside})") for line in headlines(results)]
    lines.append(f"images: {count['generated']} generated, {count['held_out']} real held-out, "
                 f"{count['training']} real training; distance at N = {distance['n']}"
                 + (" (small: read it only beside its floor)" if distance["small_n"] else ""))
    found = results["verdict"]
    lines += ["", f"verdict: {found['overall']}"]
    lines += [f"  {row['status']:<13} {row['name']} {number(row['value'], 3)}, needs {row['needs']}"
              for row in found["criteria"]]
    return "\n".join(lines)


def headlines(results: dict) -> list:
    """The `Headline`s of a report."""
    seen, verified, copies = results["recognition"], results["verification"], results["originality"]
    spread, fine, gait = results["diversity"], results["texture"], results["physics"]["features"]

    def both(part, key, digits=2, percent=False):
        return [number(part[side][key], digits, percent=percent) for side in ("generated", "held_out")]

    lines = [
        Headline("user accuracy", *both(seen, "accuracy", percent=True),
                 "How often a classifier that has seen only real training images recognises the wanted user. Real "
                 "images that it has not seen are the ceiling."),
        Headline("confidence in the wanted user", *both(seen, "confidence"),
                 "Mean probability of the wanted user. Far above the real value: images that are more typical of the "
                 "user than real ones."),
        Headline("verification error, EER", *both(verified, "eer", 3),
                 "A Siamese network says whether an image and a real training image show one person: the error where "
                 "as many strangers are let in as right users are refused. 0.5 is chance."),
        *distance_lines(results),
        Headline("torso line, distance to the user", *both(
            {side: gait["torso_line"][side]["to_user"] for side in ("generated", "held_out")}, "overall"),
                 "How far the torso's velocity over time lies from the user's real images; 1 is as near as these are "
                 "to each "
                 "other. Another person: " + number(gait["torso_line"]["separability"]["overall"]) + "."),
        Headline("diversity within a user, features", *both(spread["features"], "overall"),
                 "Distance between images of one user, as a share of that between real training images. Near 0: one "
                 "image again and again. Far above the real value: images that stray from the user."),
        Headline("diversity within a user, pixels", *both(spread["pixels"], "overall"),
                 "The same, pixel by pixel. Blur lowers it, noise raises it."),
        Headline("fine texture", *both(fine, "overall"),
                 f"Spectral power beyond {fine['cycles']:.0f} cycles per image, as a share of real training images'. "
                 "Far below 1: blurred. Far above: noise that the radar does not make."),
        Headline("copies of training images", number(copies["copy_rate"], percent=True),
                 number(copies["held_out_rate"], percent=True),
                 "Images far nearer to one training image than held-out real images are, and to no other moment."),
    ]
    return lines + ([usefulness_line(results)] if results["usefulness"] else [])


def distance_lines(results: dict) -> list:
    """One line for the Fréchet distance in the features of each extractor that was there."""
    lines = []
    for extractor, part in results["distribution"].items():
        name = "fid" if extractor == "inception" else f"fd_{extractor}"
        distance = part[name]
        to_training = distance["against_training"]
        lines.append(Headline(f"distance to training, {name}, N = {distance['n']}", number(to_training["generated"]),
                              number(to_training["floor"]),
                              f"Fréchet distance in features of {extractor.replace('_', ' ')} to N = "
                              f"{distance['n_training']}. Lower is closer; the real value is the floor. Far below it: "
                              "closer to the training images than held-out ones are, as copies would be."))
    return lines


def usefulness_line(results: dict) -> Headline:
    """What generated images add where a user has fewest real ones."""
    few = results["usefulness"]["curve"][0]
    return Headline(f"identification from {few['per_user']} real images each",
                    *(number(few[arm]["mean"], percent=True) for arm in ("both", "real")),
                    "Accuracy on held-out images of a model trained on so few real images of every user, with "
                    "generated ones beside and without. The generator itself has seen all training images.",
                    beside="without generated images")
