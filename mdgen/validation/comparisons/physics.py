"""Does a generated walk look like that person's walk? Gait and texture, in units of how much a person's walk varies.

Every distance is divided by that between real images: without it measures of the domain say nothing.
"""

import numpy as np

from mdgen.data.image_axes import ImageAxes
from mdgen.data.windows import sharing
from mdgen.validation.image_measures import CURVES, SHARE, SPECTRA, UNITS, VELOCITY, image_measures, not_measured
from mdgen.validation.metrics.curve_distance import curve_distance
from mdgen.validation.metrics.per_user import ratios, user_means

PAIRS = 300   # per user and kind of pair


def physics(training, held_out, generated, num_users: int, *, axes: ImageAxes | None = None,
            measures: dict | None = None, pairs: int = PAIRS, seed: int = 0) -> dict:
    """For each measure, how far a user's generated images are from real ones of that user and of other users.

    training, held_out, generated: JudgedSets of images of one size. axes: of the images (`find_axes`); None leaves
    velocities in shares of the image's height, and the cadence unmeasured. measures: {"training", "held_out",
    "generated": `image_measures` with these axes}, where they are known already. Curves are
    compared by `curve_distance`, scalars by their absolute difference, spectra by the root-mean-square difference in
    dB. Means are over at most `pairs` random pairs per user and kind; two windows of one set that share samples are no
    pair.
    Returns {"velocity_unit", "curve_distance", "pairs", "not_measured": {name: reason}, "features": {name: None or
    {"unit", "within", "between": lists over users, "separability": between / within, "generated" and "held_out":
    {"to_user", "to_others", "spread"}}}} with ratios as {"overall", "per_user"}:
    within: mean distance among the user's training images; between: from these to other users' training images.
    to_user: mean distance to the user's training images, over `within`; 1 is as near as these are to each other.
    to_others: mean distance to other users' training images, over `between`. spread: mean distance among the user's
    images of the set, over `within`. A perfect generator scores as held-out images do.
    """
    sets = {"training": training, "held_out": held_out, "generated": generated}
    measures = measures or {name: image_measures(one.images, axes) for name, one in sets.items()}
    chosen = {name: random_pairs(one, training, num_users, pairs, np.random.default_rng([seed, k]))
              for k, (name, one) in enumerate(sets.items())}
    unit, missing = "m/s" if axes else SHARE, not_measured(generated.images.shape[-2:], axes)
    features = {}
    for name in UNITS:
        values = {key: found.get(name) for key, found in measures.items()}
        features[name] = None if name in missing else {
            "unit": unit if UNITS[name] == VELOCITY else UNITS[name], **feature_report(name, values, chosen)}
    return {"velocity_unit": unit, "curve_distance": "dtw", "pairs": pairs, "not_measured": missing,
            "features": features}


def random_pairs(one, training, num_users: int, most: int, rng) -> dict:
    """Pairs of rows that are compared, for every user at most `most`: {kind: list over users of [n, 2] int64}.

    "itself": two images of the user in the set that share no samples. "own", "others": an image of the user in the
    set, and a training image of the same user or of another one.
    """
    pairs = {"itself": [], "own": [], "others": []}
    for user in range(num_users):
        rows = one.of_user(user)
        places = np.triu_indices(len(rows), k=1)
        first, second = (rows[index] for index in places)
        apart = ~sharing(one.windows[rows], one.windows[rows])[places]
        kept = chosen_of(rng, np.count_nonzero(apart), most)
        pairs["itself"].append(np.stack([first[apart][kept], second[apart][kept]], axis=1))
        for kind, among in (("own", training.users == user), ("others", training.users != user)):
            columns = np.flatnonzero(among)
            kept = chosen_of(rng, len(rows) * len(columns), most)      # of the grid, which is never listed
            row, column = np.divmod(kept, max(len(columns), 1))
            pairs[kind].append(np.stack([rows[row], columns[column]], axis=1))
    return pairs


def chosen_of(rng, count: int, most: int):
    """At most `most` of the indices 0 … count - 1, at random, each once."""
    return rng.choice(count, min(most, count), replace=False)


def feature_report(name: str, values: dict, pairs: dict) -> dict:
    """Distances and their ratios for one measure; values: set -> [N, ...], pairs: set -> `random_pairs`."""
    def mean(one, kind):
        return mean_distances(name, values[one], values[one if kind == "itself" else "training"], pairs[one][kind])

    within, between = mean("training", "itself"), mean("training", "others")
    report = {"within": within, "between": between, "separability": ratios(between, within)}
    for one in ("generated", "held_out"):
        report[one] = {"to_user": ratios(mean(one, "own"), within), "to_others": ratios(mean(one, "others"), between),
                       "spread": ratios(mean(one, "itself"), within)}
    return report


def mean_distances(name: str, x, y, pairs: list) -> list:
    """Mean distance between x and y [N, ...] over every user's pairs of rows; None where none can be compared."""
    first, second = np.concatenate(pairs).T
    if name in CURVES:
        distances = curve_distance(x[first], y[second])
    elif name in SPECTRA:
        distances = np.sqrt(((x[first] - y[second]) ** 2).mean(axis=1))
    else:
        distances = np.abs(x[first] - y[second])
    users = np.repeat(np.arange(len(pairs)), [len(p) for p in pairs])
    return user_means(distances, users, len(pairs))
