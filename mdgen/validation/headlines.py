"""The numbers of a report that matter most, and the few lines of them that a terminal shows."""

from mdgen.validation.features import EXTRACTOR
from mdgen.validation.page import number


def summary(results: dict) -> str:
    """The verdict and the headline numbers as plain text, generated beside real held-out images."""
    count, distance = results["images"], results["distribution"][EXTRACTOR][f"fd_{EXTRACTOR}"]
    lines = [f"{title:<42}{fake:>14}{real:>15}" for title, fake, real in
             [("", "generated", "real held-out"), *(line[:3] for line in headlines(results))]]
    lines.append(f"images: {count['generated']} generated, {count['held_out']} real held-out, "
                 f"{count['training']} real training; distance at N = {distance['n']}"
                 + (" (small: read it only beside its floor)" if distance["small_n"] else ""))
    found = results["verdict"]
    lines += ["", f"verdict: {found['overall']}"]
    lines += [f"  {row['status']:<13} {row['name']} {number(row['value'], 3)}, needs {row['needs']}"
              for row in found["criteria"]]
    return "\n".join(lines)


def headlines(results: dict) -> list:
    """(title, generated, real held-out, how to read it) of the numbers that matter most, as texts."""
    seen, verified, copies = results["recognition"], results["verification"], results["originality"]
    spread, fine, gait = results["diversity"], results["texture"], results["physics"]["features"]

    def both(part, key, digits=2, percent=False):
        return [number(part[side][key], digits, percent=percent) for side in ("generated", "held_out")]

    lines = [
        ("user accuracy", *both(seen, "accuracy", percent=True),
         "How often a classifier that has seen only real training images recognises the wanted user. Real images that "
         "it has not seen are the ceiling."),
        ("confidence in the wanted user", *both(seen, "confidence"),
         "Mean probability of the wanted user. Far above the real value: images that are more typical of the user than "
         "real ones."),
        ("verification error, EER", *both(verified, "eer", 3),
         "A Siamese network says whether an image and a real training image show one person: the error where as many "
         "strangers are let in as right users are refused. 0.5 is chance."),
        *distance_lines(results),
        ("torso line, distance to the user", *both({side: gait["torso_line"][side]["to_user"]
                                                    for side in ("generated", "held_out")}, "overall"),
         "How far the torso's velocity over time lies from the user's real images; 1 is as near as these are to each "
         "other. Another person: " + number(gait["torso_line"]["separability"]["overall"]) + "."),
        ("diversity within a user, features", *both(spread["features"], "overall"),
         "Distance between images of one user, as a share of that between real training images. Near 0: one image again "
         "and again. Far above the real value: images that stray from the user."),
        ("diversity within a user, pixels", *both(spread["pixels"], "overall"),
         "The same, pixel by pixel. Blur lowers it, noise raises it."),
        ("fine texture", *both(fine, "overall"),
         f"Spectral power beyond {fine['cycles']:.0f} cycles per image, as a share of real training images'. Far below "
         "1: blurred. Far above: noise that the radar does not make."),
        ("copies of training images", number(copies["copy_rate"], percent=True),
         number(copies["held_out_rate"], percent=True),
         "Images far nearer to one training image than any real image is that was not trained on."),
    ]
    return lines + ([usefulness_line(results)] if results["usefulness"] else [])


def distance_lines(results: dict) -> list:
    """One line for the Fréchet distance in the features of each extractor that was there."""
    lines = []
    for extractor, part in results["distribution"].items():
        name = "fid" if extractor == "inception" else f"fd_{extractor}"
        distance = part[name]
        to_training = distance["against_training"]
        lines.append((f"distance to training, {name}", number(to_training["generated"]), number(to_training["floor"]),
                      f"Fréchet distance in features of {extractor.replace('_', ' ')}, N = {distance['n']} to "
                      f"{distance['n_training']}. Lower is closer; the real value is the floor. Far below it: closer "
                      "to the training images than held-out ones are, as copies would be."))
    return lines


def usefulness_line(results: dict):
    """What generated images add where a user has fewest real ones."""
    few = results["usefulness"]["curve"][0]
    return (f"accuracy with {few['per_user']} real images per user", number(few["both"]["mean"], percent=True) + " with",
            number(few["real"]["mean"], percent=True) + " alone",
            "An identification model trained on these real images with generated ones beside, and on them alone; both "
            "tested on real held-out images.")
