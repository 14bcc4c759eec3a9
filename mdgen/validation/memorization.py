"""Originality: is a generated image nearer to a training image than real images that were never trained on?"""

import numpy as np
from scipy.spatial.distance import cdist

from mdgen.validation.diversity import INDEPENDENT_GAP

SHIFTS = range(-4, 5)   # columns: a copy moved in time is a copy
FENCE = 4.0             # standard deviations of the held-out log distances, whose tails are heavier than normal ones
MOST_RATIO = 0.85       # of a copy's d1 / d2, however little the held-out ratios vary
LEAST_FREEDOM = 10      # held-out images beyond one for each user: fewer say nothing of how far distances vary
ROWS_AT_ONCE = 64


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
        fences = [lower_fence(real[key], held_out.users) for key in ("distance", "ratio")]
        for flag, side, s in zip(flags, (drawn, real), sides):
            flag |= ((side["distance"] < fences[0][s.users])
                     & (side["ratio"] < fences[1][s.users].clip(max=MOST_RATIO)))
        results[name] = {side_name: {key: float(np.median(side[key])) for key in ("distance", "ratio")}
                         for side_name, side in (("generated", drawn), ("held_out", real))}
    rows = found["pixels"][0]["row"]
    counts = {"copies": int(flags[0].sum()), "copy_rate": float(flags[0].mean()),
              "held_out_rate": float(flags[1].mean()), "moments": moments(rows[flags[0]], training)}
    if len(held_out) - len(np.unique(held_out.users)) < LEAST_FREEDOM:
        flags[0][:], counts = False, dict.fromkeys(counts)
    return {**results, **counts,
            "nearest": {"user": generated.users.tolist(), "row": rows.tolist(),
                        "pixels": found["pixels"][0]["distance"].tolist(),
                        "features": found["features"][0]["distance"].tolist(), "copy": flags[0].tolist()}}


def pixel_distances(images, references):
    """Smallest root-mean-square difference over time shifts of up to four columns: [N, M] float32 in [0, 2].

    images [N, C, H, W], references [M, C, H, W]. Intensity (mean of the channels), each image brought to zero
    mean and unit variance, so that a copy with another gain is one still. sqrt(2 - 2 r) of the correlation r.
    """
    reach = max(SHIFTS)
    width = images.shape[-1] - 2 * reach
    views = [standardised(references[..., reach + shift:reach + shift + width]) for shift in SHIFTS]
    queries = standardised(images[..., reach:reach + width])
    correlation = np.concatenate([np.max([rows @ view.T for view in views], axis=0)
                                  for rows in np.split(queries, range(ROWS_AT_ONCE, len(queries), ROWS_AT_ONCE))])
    return np.sqrt((2 - 2 * correlation).clip(min=0))


def standardised(images):
    """[N, C, H, W] -> [N, H W] float32 rows with zero mean and unit length; a constant image is all zeros."""
    flat = images.astype(np.float32).mean(axis=1).reshape(len(images), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True).clip(min=1e-6)


def near(distances, training) -> dict:
    """From distances [N, M] to a JudgedSet of M images: "row" of the nearest one, its "distance", and "ratio" to
    the nearest one of another moment."""
    rows = distances.argmin(axis=1)
    other = ((training.users[rows][:, None] != training.users)
             | (np.abs(training.positions[rows][:, None] - training.positions) >= INDEPENDENT_GAP))
    nearest = distances[np.arange(len(rows)), rows]
    second = np.where(other, distances, np.inf).min(axis=1)
    return {"row": rows, "distance": nearest, "ratio": nearest / np.maximum(second, 1e-12)}


def lower_fence(values, users):
    """Per user, the value FENCE standard deviations below the median in the logarithm.

    values [N] > 0 of held-out images, users [N]. Users differ in level, so that each has a median of their own, but
    none above that of all: a user whose few held-out images are unusual would make usual ones look like copies. The
    deviation is pooled over all and taken from the median absolute deviation (x 1.4826 for a normal distribution), so
    that a held-out copy does not widen it. Returns [max user + 1].
    """
    logs = np.log(values.clip(min=1e-12))
    medians = np.array([np.median(logs[users == user]) for user in range(users.max() + 1)])
    deviation = 1.4826 * np.median(np.abs(logs - medians[users]))
    return np.exp(np.minimum(medians, np.median(medians)) - FENCE * deviation)


def moments(rows, training) -> int:
    """How many different moments of the recordings training rows stand for: overlapping windows count as one."""
    places = sorted({(int(training.users[row]), int(training.positions[row])) for row in rows})
    return sum(index == 0 or user != places[index - 1][0] or place - places[index - 1][1] >= INDEPENDENT_GAP
               for index, (user, place) in enumerate(places))
