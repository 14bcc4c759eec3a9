"""How sure the figures of a report are: 95 % intervals, so that few images are seen to be few."""

import numpy as np

from mdgen.data.windows import resampling_units
from mdgen.validation.metrics.bootstrap import (
    GROUPS,
    REPLICATES,
    bounded_interval,
    jackknife_interval,
    percentiles,
    resampled,
    share_interval,
)
from mdgen.validation.metrics.diversity import user_diversity
from mdgen.validation.metrics.frechet import frechet_between
from mdgen.validation.metrics.verification import resampled_errors

CUTS = 5   # of a set to equal numbers, as of `per_user_subsets`
RESAMPLED = f"{REPLICATES} bootstrap samples of"
METHODS = {
    "units": "what is resampled: recordings where users have two or more, else runs of windows that share samples; a "
             "generated image is a recording of its own. Training images and judges are held fixed",
    "accuracy": f"{RESAMPLED} units; where all images agree, the exact binomial interval of as many units. So too the "
                "share of copies",
    "eer": f"{RESAMPLED} units, the thresholds being 400 quantiles of the genuine distances. So too the area under the "
           "curve. Where no error is seen at all, the exact binomial interval of as many units",
    "distance": f"jackknife over {GROUPS} groups of units, Student's t: an image drawn twice would spoil a covariance",
    "kernel distance": "standard error from the projections of the estimate, of independent windows alone",
    "diversity": f"{RESAMPLED} units; an image and itself are no pair",
    "texture": f"{RESAMPLED} units",
    "two_sample": f"{RESAMPLED} units of both sides, the networks held fixed",
}


def with_intervals(results: dict, training, held_out, generated, num_users: int, fine_power) -> dict:
    """The intervals of a report, written beside their figures; returns the results.

    results: recognition, verification, distribution, diversity, texture and originality, as `judge_sets` gives them.
    The sets: JudgedSets with embeddings. fine_power: of the held-out and of the generated images, [M] and [L].
    """
    sides = {"held_out": held_out, "generated": generated}
    for turn, (side, s) in enumerate(sides.items()):
        units = resampling_units(s.windows, s.users)
        weights = resampled(units, seed=turn)
        hits = s.probabilities.argmax(axis=1) == s.users
        results["recognition"][side]["interval"] = share_interval(hits, units, weights)
        if s.embeddings is not None:
            results["verification"][side]["intervals"] = {
                name: bounded_interval(values, units) for name, values in resampled_errors(
                    training.embeddings, training.users, s.embeddings, s.users, weights).items()}
        for name, values in (("features", s.features), ("pixels", s.images)):
            if part := results["diversity"].get(name):
                part[side]["interval"] = over_reference(
                    user_diversity(values, s.users, num_users, s.windows, weights), part["training_distance"])
        results["texture"][side]["interval"] = over_reference(
            user_averages(fine_power[turn], s.users, num_users, weights), results["texture"]["training_power"])
        if side == "generated" and results["originality"]:
            copied = results["originality"]["copies"]
            results["originality"]["interval"] = copied if copied is None else share_interval(
                results["originality"]["nearest"]["copy"], units, weights)
    return results


def distance_intervals(part: dict, name: str, training, held_out, generated) -> None:
    """The intervals of the Fréchet distances to the training images in `distribution`'s part, under `name`."""
    found, users = part[name]["against_training"], np.unique(training.users)
    counts = [min(int((s.users == user).sum()) for s in (training, held_out, generated)) for user in users]
    for side, s in (("generated", generated), ("floor", held_out)):
        orders = [np.random.default_rng(seed).permutation(len(s)) for seed in range(CUTS)]

        def distance(rows, s=s, orders=orders):
            """The mean over the same random cuts, as far as their images are left, as the value itself is taken."""
            left = [order[np.isin(order, rows)] for order in orders]
            cuts = [np.concatenate([order[s.users[order] == user][:count] for user, count in zip(users, counts)])
                    for order in left]
            return np.mean([frechet_between(s.features[cut], training.features) for cut in cuts])

        found[f"{side}_interval"] = jackknife_interval(distance, found[side], resampling_units(s.windows, s.users))


def user_averages(values, users, num_users: int, weights):
    """Mean of every user's values [N] in every replicate, weights [R, N]: [R, num_users], NaN where none was drawn."""
    known = np.isfinite(values)
    found = np.full((len(weights), num_users), np.nan)
    for user in range(num_users):
        of_user = weights[:, known & (users == user)]
        total = of_user.sum(axis=1)
        found[total > 0, user] = (of_user @ values[known & (users == user)])[total > 0] / total[total > 0]
    return found


def over_reference(values, reference) -> list | None:
    """Interval of the sum of values [R, K] over that of reference [K], over the users that have both: see `ratios`."""
    reference = np.array([np.nan if r is None else r for r in reference])
    both = np.isfinite(values) & np.isfinite(reference)
    below = np.where(both, reference, 0).sum(axis=1)
    return percentiles(np.divide(np.where(both, values, 0).sum(axis=1), below, out=np.full(len(values), np.nan),
                                 where=below > 0))
