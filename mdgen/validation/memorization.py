"""Originality: is a generated image nearer to a training image than real images that were never trained on?"""

import numpy as np
from scipy.spatial.distance import cdist

from mdgen.data.copies import INDEPENDENT_GAP, enough_held_out, near, pixel_distances, too_near


def originality(training, held_out, generated) -> dict:
    """Nearest training images of generated and of held-out images, and which generated ones are copies.

    The sets are JudgedSets. Two distances: in pixels (`pixel_distances`) and in the judge's features (Euclidean).
    In either, an image has its distance d1 to the nearest training image and d2 to the nearest one of another
    moment: training windows that overlap the first count as one with it. A copy is near to one moment and to no
    other; images that are merely typical of a user are near to many. So an image is flagged where both d1 and
    d1 / d2, in pixels or in features, lie below what held-out images show (`lower_fence`).
    Returns, for "pixels" and "features", the medians of both sides; "copies", "copy_rate", how many training moments
    were copied ("moments"), the rate at which the same rule flags held-out images ("held_out_rate"), and "nearest": per
    generated image its user, the row of its nearest training image in pixels, d1 in both, and the flag. With too few
    held-out images for a fence nothing is flagged and the counts are None.
    """
    sides = generated, held_out
    found = {"pixels": [near(pixel_distances(s.images, training.images), training) for s in sides],
             "features": [near(cdist(s.features, training.features), training) for s in sides]}
    flags = [np.zeros(len(generated), dtype=bool), np.zeros(len(held_out), dtype=bool)]
    results = {}
    for name, (drawn, real) in found.items():
        for flag, side, s in zip(flags, (drawn, real), sides):
            flag |= too_near(side, s.users, real, held_out.users)
        results[name] = {side_name: {key: float(np.median(side[key])) for key in ("distance", "ratio")}
                         for side_name, side in (("generated", drawn), ("held_out", real))}
    rows = found["pixels"][0]["row"]
    counts = {"copies": int(flags[0].sum()), "copy_rate": float(flags[0].mean()),
              "held_out_rate": float(flags[1].mean()), "moments": moments(rows[flags[0]], training)}
    if not enough_held_out(held_out.users):
        flags[0][:], counts = False, dict.fromkeys(counts)
    return {**results, **counts,
            "nearest": {"user": generated.users.tolist(), "row": rows.tolist(),
                        "pixels": found["pixels"][0]["distance"].tolist(),
                        "features": found["features"][0]["distance"].tolist(), "copy": flags[0].tolist()}}


def moments(rows, training) -> int:
    """How many different moments of the recordings training rows stand for: overlapping windows count as one."""
    places = sorted({(int(training.users[row]), int(training.positions[row])) for row in rows})
    return sum(index == 0 or user != places[index - 1][0] or place - places[index - 1][1] >= INDEPENDENT_GAP
               for index, (user, place) in enumerate(places))
