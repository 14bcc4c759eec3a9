"""Can a network tell generated from real images? The classifier two-sample test (Lopez-Paz & Oquab 2017).

A network learns to tell two sets apart on a part of both and is asked about the rest; so does a linear discriminant of
simple features, which sees shares of levels and a grid of patches that few images do not teach a network. Where neither
can do better than guess, nothing that they can learn distinguishes the sets.
"""

import itertools
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.special import expit
from torch.nn import functional as F

from mdgen.errors import RequestError
from mdgen.validation.judges.usefulness import train_classifier
from mdgen.validation.metrics.bootstrap import bounded_interval, resampled
from mdgen.validation.metrics.linear_discriminant import discriminant_scores
from mdgen.validation.metrics.simple_features import area_under_curve, simple_features

STEPS = 200        # of 32 images for every fold; at 64 x 64 pixels a fold is 0.15 TFLOP
VIEW = 64          # pixels: the network sees larger images whole, shrunk to it, and in pieces of it
GRAIN = 16         # pixels: pieces and shifts are multiples of it, so that the grid of a decoder's patches stays
MOST_PIECES = 16   # of a larger image that is judged
PATCHES = 4, 8      # pixels of a decoder's patches, where they are not known
MOST_LEAVES = 5000  # images, whose distances fit into memory; more are ordered by their mean level alone
FOLDS = 4
MARGIN = 0.1       # of area by which the simple features have to be better than the network


class TwoSample(NamedTuple):
    """Area under the ROC curve, 0.5 where images cannot be told apart, 1 where always; its 95 % interval."""

    auc: float
    interval: tuple[float, float]


class Told(NamedTuple):
    """What `tell_apart` finds: the area and its interval, of every image the out-of-fold probability that it is of the
    second set, [N] and [M] float64, and the areas of the network and of the simple features alone."""

    result: TwoSample
    first: np.ndarray
    second: np.ndarray
    by: dict


def classifier_two_sample(real, generated, *, blocks=None, folds: int = FOLDS, seed: int = 0) -> TwoSample:
    """How well a network trained on real and generated images tells others of them apart: `TwoSample`.

    real [N, C, H, W], generated [M, C, H, W]: uint8, of one size. blocks: [N] int, of the real images; those of one
    block are never in two folds (windows of a recording that share samples would be known again). By default every
    image is a block. Every fold gets as many images of a kind, of both sides, as the others (`deal`). For each of the
    folds, a `UserClassifier` of width 16 is trained on the others, half of each batch real, and gives the images of the
    fold a probability of being generated. So does a linear discriminant of `simple_features`, which is believed where
    it does clearly better on the other folds. The area is the mean of those within the folds, weighted by their pairs;
    its interval comes from resampling blocks and generated images (500 times), the networks held fixed. It shows
    whether sets differ, not how much it matters.
    Raises RequestError for fewer blocks or generated images than folds, ValueError for other arrays.
    """
    return tell_apart(real, generated, blocks=blocks, folds=folds, seed=seed).result


def tell_apart(real, generated, *, blocks=None, other_blocks=None, users=None, patches=PATCHES, folds: int = FOLDS,
               seed: int = 0, steps: int = STEPS, device="cpu", progress=None) -> Told:
    """`classifier_two_sample` with blocks on both sides, the scores of all images, its steps and a device.

    users: ([N], [M]), whose images these are: folds are then even in users first. patches: of `simple_features`.
    progress: called with (done, total) folds.
    """
    sets = [np.asarray(real), np.asarray(generated)]
    if any(s.dtype != np.uint8 or s.ndim != 4 or s.shape[1:] != sets[0].shape[1:] for s in sets):
        found = ", ".join(f"{s.dtype} {s.shape}" for s in sets)
        raise ValueError(f"images {found}: need uint8 [N, C, H, W] of one size")
    units = [np.arange(len(s)) if b is None else np.asarray(b) for s, b in zip(sets, (blocks, other_blocks))]
    rng, kinds = np.random.default_rng(seed), kind_order(*sets, users)
    fold_of = [deal(unit, kind, folds, rng) for unit, kind in zip(units, kinds)]
    tables = [np.stack([*simple_features(s, patches).values()], axis=1) for s in sets]
    answers = {"network": [np.empty(len(s)) for s in sets], "simple features": [np.empty(len(s)) for s in sets]}
    for fold in range(folds):
        parts = [SimpleNamespace(images=s[of != fold], users=np.full((of != fold).sum(), side))
                 for side, (s, of) in enumerate(zip(sets, fold_of))]
        network = train_classifier(parts, 2, steps=steps, seed=seed * folds + fold, device=device, prepare=moved_view)
        _, discriminant = discriminant_scores(
            np.concatenate([table[of != fold] for table, of in zip(tables, fold_of)]),
            np.concatenate([part.users for part in parts]))
        for side, (s, table, of) in enumerate(zip(sets, tables, fold_of)):
            answers["network"][side][of == fold] = probabilities(network, s[of == fold], device)
            answers["simple features"][side][of == fold] = expit(discriminant(table[of == fold]) @ [-1, 1])
        if progress:
            progress(fold + 1, folds)
    scores = better_elsewhere(*answers.values(), fold_of, folds)
    by = {name: area_with_interval(answer, units, fold_of).auc for name, answer in answers.items()}
    return Told(area_with_interval(scores, units, fold_of), *scores, by)


