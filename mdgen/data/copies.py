"""Is a generated image nearer to one training image than real images are that were never trained on?"""

import functools

import numpy as np

from mdgen.data.windows import sharing

SHIFTS = range(-4, 5)   # columns: a copy moved in time is a copy
FENCE = 4.0             # standard deviations of the held-out log distances, whose tails are heavier than normal ones
MOST_RATIO = 0.85       # of a copy's d1 / d2, however little the held-out ratios vary
LEAST_FREEDOM = 10      # held-out images beyond one for each user: fewer do not tell how far distances vary


class CopyRate:
    """The share of generated images that are copies of a Split's training images, judged in pixels alone."""

    def __init__(self, split):
        self.split = split

    def rate(self, images, users):
        """images: [N, C, H, W] of `users` [N] -> 0 to 1; None with too few held-out images to say."""
        held_out_users = self.split.validation_users.numpy()
        if not enough_held_out(held_out_users):
            return None
        return float(too_near(self.nearest(images), users, self.held_out, held_out_users).mean())

    @functools.cached_property
    def windows(self):
        return self.split.windows[self.split.train.numpy()]

    def nearest(self, images) -> dict:
        return near(pixel_distances(images, self.split.folders.images[self.split.train].numpy()), self)

    @functools.cached_property
    def held_out(self) -> dict:
        return self.nearest(self.split.folders.images[self.split.validation].numpy())


def pixel_distances(images, references):
    """Smallest root-mean-square difference over time shifts of up to four columns: [N, M] float32 in [0, 2].

    images [N, C, H, W], references [M, C, H, W]. Intensity (mean of the channels), each image brought to zero
    mean and unit variance, so that a copy with another gain is one still. sqrt(2 - 2 r) of the correlation r.
    """
    reach = max(SHIFTS)
    width = images.shape[-1] - 2 * reach
    queries = standardised(images[..., reach:reach + width])
    correlation = np.full((len(images), len(references)), -1.0, dtype=np.float32)
    for shift in SHIFTS:   # one view at a time: the references are many
        view = standardised(references[..., reach + shift:reach + shift + width])
        np.maximum(correlation, queries @ view.T, out=correlation)
    return np.sqrt((2 - 2 * correlation).clip(min=0))


def standardised(images):
    """[N, C, H, W] -> [N, H W] float32 rows with zero mean and unit length; a constant image is all zeros."""
    flat = images.astype(np.float32).mean(axis=1).reshape(len(images), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True).clip(min=1e-6)


def near(distances, training) -> dict:
    """From distances [N, M] to M training images with `windows` [M, 3]: "row" of the nearest one, its "distance", and
    "ratio" to the nearest one of another moment."""
    rows = distances.argmin(axis=1)
    other = ~sharing(training.windows[rows], training.windows)
    nearest = distances[np.arange(len(rows)), rows]
    second = np.where(other, distances, np.inf).min(axis=1)
    return {"row": rows, "distance": nearest, "ratio": nearest / np.maximum(second, 1e-12)}


def too_near(found: dict, users, held_out: dict, held_out_users):
    """Which images are near to one training moment and to no other, by what held-out images show: bool [N].

    found, held_out: of `near`, for images of `users` [N] and for held-out ones of `held_out_users`.
    """
    fences = [lower_fence(held_out[key], held_out_users)[users] for key in ("distance", "ratio")]
    return (found["distance"] < fences[0]) & (found["ratio"] < fences[1].clip(max=MOST_RATIO))


def enough_held_out(users) -> bool:
    """Whether held-out images of `users` [N] are enough to say how far distances vary."""
    return len(users) - len(np.unique(users)) >= LEAST_FREEDOM


def lower_fence(values, users):
    """Per user, the value FENCE standard deviations below the median in the logarithm.

    values [N] > 0 of held-out images, users [N]. Users differ in level, so each has a median of their own. None may
    exceed the median of all: else a user whose few held-out images are unusual would make usual images look like
    copies. The deviation is pooled over all users. It comes from the median absolute deviation (x 1.4826 for a normal
    distribution), which a held-out copy does not widen. Returns [max user + 1].
    """
    logs = np.log(values.clip(min=1e-12))
    medians = np.array([np.median(logs[users == user]) for user in range(users.max() + 1)])
    deviation = 1.4826 * np.median(np.abs(logs - medians[users]))
    return np.exp(np.minimum(medians, np.median(medians)) - FENCE * deviation)
