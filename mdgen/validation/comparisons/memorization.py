"""Originality: is a generated image nearer to a training image than real images that were never trained on?"""

import numpy as np
from scipy.spatial.distance import cdist

from mdgen.data.copies import enough_held_out, near, pixel_distances, too_near
from mdgen.data.windows import sharing


def originality(training, held_out, generated) -> dict:
    """Nearest training images of generated and of held-out images, and which generated ones are copies.

    The sets are JudgedSets. Distances are measured in pixels (`pixel_distances`) and in the judge's features
    (Euclidean). In each, d1 is an image's distance to the nearest training image, and d2 its distance to the nearest
    one of another moment; training windows that overlap are of one moment. A copy is near to one moment and to no
    other, while an image that is merely typical of a user is near to many. So an image is flagged where both d1 and
    d1 / d2, in pixels or in features, lie below what held-out images show (`too_near`).
    Returns, for "pixels" and "features", the medians of both sides; "copies", "copy_rate", how many training moments
    were copied ("moments"), the rate at which the same rule flags held-out images ("held_out_rate"), and "nearest": of
    each generated image its user, the row of its nearest training image in pixels, d1 in both, and the flag. With too
    few held-out images nothing is flagged and the counts are None.
    """
    sides = {"generated": generated, "held_out": held_out}
    found = {"pixels": {name: near(pixel_distances(s.images, training.images), training) for name, s in sides.items()},
             "features": {name: near(cdist(s.features, training.features), training) for name, s in sides.items()}}
    copied, false_alarms = (
        np.any([too_near(of[name], s.users, of["held_out"], held_out.users) for of in found.values()], axis=0)
        for name, s in sides.items())
    medians = {kind: {name: {key: float(np.median(of[name][key])) for key in ("distance", "ratio")} for name in sides}
               for kind, of in found.items()}
    rows = found["pixels"]["generated"]["row"]
    counts = {"copies": int(copied.sum()), "copy_rate": float(copied.mean()),
              "held_out_rate": float(false_alarms.mean()), "moments": moments(rows[copied], training)}
    if not enough_held_out(held_out.users):
        copied, counts = np.zeros_like(copied), dict.fromkeys(counts)
    nearest = {kind: of["generated"]["distance"].tolist() for kind, of in found.items()}
    return {**medians, **counts, "nearest": {"user": generated.users.tolist(), "row": rows.tolist(), **nearest,
                                             "copy": copied.tolist()}}


def copy_rate(training, held_out, generated) -> float | None:
    """The share of generated images that are copies of training images, judged in pixels alone.

    The rule of `originality` for sets that no judge has seen. 0 to 1; None with too few held-out images to say.
    """
    if not enough_held_out(held_out.users):
        return None
    made, real = (near(pixel_distances(s.images, training.images), training) for s in (generated, held_out))
    return float(too_near(made, generated.users, real, held_out.users).mean())


def moments(rows, training) -> int:
    """How many different moments of the recordings training rows stand for: overlapping windows count as one."""
    windows = np.unique(training.windows[rows], axis=0)
    return len(windows) - sum(bool(sharing(one[None], after[None])) for one, after in zip(windows, windows[1:]))