def better_elsewhere(answer, other, fold_of, folds: int) -> list:
    """An answer ([N], [M]), and in folds where another one tells the images of the other folds apart clearly better
    that one: which it is to be must not be decided by the images that it is asked about.

    Clearly, by MARGIN: of two answers that know nothing, the one that is better on the other folds is the worse here.
    """
    areas = np.array([[area_under_curve(*(part[of == fold] for part, of in zip(one, fold_of)))
                       for fold in range(folds)] for one in (answer, other)])                     # [2, folds]
    elsewhere = (areas.sum(axis=1, keepdims=True) - areas) / (folds - 1)
    taken = elsewhere[1] > elsewhere[0] + MARGIN
    return [np.where(taken[of], other[side], answer[side]) for side, of in enumerate(fold_of)]


def kind_order(first, second, users=None) -> list:
    """Places [N] and [M] of the images of two sets in one order in which like ones are neighbours, users first.

    The leaves of Ward's (1963) tree of the images at 8 x 8 pixels, in logarithmic levels.
    """
    points = torch.cat([F.adaptive_avg_pool2d(levels_of(batch), 8).flatten(1).double()
                        for s in (first, second) for batch in torch.from_numpy(s).split(256)]).numpy()
    many = len(points) > MOST_LEAVES
    leaves = points.mean(axis=1).argsort() if many else leaves_list(linkage(points, "ward"))
    place = np.empty(len(points), np.int64)
    place[leaves] = np.arange(len(points))
    if users is not None:
        place += len(points) * np.concatenate(users)
    return np.split(place, [len(first)])


def deal(units, places, folds: int, rng):
    """The fold [N] of every image: units [N] stay whole, and of each `folds` like ones every fold gets one.

    places [N]: of `kind_order`. By chance alone a fold would lack some kind of image on one side; the other folds then
    have more of it, and a network that learns which side it is from has learnt the wrong side: sets that are equal
    would look less than equal (0.30 instead of 0.50 for two halves of 240 simulated walks of eight users).
    """
    names, of, counts = np.unique(units, return_inverse=True, return_counts=True)
    if not 2 <= folds <= len(names):
        raise RequestError(f"{len(names)} blocks in {folds} folds; expected 2 folds or more and at least a block for "
                           "each: add images, or ask for fewer folds")
    order = np.argsort(np.bincount(of, places) / counts, kind="stable")
    home = np.empty(len(names), np.int64)
    for group in np.array_split(order, range(folds, len(order), folds)):
        home[group] = rng.permutation(folds)[:len(group)]
    return home[of]


def area_with_interval(scores, units, fold_of) -> TwoSample:
    """The mean area within folds and its interval; scores, units, fold_of: of both sides [N] and [M]."""
    weights = [np.concatenate([np.ones((1, len(unit))), resampled(unit, seed=side)]) for side, unit in enumerate(units)]
    won, pairs = np.zeros((2, len(weights[0])))
    for fold in np.unique(fold_of[0]):
        first, second = (score[of == fold] for score, of in zip(scores, fold_of))
        drawn, others = (w[:, of == fold] for w, of in zip(weights, fold_of))
        wins = (first[:, None] < second) + 0.5 * (first[:, None] == second)
        won += ((drawn @ wins) * others).sum(axis=1)
        pairs += drawn.sum(axis=1) * others.sum(axis=1)
    areas = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    fewer = min(units, key=lambda unit: len(np.unique(unit)))
    return TwoSample(float(areas[0]), tuple(bounded_interval(areas[1:], fewer)))


def levels_of(images):
    """uint8 [B, C, H, W] as the network sees it, [B, 2 C, H, W] in [-1, 1]: levels, and their logarithm.

    What is generated differs from what is real near the floor, where a level or two is little to a network.
    """
    x = images.float()
    return torch.cat([x / 127.5 - 1, torch.log1p(x) / np.log(16) - 1], dim=1)


def view(images, top: int, left: int):
    """The network's input: images up to VIEW pixels as they are, else shrunk to it beside a piece from (top, left)."""
    x = levels_of(images)
    height, width = (min(side, VIEW) for side in x.shape[2:])
    if (height, width) == tuple(x.shape[2:]):
        return x
    piece = x[:, :, top:top + height, left:left + width]
    return torch.cat([F.interpolate(x, size=(height, width), mode="area"), piece], dim=1)


def moved_view(images, generator):
    """A view from a random place of images that are moved in time, round and round."""
    def one_of(places):
        return places[int(torch.randint(len(places), (1,), generator=generator))]

    height, width = images.shape[2:]
    top, left = (one_of([*range(0, max(side - VIEW, 0), GRAIN), max(side - VIEW, 0)]) for side in (height, width))
    return view(images.roll(one_of(range(0, width, GRAIN)), dims=3), top, left)


def pieces(side: int) -> list[int]:
    """Where the pieces begin that cover a side of so many pixels: at multiples of GRAIN, the last one at the end."""
    last = max(side - VIEW, 0)
    count = last // VIEW + 1 if last % VIEW == 0 else -(-last // (VIEW - GRAIN)) + 1   # rounded down, they still meet
    steps = np.linspace(0, last, count) // GRAIN * GRAIN
    return sorted({*steps[:-1].astype(int).tolist(), last})


@torch.inference_mode()
def probabilities(network, images, device):
    """The probability [N] of the second class, by the mean logits over the views of images [N, C, H, W]."""
    places = [*itertools.product(*(pieces(side) for side in images.shape[2:]))]
    places = [places[k] for k in np.unique(np.linspace(0, len(places) - 1, min(len(places), MOST_PIECES)).astype(int))]
    found = []
    for batch in torch.from_numpy(images).split(64):
        logits = sum(network(view(batch.to(device), *place)) for place in places) / len(places)
        found.append(logits.double().softmax(dim=1)[:, 1].cpu())
    return torch.cat(found).numpy()
