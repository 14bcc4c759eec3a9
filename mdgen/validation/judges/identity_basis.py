"""What identity rests on, a gait or a speed: the judge's accuracy on changed images, and the torso line's alone.

Real and generated images are changed alike: what counts is whether a change costs both the same.
"""

from functools import partial

import numpy as np
import torch

from mdgen.data.image_axes import ImageAxes
from mdgen.data.image_io import to_floats
from mdgen.validation.image_measures import NOMINAL, TRUNK, image_measures
from mdgen.validation.metrics.linear_discriminant import linear_discriminant

VERSION = 1              # raise it when a change changes: what a report has kept of it is then made anew
GAIN = 0.1               # of the range of intensities, which is 4 of 40 dB: twice what the judge was trained against
QUANTILES = np.linspace(0.05, 0.95, 9)


def identity_basis(judge, training, held_out, generated, *, axes: ImageAxes | None = None,
                   measures: dict | None = None, device) -> dict:
    """The share of images whose user is recognised, of changed held-out and generated images.

    judge: a network in evaluation mode on `device`, [B, C, H, W] in [-1, 1] -> logits [B, K]; training, held_out,
    generated: JudgedSets of images of one size. axes: of the images (`find_axes`). measures: {"training", "held_out",
    "generated": `image_measures` with these axes}, where they are known already.
    Returns {"chance": 1 / K, "changes": [{"name", "held_out", "generated"}, ...], first "unchanged",
    "torso_line_alone": {"held_out", "generated"}}, all accuracies in [0, 1], see CHANGES and `torso_line_alone`.
    """
    sets = {"training": training, "held_out": held_out, "generated": generated}
    measures = measures or {name: image_measures(one.images, axes) for name, one in sets.items()}
    lines = {name: found["torso_line"] for name, found in measures.items()}
    torso = {name: about_torso(lines[name], sets[name].images.shape[2], axes) for name in ("held_out", "generated")}

    def accuracy(side, changed):
        return np.mean([(recognised(judge, change(sets[side].images, torso[side]), device) == sets[side].users).mean()
                        for change in changed])

    return {"chance": 1 / len(np.unique(training.users)),
            "changes": [{"name": name, **{side: float(accuracy(side, changed)) for side in torso}}
                        for name, changed in CHANGES.items()],
            "torso_line_alone": torso_line_alone(lines, {name: one.users for name, one in sets.items()})}


def torso_line_alone(lines: dict, users: dict) -> dict:
    """Accuracy of a linear discriminant of the torso line, on {"held_out", "generated"} after "training".

    lines: set -> [N, W]; users: set -> [N]. It sees the line's mean, deviation and nine quantiles, which do not say
    when in the gait cycle a window began.
    """
    features = {name: np.column_stack([line.mean(axis=1), line.std(axis=1), np.quantile(line, QUANTILES, axis=1).T])
                for name, line in lines.items()}
    recognise = linear_discriminant(features["training"], users["training"])
    return {side: float((recognise(features[side]) == users[side]).mean()) for side in ("held_out", "generated")}


@torch.inference_mode()
def recognised(judge, images, device, batch_size: int = 64):
    """The user that the judge takes each image for, [N]; images: uint8 [N, C, H, W]."""
    return torch.cat([judge(to_floats(batch).to(device)).argmax(dim=1).cpu()
                      for batch in torch.from_numpy(np.ascontiguousarray(images)).split(batch_size)]).numpy()


def about_torso(lines, height: int, axes: ImageAxes | None):
    """Bool [N, H, W]: the pixels within TRUNK m/s of the torso lines [N, W] of `image_measures`."""
    known, scale = axes or NOMINAL, 1.0 if axes else NOMINAL.highest
    return np.abs(known.velocity(height)[:, None] - scale * lines[:, None, :]) <= TRUNK


def move(images, torso=None, *, rows: float):
    """Move images [N, C, H, W] up by `rows` of 64, down where negative; edge rows are repeated.

    Where that is no whole number of pixels, two rows are interpolated, which blurs a little.
    """
    height = images.shape[2]
    source = (np.arange(height) + rows * height / 64).clip(0, height - 1)
    first = np.floor(source).astype(int)
    share, second = (source - first)[:, None], (first + 1).clip(max=height - 1)   # [H, 1], [H]
    return np.rint((1 - share) * images[:, :, first] + share * images[:, :, second]).astype(np.uint8)


def raise_level(images, torso=None, *, share: float):
    """Add a share of the range to all pixels, clipped: a gain, since intensities are dB."""
    return (images + np.float32(255 * share)).round().clip(0, 255).astype(np.uint8)


def mirror(images, torso=None):
    """Images [N, C, H, W] that run backwards in time."""
    return images[..., ::-1]


def hide_torso(images, torso):
    """Replace the pixels of torso [N, H, W] by their row's mean colour over the columns where it is not torso.

    Rows that are torso all the time get what lies between the means of the rows above and below. The floor's colour
    would draw the torso line as a dark one and tell its speed as clearly; a line between the limbs above and below
    leaves a ridge. On recorded walkers the mean of the row tells least.
    """
    hidden, rows = images.copy(), np.arange(images.shape[2])
    for image, inside in zip(hidden, torso):
        seen = (~inside).sum(axis=1)                                                 # [H] columns
        known = np.flatnonzero(seen)
        sums = (image * ~inside).sum(axis=2, dtype=np.float64)                       # [C, H]
        means = [np.interp(rows, known, one[known] / seen[known]) if len(known) else one for one in sums]
        image[:, inside] = np.rint(means)[:, np.nonzero(inside)[0]]
    return hidden


def hide_limbs(images, torso):
    """Paint all but the pixels of torso [N, H, W] in each image's floor: its most frequent colour."""
    hidden = images.copy()
    for image, inside in zip(hidden, torso):
        packed = sum(channel.astype(np.int32) << 8 * k for k, channel in enumerate(image))   # [H, W], a colour each
        _, where, counts = np.unique(packed, return_index=True, return_counts=True)
        floor = image.reshape(len(image), -1)[:, where[counts.argmax()]]                     # [C]
        image[:, ~inside] = floor[:, None]
    return hidden


CHANGES = {   # name -> what is done to the images; the figure is the mean over these
    "unchanged": [lambda images, torso: images],
    "one row of 64 up or down": [partial(move, rows=1), partial(move, rows=-1)],
    "two rows of 64 up or down": [partial(move, rows=2), partial(move, rows=-2)],
    "mirrored in time": [mirror],
    "10 % stronger or weaker": [partial(raise_level, share=GAIN), partial(raise_level, share=-GAIN)],
    "torso hidden": [hide_torso],
    "limbs hidden": [hide_limbs],
}
