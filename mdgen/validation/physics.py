"""Does a generated walk look like that person's walk? Gait and texture of images in units of how a person varies.

Every distance stands over that between real images: domain measures say nothing without it.
"""

import numpy as np

from mdgen.data.copies import INDEPENDENT_GAP
from mdgen.data.image_axes import ImageAxes
from mdgen.validation.metrics.curve_distance import curve_distance
from mdgen.validation.metrics.per_user import ratios, user_means
from mdgen.validation.image_measures import CURVES, SHARE, SPECTRA, UNITS, VELOCITY, image_measures, not_measured

PAIRS = 300   # per user and kind of pair


def physics(training, held_out, generated, num_users: int, *, axes: ImageAxes | None = None,
            measures: dict | None = None, pairs: int = PAIRS, seed: int = 0) -> dict:
    """How far generated images of a user are from that user's real ones and from others', for each measure.

    training, held_out, generated: JudgedSets of images of one size. axes: of the images (`find_axes`); None leaves
    velocities in shares of the image's height and the cadence unmeasured. measures: {"training", "held_out",
    "generated": `image_measures` with these axes}, where they are known already. Curves are
    compared by `curve_distance`, scalars by their absolute difference, spectra by the root-mean-square difference in
    dB. Means are over at most `pairs` random pairs per user and kind; real pairs of one set and user lie
    INDEPENDENT_GAP windows apart.
    Returns {"velocity_unit", "curve_distance", "pairs", "not_measured": {name: reason}, "features": {name: None or
    {"unit", "within", "between": lists over users, "separability": between / within, "generated" and "held_out":
    {"to_user", "to_others", "spread"}}}} with ratios as {"overall", "per_user"}:
    to_user: mean distance to the user's training images over `within`, the one between these; 1 is as near as the
    user is to themself. to_others: to other users' training images over `between`, that of the user's own training
    images. spread: within the set and user, over `within`. Held-out images are what a perfect generator scores.
    """
    sets = {"training": training, "held_out": held_out, "generated": generated}
    measures = measures or {name: image_measures(one.images, axes) for name, one in sets.items()}
    gaps = {"training": INDEPENDENT_GAP, "held_out": INDEPENDENT_GAP, "generated": 1}
    drawn = {name: draw_pairs(one, training, num_users, gaps[name], pairs, np.random.default_rng([seed, k]))
             for k, (name, one) in enumerate(sets.items())}
    unit, missing = "m/s" if axes else SHARE, not_measured(training.images.shape[-2:], axes)
    features = {}
    for name in UNITS:
        values = {key: found.get(name) for key, found in measures.items()}
        features[name] = None if name in missing else {
            "unit": unit if UNITS[name] == VELOCITY else UNITS[name], **feature_report(name, values, drawn)}
    return {"velocity_unit": unit, "curve_distance": "dtw", "pairs": pairs, "not_measured": missing,
            "features": features}


def draw_pairs(one, training, num_users: int, gap: int, most: int, rng) -> dict:
    """Lists over users of at most `most` pairs of rows [n, 2]: "itself", both in the set and of the user, at least
    gap places apart; "own" and "others", the user's rows beside training rows of the user and of all others."""
    drawn = {"itself": [], "own": [], "others": []}
    for user in range(num_users):
        rows = one.of_user(user)
        first, second = (rows[index] for index in np.triu_indices(len(rows), k=1))
        apart = np.abs(one.positions[first] - one.positions[second]) >= gap
        drawn["itself"].append(sample(rng, first[apart], second[apart], most))
        for kind, among in (("own", training.users == user), ("others", training.users != user)):
            drawn[kind].append(sample_grid(rng, rows, np.flatnonzero(among), most))
    return drawn


def sample(rng, first, second, most: int):
    chosen = rng.choice(len(first), min(most, len(first)), replace=False)
    return np.stack([first[chosen], second[chosen]], axis=1)


def sample_grid(rng, rows, columns, most: int):
    """The same of all pairs of a row [n] and a column [m], without listing them."""
    count = len(rows) * len(columns)
    place = rng.choice(count, min(most, count), replace=False)
    return np.stack([rows[place // max(len(columns), 1)], columns[place % max(len(columns), 1)]], axis=1)


def feature_report(name: str, values: dict, drawn: dict) -> dict:
    """Distances and their ratios for one measure; values: set -> [N, ...], drawn: set -> `draw_pairs`."""
    def mean(one, kind):
        return mean_distances(name, values[one], values[one if kind == "itself" else "training"],
                              drawn[one][kind])

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
