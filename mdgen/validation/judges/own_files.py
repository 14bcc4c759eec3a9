"""Judged in the user's own files: classifiers that read them as anybody would, in RGB, shrunk by a box filter.

The mean of a colour map's colours is not the colour of the mean intensity. A generator can be right in intensities, and
wrong in the files that its images become; only who trains on the files can tell.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from mdgen.data.image_io import to_floats
from mdgen.data.source_files import FileFormat
from mdgen.runs.folder import RunFolder
from mdgen.runs.pictures import as_pixels
from mdgen.validation.judges.features import per_user_subsets
from mdgen.validation.judges.usefulness import accuracy, summarise, train_classifier
from mdgen.validation.metrics.frechet import frechet_between

SIZES = 64, 128   # pixels of a side to which files are shrunk; usefulness is measured at the first


class Pictures(NamedTuple):
    """images: uint8 [N, 3, S, S] in RGB; users: [N] int64."""

    images: np.ndarray
    users: np.ndarray


def sizes_for(form: FileFormat) -> list[int]:
    """Those of SIZES to which files of this format shrink; their own smaller side where they are smaller still."""
    smaller = min(form.height, form.width)
    return [size for size in SIZES if size <= smaller] or [smaller]


def shrunk(file, size: int):
    """A picture file, a path or bytes, as uint8 [3, size, size]: Pillow alone, nothing of mdgen's reader."""
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
        picture = image.convert("RGB").resize((size, size), Image.Resampling.BOX)
    return np.asarray(picture).transpose(2, 0, 1)


def pictures(files, users, size: int) -> Pictures:
    """files: paths or bytes; users: [N], whose each is."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(partial(shrunk, size=size), files))
    return Pictures(np.stack(found), np.asarray(users, dtype=np.int64))


def rewritten(run: RunFolder, images, form: FileFormat) -> list[bytes]:
    """Images [N, C, H, W] in [-1, 1] of the run's networks as the files that sample.py would write."""
    found = []
    for batch in images.split(64):
        found += map(form.encode, as_pixels(run, batch, form.height, form.width))
    return found


def autoencoded(vae, images, device):
    """Posterior means of images [N, C, H, W], decoded and clamped."""
    with torch.inference_mode():
        return torch.cat([vae.decode(vae.encode(batch.to(device))[0]).clamp(-1, 1).cpu() for batch in images.split(32)])


def own_files(training, held_out: dict, generated, num_users: int, sizes, *, steps: int, seeds: int, device,
              study: bool = True, progress=None) -> dict:
    """How files fare with classifiers that were trained on the training files.

    training, generated: (files, users); held_out: {"held_out": files, ...} of one list of users under "users", the
    files themselves and what reader, writer and autoencoder make of them. sizes: as of `sizes_for`.
    Returns {"sizes", "by_size": [{"size", "accuracy": {name: mean, std, values}, "fd": {name: Fréchet distance to the
    training files in the first classifier's features, at equal N}}], "usefulness": {"real", "generated", "both"}}:
    accuracies on held-out files of classifiers trained on the files of either or both, None without `study`.
    progress(done, total).
    """
    users, names = held_out["users"], [name for name in held_out if name != "users"]
    found, use, done, total = [], None, 0, seeds * (len(sizes) + 2 * study)

    def trained(parts, size, seed):
        nonlocal done
        network = train_classifier(parts, num_users, steps=steps, seed=seed, device=device, prepare=as_they_are,
                                   resolution=size)
        done += 1
        if progress:
            progress(done, total)
        return network

    for size in sizes:
        learnt = pictures(*training, size)
        judged = {name: pictures(held_out[name], users, size) for name in names} | {
            "generated": pictures(*generated, size)}
        networks = [trained([learnt], size, seed) for seed in range(seeds)]
        scores = {name: summarise([accuracy(network, part, device) for network in networks])
                  for name, part in judged.items()}
        found.append({"size": size, "accuracy": scores,
                      "fd": distances(networks[0], learnt, judged, num_users, device)})
        if study and size == sizes[0]:
            alone = [accuracy(trained([judged["generated"]], size, seed), judged["held_out"], device)
                     for seed in range(seeds)]
            both = [accuracy(trained([learnt, judged["generated"]], size, seed), judged["held_out"], device)
                    for seed in range(seeds)]
            use = {"real": scores["held_out"], "generated": summarise(alone), "both": summarise(both)}
    return {"sizes": list(sizes), "by_size": found, "usefulness": use}


def as_they_are(images, generator):
    """uint8 [B, C, H, W] in training: colours allow no gain, and shifts cost what a short training does not have."""
    return to_floats(images)


def distances(network, learnt: Pictures, judged: dict, num_users: int, device) -> dict:
    """Fréchet distances to the training files, of as many files of every user from each set."""
    features = {name: features_of(network, part, device) for name, part in judged.items()}
    counts = np.min([np.bincount(part.users, minlength=num_users) for part in judged.values()], axis=0)
    if counts.sum() < 2:
        return dict.fromkeys(judged)
    reference = features_of(network, learnt, device)
    return {name: float(np.mean([frechet_between(features[name][rows], reference)
                                 for rows in per_user_subsets(part.users, counts)])) for name, part in judged.items()}


@torch.inference_mode()
def features_of(network, part: Pictures, device):
    batches = torch.from_numpy(part.images).split(64)
    return torch.cat([network.features(to_floats(batch.to(device))).double().cpu() for batch in batches]).numpy()
