"""Which figures assume independent draws, and how far a set with so many images of each user moves them.

    python benchmarks/judges_of_small_sets.py

Two sets of one distribution, so that nothing differs: features of well separated users, --images of each user against
--training of each. Once the numbers per user are fixed, as they are in this project's sets; once users are drawn
independently to the same total. Prints what every figure gives over new data, as a table for docs/validation.md.
Shift: the mean with fixed numbers less that of independent draws, in deviations of the latter.
"""

import argparse
import sys

import numpy as np

from mdgen import commandline

ALPHA = 0.05
PERMUTATIONS = 199
RIGHT = {"kernel_distance": 0, "kernel_distance_stratified": 0, "Fréchet distance": 0, "density": 1}


def parser():
    p = commandline.Parser(prog="judges_of_small_sets.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--users", type=int, default=10, help="default: 10")
    p.add_argument("--images", type=int, default=13, help="of each user in the set that is judged (default: 13)")
    p.add_argument("--training", type=int, default=87, help="of each user in the other set (default: 87)")
    p.add_argument("--features", type=int, default=64, help="default: 64")
    p.add_argument("--repeats", type=int, default=40, help="pairs of sets per line (default: 40)")
    p.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    return p


class Population:
    """Users with means 1.5 apart from 0 in each feature; deviations within a user fall from 1, as a network's do."""

    def __init__(self, users: int, features: int, seed: int):
        self.means = 1.5 * np.random.default_rng(seed).normal(size=(users, features))   # [K, D]
        self.deviations = (1 + np.arange(features) / 8) ** -0.5                          # [D]

    def draw(self, per_user: int, balanced: bool, rng):
        """(features [K * per_user, D], users [K * per_user])"""
        count = len(self.means)
        users = np.repeat(np.arange(count), per_user) if balanced else rng.integers(count, size=count * per_user)
        return self.means[users] + self.deviations * rng.normal(size=(len(users), len(self.deviations))), users

    def probabilities(self, x):
        """Those of the best possible classifier, [N, K]."""
        from scipy.special import softmax

        scaled, means = x / self.deviations, self.means / self.deviations
        return softmax(scaled @ means.T - (means**2).sum(axis=1) / 2, axis=1)


def figures(population, x, x_users, y, y_users, rng) -> dict:
    """Every figure of the set x against the training set y; of tests, the share that rejects at ALPHA."""
    from mdgen.validation import density_coverage, inception_score, kernel_distance, precision_recall
    from mdgen.validation.metrics.frechet import frechet_between
    from mdgen.validation.metrics.kernel_distance import kernel_distance_stratified

    precision, recall = precision_recall(y, x)
    density, coverage = density_coverage(y, x)
    stratified, error = kernel_distance_stratified(x, y, x_users, y_users)
    return {"kernel_distance": kernel_distance(x, y, subsets=20)[0], "kernel_distance_stratified": stratified,
            "its standard error": error, "Fréchet distance": frechet_between(x, y), "precision": precision,
            "recall": recall, "density": density, "coverage": coverage,
            "inception_score": inception_score(population.probabilities(x), splits=1)[0],
            **rejections(x, x_users, y, y_users, rng)}


def rejections(x, x_users, y, y_users, rng) -> dict:
    """Share of kernel two-sample tests that reject: of each user, and of all images with two ways to permute them."""
    from mdgen.validation.comparisons.statistical_tests import mmd_statistic, permutation_p, relabellings

    order_x, order_y = np.argsort(x_users, kind="stable"), np.argsort(y_users, kind="stable")
    x, x_users, y, y_users = x[order_x], x_users[order_x], y[order_y], y_users[order_y]
    of_x, of_y, single = [], [], []
    for user in np.unique(np.concatenate([x_users, y_users])):
        mine = x[x_users == user], y[y_users == user]
        members = relabellings(*map(len, mine), PERMUTATIONS, rng)
        if min(map(len, mine)) > 1:
            single.append(permutation_p(mmd_statistic(np.concatenate(mine), members)) <= ALPHA)
        of_x.append(members[:, :len(mine[0])])
        of_y.append(members[:, len(mine[0]):])
    both = np.concatenate([x, y])
    within, across = np.concatenate(of_x + of_y, axis=1), relabellings(len(x), len(y), PERMUTATIONS, rng)
    return {"test of each user": np.mean(single),
            "test of all, permuted within users": float(permutation_p(mmd_statistic(both, within)) <= ALPHA),
            "test of all, permuted across users": float(permutation_p(mmd_statistic(both, across)) <= ALPHA)}


def right(name: str, args):
    """What equal distributions should give, where that is known."""
    if name.startswith("test"):
        return f"{ALPHA:g}"
    if name == "coverage":      # Naeem et al. 2020, lemma 2
        n, m, steps = args.users * args.training, args.users * args.images, np.arange(1, 6)
        return f"{1 - np.prod((n - steps) / (n + m - steps)):.3g}"
    return f"{RIGHT[name]}" if name in RIGHT else "–"


def main(argv) -> int:
    args = parser().parse_args(argv)
    population, found = Population(args.users, args.features, args.seed), {}
    for balanced in (False, True):
        for repeat in range(args.repeats):
            rng = np.random.default_rng([args.seed, balanced, repeat])
            judged, training = (population.draw(n, balanced, rng) for n in (args.images, args.training))
            for name, value in figures(population, *judged, *training, rng).items():
                found.setdefault(name, ([], []))[balanced].append(value)
    print(f"| {args.users} users, {args.images} against {args.training} images each | right | independent draws | "
          "fixed numbers | shift |\n| --- | --- | --- | --- | --- |")
    for name, values in found.items():
        free, fixed = ((np.mean(v), np.std(v, ddof=1)) for v in values)
        cells = [f"{mean:.3g}" if name.startswith("test") else f"{mean:.3g} ± {spread:.2g}"
                 for mean, spread in (free, fixed)]
        shift = "–" if name.startswith("test") or not free[1] else f"{(fixed[0] - free[0]) / free[1]:+.1f}"
        print(f"| {name} | {right(name, args)} | {' | '.join(cells)} | {shift} |")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
