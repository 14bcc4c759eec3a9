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


DISTANCE = "distribution", "user_classifier", "fd_user_classifier", "against_training"
CRITERIA = {
    "fid": Criterion(("distribution", "inception", "fid", "all_images", "generated_to_training"), True, 50.0,
                     "Fréchet distance in 2015 Inception features, of all images"),
    "inception_score": Criterion(("distribution", "inception", "inception_score", "generated"), False, 2.0,
                                 "Inception Score: confident and varied class predictions"),
    "user_accuracy": Criterion(("recognition", "generated", "accuracy"), False, 0.80,
                               "share of generated images recognised as the wanted user"),
    "verification_eer": Criterion(("verification", "generated", "eer"), True, 0.20,
                                  "equal error rate of the Siamese judge on generated images"),
    "copy_rate": Criterion(("originality", "copy_rate"), True, 0.02,
                           "share of generated images that copy a training image"),
    "fd_over_floor": Criterion((*DISTANCE, "generated"), True, 3.0,
                               "Fréchet distance in the user classifier's features, over that of real held-out images",
                               (*DISTANCE, "floor")),
    "diversity": Criterion(("diversity", "features", "generated", "overall"), False, 0.8,
                           "distance between generated images of a user, over that between held-out ones",
                           ("diversity", "features", "held_out", "overall")),
    "fine_texture": Criterion(("texture", "generated", "overall"), False, 0.5,
                              "closeness of fine texture (speckle) to that of real images, 1 where they are equal",
                              closeness=True),
}


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


def verdict(results: dict, thresholds: dict | None = None) -> dict:
    """Every criterion with its value, threshold and status, and "overall": passed, failed or incomplete.

    thresholds: changed limits by name; None switches a criterion off. A figure that could not be measured never
    counts as passed.
    """
    thresholds = thresholds or {}
    rows = [judged(name, criterion, results, thresholds.get(name, criterion.limit))
            for name, criterion in CRITERIA.items() if thresholds.get(name, criterion.limit) is not None]
    found = {row["status"] for row in rows}
    overall = FAILED if FAILED in found else INCOMPLETE if NOT_MEASURED in found or not rows else PASSED
    return {"overall": overall, "criteria": rows}


def judged(name: str, criterion: Criterion, results: dict, limit: float) -> dict:
    value, under = look_up(results, criterion.path), look_up(results, criterion.over) if criterion.over else 1
    value = value / under if value is not None and under else None
    if criterion.closeness and value is not None:
        value = min(value, 1 / value) if value else 0.0
    status = NOT_MEASURED if value is None else PASSED if (
        value < limit if criterion.below else value > limit) else FAILED
    return {"name": name, "value": value, "needs": f"{'<' if criterion.below else '>'} {limit:g}", "status": status,
            "meaning": criterion.meaning}


def look_up(values, path):
    """values[path[0]][path[1]]…, None where a step is missing."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values
