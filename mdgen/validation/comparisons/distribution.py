"""Are generated images distributed like real ones? All distances between sets of features, with their floors."""

from dataclasses import replace

import numpy as np

from mdgen.data.windows import independent
from mdgen.validation.judges.features import EXTRACTOR, per_user_subsets
from mdgen.validation.metrics.frechet import frechet_between
from mdgen.validation.metrics.inception_score import inception_score
from mdgen.validation.metrics.kernel_distance import counted_classes, kernel_distance_stratified
from mdgen.validation.metrics.precision_recall import density_coverage, precision_recall

# Only the 2015 Inception weights make a Fréchet distance an FID: other features give figures of other names.
NAMES = {EXTRACTOR: {"fd": f"fd_{EXTRACTOR}", "kd": f"kd_{EXTRACTOR}", "is": f"is_{EXTRACTOR}"},
         "inception": {"fd": "fid", "kd": "kid", "is": "inception_score"},
         "inception_other": {"fd": "fd_inception_other", "kd": "kd_inception_other", "is": "is_inception_other"}}
NEIGHBOURS = {"precision": 3, "recall": 3, "density": 5, "coverage": 5}   # k as their authors chose it
IMAGES_PER_SPLIT = 100   # fewer in a split of the Inception Score measure their number rather than their variety


def distribution(training, held_out, generated, num_users: int, names: dict) -> dict:
    """Every distribution metric, overall and per user, for generated and for held-out real images.

    The sets are JudgedSets with the features [N, D] and probabilities [N, K] of one extractor. names: what "fd",
    "kd" and "is" are called with it, of NAMES.
    Returns the dict of `compare` under those names, with "per_user": the same of each user alone, without the score.
    """
    def named(values):
        return {names.get(key, key): value for key, value in values.items()}

    counts = [min(len(s.of_user(user)) for s in (training, held_out, generated)) for user in range(num_users)]
    users = [[alone(s, user) for s in (training, held_out, generated)] for user in range(num_users)]
    return {**named({**compare(training, held_out, generated, counts), "is": scores(held_out, generated, counts)}),
            "per_user": [named(compare(*sets, [count])) for sets, count in zip(users, counts)]}


def alone(judged, user: int):
    """The images of one user as a set of user 0."""
    rows = judged.of_user(user)
    return replace(judged.rows(rows), users=np.zeros(len(rows), dtype=np.int64))


def compare(training, held_out, generated, counts) -> dict:
    """{"fd", "kd", "precision", "recall", "density", "coverage"}: see `frechet`, `kernel` and `neighbours`.

    Fréchet distances and shares fall with the number of images. So they are means over five random cuts of each set
    to counts[u] images of its u-th user.
    """
    cuts = [[s.features[rows] for rows in per_user_subsets(s.users, counts, seed=seed)]
            for seed, s in enumerate((training, held_out, generated))]
    return {"fd": frechet(training, held_out, generated, cuts), "kd": kernel(training, held_out, generated),
            **neighbours(training.features, *cuts[1:])}


def frechet(training, held_out, generated, cuts) -> dict:
    """Fréchet distances and their real-versus-real floors at the same N; None with fewer than two images.

    against_training: generated and held-out cuts, each to all training images. against_held_out: generated and
    training cuts, each to held-out ones. all_images: without cuts, at unequal N.
    """
    train_cuts, held_cuts, fake_cuts = cuts
    full, dim, size = [training.features] * len(fake_cuts), training.features.shape[1], len(fake_cuts[0])

    def mean(first, second):
        values = [distance(x, y) for x, y in zip(first, second)]
        return None if None in values else float(np.mean(values))

    def distance(x, y):
        return frechet_between(x, y) if min(len(x), len(y)) > 1 else None

    return {"n": size, "n_training": len(training), "features": dim, "small_n": size < 10 * dim,
            "against_training": {"generated": mean(fake_cuts, full), "floor": mean(held_cuts, full)},
            "against_held_out": {"generated": mean(fake_cuts, held_cuts), "floor": mean(train_cuts, held_cuts)},
            "all_images": {"n": len(generated), "n_training": len(training), "n_held_out": len(held_out),
                           "generated_to_training": distance(generated.features, training.features),
                           "generated_to_held_out": distance(generated.features, held_out.features),
                           "held_out_to_training": distance(held_out.features, training.features)}}


def kernel(training, held_out, generated) -> dict:
    """Unbiased kernel distance to the training images with its standard error, users as classes, hence without cuts.

    Of both sets only windows that share no samples: the others are no independent draws.

    Per side {"value", "standard_error", "n"}: n images of the users with two or more in both sets, who alone count;
    None where there is no such user.
    """
    training, held_out, generated = (s.rows(independent(s.windows)) for s in (training, held_out, generated))

    def estimate(judged):
        n = int(np.isin(judged.users, counted_classes(judged.users, training.users)).sum())
        value, error = kernel_distance_stratified(judged.features, training.features, judged.users,
                                                  training.users) if n else (None, None)
        return {"value": value, "standard_error": error, "n": n}

    return {"generated": estimate(generated), "held_out": estimate(held_out)}


def neighbours(real, held_cuts, fake_cuts) -> dict:
    """Precision, recall, density and coverage of either side against all training images, means over the cuts."""
    def means(cuts):
        if min(len(real), len(cuts[0])) <= max(NEIGHBOURS.values()):
            return [None] * 4
        return np.mean([[*precision_recall(real, cut, NEIGHBOURS["precision"]),
                         *density_coverage(real, cut, NEIGHBOURS["density"])] for cut in cuts], axis=0).tolist()

    generated, held_out = means(fake_cuts), means(held_cuts)
    return {name: {"generated": generated[i], "held_out": held_out[i]} for i, name in enumerate(NEIGHBOURS)}


def scores(held_out, generated, counts) -> dict:
    """Inception Score of both sides at the same N. Rows of a cut stand user by user: shuffled before they are split."""
    size = sum(counts)
    splits = 10 if size >= 10 * IMAGES_PER_SPLIT else 1

    def mean(judged, seed):
        return float(np.mean([inception_score(judged.probabilities[rows], splits, shuffle_seed=seed)[0]
                              for rows in per_user_subsets(judged.users, counts, seed=seed)]))

    return {"n": size, "splits": splits, "generated": mean(generated, 2), "held_out": mean(held_out, 1)}
