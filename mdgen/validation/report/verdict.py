"""The verdict: figures of a report against limits that can be set on the command line."""

import math
from dataclasses import dataclass

from mdgen.errors import RequestError

PASSED, FAILED, NOT_MEASURED = "passed", "failed", "not measured"
INCOMPLETE = "incomplete"   # nothing failed, but not everything asked for was measured


@dataclass(frozen=True)
class Criterion:
    """A figure of a report, and what it must be below or above."""

    path: tuple            # keys into the results
    below: bool
    limit: float
    meaning: str
    over: tuple = ()           # of a ratio: the path to what the figure is divided by
    closeness: bool = False    # take closeness to 1, in [0, 1]: twice as much is as far off as half as much
    judge: str = ""            # whose word it is: a judge that is not trusted has measured nothing
    interval: tuple = ()       # path to the interval of the figure
    optional: bool = False     # needs weights that many machines cannot fetch
    lacking: str = ""          # why there may be no figure


WEIGHTS = "needs the 2015 Inception weights"
DISTANCE = "distribution", "user_classifier", "fd_user_classifier", "against_training"
CRITERIA = {
    "fid": Criterion(("distribution", "inception", "fid", "all_images", "generated_to_training"), True, 50.0,
                     "Fréchet distance in 2015 Inception features, of all images", optional=True, lacking=WEIGHTS),
    "inception_score": Criterion(("distribution", "inception", "inception_score", "generated"), False, 2.0,
                                 "Inception Score: confident and varied class predictions", optional=True,
                                 lacking=WEIGHTS),
    "user_accuracy": Criterion(("recognition", "generated", "accuracy"), False, 0.80,
                               "share of generated images recognised as the target user", judge="user_classifier",
                               interval=("recognition", "generated", "interval")),
    "file_accuracy": Criterion(("own_files", "by_size", 0, "accuracy", "generated", "mean"), False, 0.90,
                               "share of generated files recognised by a classifier trained on the training files in "
                               "RGB, over that of the held-out files",
                               ("own_files", "by_size", 0, "accuracy", "held_out", "mean"), judge="files",
                               lacking="needs the real files"),
    "verification_eer": Criterion(("verification", "generated", "eer"), True, 0.20,
                                  "equal error rate of the Siamese judge on generated images", judge="siamese",
                                  interval=("verification", "generated", "intervals", "eer")),
    "two_sample_auc": Criterion(("two_sample", "auc"), True, 0.90,
                                "area under the ROC curve of a network that learns to tell generated from training "
                                "images, on images that it has not seen", interval=("two_sample", "interval"),
                                lacking="needs the real images, 20 or more on either side"),
    "copy_rate": Criterion(("originality", "copy_rate"), True, 0.02,
                           "share of generated images that copy a training image",
                           interval=("originality", "interval"),
                           lacking="needs the real images, ten held-out ones or more beyond one for each user"),
    "fd_over_floor": Criterion((*DISTANCE, "generated"), True, 3.0,
                               "Fréchet distance in the user classifier's features, over that of real held-out images",
                               (*DISTANCE, "floor"), judge="user_classifier"),
    "diversity": Criterion(("diversity", "features", "generated", "overall"), False, 0.8,
                           "distance between generated images of a user, over that between held-out ones",
                           ("diversity", "features", "held_out", "overall"), judge="user_classifier",
                           lacking="needs two images of a user that share no samples, generated and held-out"),
    "fine_texture": Criterion(("texture", "generated", "overall"), False, 0.5,
                              "closeness of fine texture (speckle) to that of real images, 1 where they are equal",
                              closeness=True),
}


def parse_required(names) -> tuple:
    """--require's names; RequestError for what is no criterion."""
    for name in names or ():
        if name not in CRITERIA:
            raise RequestError(f"--require {name}: no criterion is called {name!r}; "
                               f"expected one of {', '.join(CRITERIA)}")
    return tuple(names or ())


def parse_thresholds(words) -> dict:
    """["fid=30", "copy_rate=off"] -> {"fid": 30.0, "copy_rate": None}; RequestError for what is no criterion."""
    found = {}
    for word in words or ():
        name, _, value = word.partition("=")
        if name not in CRITERIA:
            raise RequestError(f"--threshold {word}: no criterion is called {name!r}; "
                               f"expected NAME=VALUE or NAME=off with one of {', '.join(CRITERIA)}")
        try:
            found[name] = None if value == "off" else float(value)
            if found[name] is not None and not math.isfinite(found[name]):
                raise ValueError(value)
        except ValueError:
            raise RequestError(f"--threshold {word}: {value!r} is no finite number; expected {name}=VALUE or "
                               f"{name}=off") from None
    return found


def verdict(results: dict, thresholds: dict | None = None, required=()) -> dict:
    """Every criterion with its value, threshold and status, and "overall": passed, failed or incomplete.

    thresholds: changed limits by name; None switches a criterion off. A figure that could not be measured never
    counts as passed, nor does one whose judge is not trusted ("judges" of the results): its "reason" says why. Where
    only optional criteria were not measured, whose weights many machines cannot fetch, the verdict is passed; required
    names those that it needs nevertheless. "words": overall, and what was not measured.
    """
    thresholds = thresholds or {}
    rows = [judged(name, criterion, results, thresholds.get(name, criterion.limit))
            for name, criterion in CRITERIA.items() if thresholds.get(name, criterion.limit) is not None]
    found, missing = {row["status"] for row in rows}, [row["name"] for row in rows if row["status"] == NOT_MEASURED]
    lacking = [name for name in missing if not CRITERIA[name].optional or name in required]
    overall = FAILED if FAILED in found else INCOMPLETE if lacking or PASSED not in found else PASSED
    words = f"{overall}; not measured: {', '.join(missing)}" if missing else overall
    return {"overall": overall, "words": words, "not_measured": missing, "criteria": rows}


def judged(name: str, criterion: Criterion, results: dict, limit: float) -> dict:
    """One row of the verdict."""
    value, under = look_up(results, criterion.path), look_up(results, criterion.over) if criterion.over else 1
    value = value / under if value is not None and under else None
    if criterion.closeness and value is not None:
        value = min(value, 1 / value) if value else 0.0
    reason = look_up(results, ("judges", criterion.judge, "reason")) if criterion.judge else None
    reason = reason or (criterion.lacking or None if value is None else None)
    status = NOT_MEASURED if value is None or reason else PASSED if (
        value < limit if criterion.below else value > limit) else FAILED
    interval = look_up(results, criterion.interval) if criterion.interval else None
    return {"name": name, "value": value, "interval": interval, "needs": f"{'<' if criterion.below else '>'} {limit:g}",
            "status": status, "meaning": criterion.meaning, "reason": reason}


def look_up(values, path):
    """values[path[0]][path[1]]…, None where a step is missing."""
    for key in path:
        if isinstance(values, list):
            values = values[key] if type(key) is int and key < len(values) else None
        else:
            values = values.get(key) if isinstance(values, dict) else None
    return values
