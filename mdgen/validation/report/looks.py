"""What the sets of images look like beside each other: mean image, mean spectrum, features, best and worst cases."""

import numpy as np

from mdgen.data.image_io import paint
from mdgen.validation.report.charts import Chart, Series
from mdgen.validation.report.image_grid import ImageGrid

TRAINING, HELD_OUT, GENERATED = "real training", "real held-out", "generated"
POINTS = 200   # of a set at most in the scatter of features
CASES = 4      # images of a kind of cases


def has_images(judged) -> bool:
    """Whether a set holds images: of a set known by its statistics alone there are none."""
    return judged is not None and judged.images is not None and len(judged.images) > 0


def colours(judged, colormap: str | None) -> str | None:
    """The colour map that a set's images are painted in; None for images in colours of their own, or no images."""
    return (colormap or "gray") if has_images(judged) and judged.images.shape[1] == 1 else None


def sides(training, held_out, generated) -> list:
    """(name, set) of those that hold images."""
    named = (TRAINING, training), (HELD_OUT, held_out), (GENERATED, generated)
    return [(name, judged) for name, judged in named if has_images(judged)]


def mean_images(sets, colormap: str | None, axes) -> ImageGrid | None:
    """The mean over the images of each set, side by side."""
    found = sides(*sets)
    if not found:
        return None
    means = [paint(judged.images.mean(axis=0, keepdims=True).round().astype(np.uint8), colormap)[0]
             for _, judged in found]
    return ImageGrid("mean_images", "Mean image of real and of generated images", [(name, 1) for name, _ in found],
                     [("", means, ())], axes, colours(found[0][1], colormap), cell=110)


def mean_spectrum(sets, axes) -> Chart | None:
    """Mean over images and time of the level of every Doppler row: in dB over m/s where the axes are known."""
    found = sides(*sets)
    if not found:
        return None
    height = found[0][1].images.shape[2]
    rows = axes.velocity(height) if axes else np.arange(height)[::-1]           # falling: the first row is the top
    series = []
    for name, judged in found:
        level = judged.images.mean(axis=(0, 1, 3))                               # [H], 0 to 255
        level = (level / 255 - 1) * axes.dynamic_range_db if axes else level
        series.append(Series(name, rows[::-1].tolist(), level[::-1].tolist()))
    return Chart("mean_spectrum", series, "Doppler velocity, m/s" if axes else "Doppler row, from below",
                 "mean level, dB" if axes else "mean level, 0 to 255")


def principal_axes(features):
    """(mean [D], axes [2, D], shares [2] of the variance) of features [N, D]: principal component analysis.

    The largest entry of an axis is positive, so that the sign does not depend on the solver.
    """
    mean = features.mean(axis=0)
    _, scales, axes = np.linalg.svd(features - mean, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    return mean, axes, scales[:2] ** 2 / (scales**2).sum()


def feature_scatter(training, held_out, generated) -> Chart | None:
    """Held-out and generated images in the plane in which the training images' features vary most."""
    parts = [(name, s.features) for name, s in ((HELD_OUT, held_out), (GENERATED, generated))
             if s is not None and s.features is not None and len(s.features)]
    reference = None if training is None else training.features
    if not parts or reference is None or min(np.shape(reference)) < 2 or not np.ptp(reference, axis=0).any():
        return None
    mean, axes, shares = principal_axes(reference)
    series = []
    for name, features in parts:
        rows = np.unique(np.linspace(0, len(features) - 1, min(len(features), POINTS)).round().astype(int))
        series.append(Series(name, *((features[rows] - mean) @ axes.T).T.tolist()))
    labels = [f"component {index + 1} ({share:.0%} of the variance)" for index, share in enumerate(shares)]
    return Chart("feature_scatter", series, *labels, kind="scatter")


def case_grids(held_out, generated, names, colormap: str | None, axes) -> list:
    """ImageGrids of the images whose target user the judge finds least and most probable."""
    asked = (("worst_generated", "Least like their user, generated", generated, 1),
             ("best_generated", "Most like their user, generated", generated, -1),
             ("worst_held_out", "Least like their user, real held-out", held_out, 1))
    grids = []
    for name, title, judged, sign in asked:
        if has_images(judged) and judged.probabilities is not None:
            wanted = judged.probabilities[np.arange(len(judged)), judged.users]
            rows = np.argsort(sign * wanted, kind="stable")[:CASES]
            recognised = judged.probabilities.argmax(axis=1)
            words = ["recognised" if recognised[row] == judged.users[row] else f"taken for {names[recognised[row]]}"
                     for row in rows]
            captions = [f"{names[judged.users[row]]}, {wanted[row]:.2g}\n{word}" for row, word in zip(rows, words)]
            grids.append(case_grid(name, title, judged, rows, captions, colormap, axes))
    return grids


def surest_grids(two_sample: dict | None, training, generated, names, colormap: str | None, axes) -> list:
    """ImageGrids of the generated and real images that the two-sample classifier told apart most surely."""
    surest = (two_sample or {}).get("surest") or {}
    grids = []
    for side, title, judged in (("generated", "Known as generated most surely", generated),
                                ("training", "Known as real most surely", training)):
        found = (surest.get(side) or [])[:CASES]
        if found and has_images(judged):
            captions = [f"{names[judged.users[row]]}\ngenerated: {probability:.2g}" for row, probability in found]
            grids.append(case_grid(f"told_apart_{side}", title, judged, [row for row, _ in found], captions,
                                   colormap, axes))
    return grids


def case_grid(name: str, title: str, judged, rows, captions, colormap, axes) -> ImageGrid:
    """Images in lines of two, so that captions can be read on a narrow screen."""
    images, width = list(paint(judged.images[list(rows)], colormap)), min(len(rows), 2)
    lines = [("", images[start:start + width], captions[start:start + width])
             for start in range(0, len(images), width)]
    return ImageGrid(name, title, [(title, width)], lines, axes, colours(judged, colormap), cell=120)
