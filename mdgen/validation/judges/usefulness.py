"""Do generated images help to train an identification model? Small classifiers, tested on real held-out images."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from mdgen.data.image_io import to_floats
from mdgen.data.transforms import augment
from mdgen.errors import RequestError
from mdgen.models.classifier import UserClassifier
from mdgen.training.lr_schedule import learning_rate
from mdgen.validation.judges.features import JudgedSet

VERSION = 2   # raise it when the study changes: what a report has kept of it is then made anew
BATCH_SIZE, WIDTH, RESOLUTION = 32, 16, 64
PEAK_RATE, WARMUP_STEPS, WEIGHT_DECAY = 2e-3, 10, 0.05
# Less than the judge's: shifts in time cost what a short training does not have. On ten measured walkers 120 steps on
# all images recognise 0.2 more of held-out ones with gain or noise alone than with shifts alone, or shifts and masks.
AUGMENTATION = {"gain": 0.05, "max_shift": 0, "noise": 0.05}


def block(judged: JudgedSet, per_user: int | None, rng) -> JudgedSet:
    """`per_user` neighbouring images of every user from a random place: what a user with little data has."""
    if per_user is None:
        return judged
    rows = [judged.of_user(user) for user in np.unique(judged.users)]
    starts = block_starts(map(len, rows), per_user, rng)
    return judged.rows(np.concatenate([r[start:start + per_user] for r, start in zip(rows, starts)]))


def block_starts(counts, per_user: int, rng) -> list[int]:
    """Where the `block` of every user begins; counts: images of each."""
    return [int(rng.integers(count - per_user + 1)) for count in counts]


def block_rng(seed: int, per_user: int | None):
    """What places the blocks of one seed at one size."""
    return np.random.default_rng([seed, per_user or 0])


def usefulness(training, held_out, generated, num_users: int, *, sizes=(5, 10, 20, 50, None), seeds: int = 3,
               steps: int, device, progress=None) -> dict:
    """Accuracy on held-out real images of classifiers trained on real images, without and with generated ones.

    training, held_out, generated: JudgedSets. sizes: real images per user, None for all; those that a user does not
    have are left out. Every
    classifier takes `steps` batches of 32; with generated images half of each batch. Both arms of a seed have
    the same real images, initial weights and augmentation, so that their difference, the gain, is paired.
    tstr: trained on generated, tested on held-out images. trts: trained on all real, tested on generated ones.
    The generator has seen all training images. At the smaller sizes a gain therefore shows what its images are worth
    beside few real ones, not what a generator trained on so few would give: that is `honest_usefulness`.
    A step on 64 x 64 images is 0.74 GFLOP: five sizes, three seeds and 250 steps (33 trainings) are 6.1 TFLOP.
    100 steps are too few: on all images of ten measured walkers they recognise 0.84 of held-out ones, 200
    steps 0.93, 250 and 300 steps 0.95.
    For the demo's simulated walkers 100 are enough.

    Returns {"seeds", "steps", "chance", "held_out", "curve": [{"per_user", "all", "real", "both", "gain"}],
    "tstr", "trts"}; figures are {"mean", "std", "values"}, std between seeds, None for one seed; per_user of all
    is the mean; trts is None where sizes lack None. progress(done, total) is called after every training.
    Raises RequestError for an empty set.
    """
    training, held_out, generated = check_sets(training, held_out, generated, num_users)
    sizes = feasible(sizes, np.bincount(training.users, minlength=num_users))
    done, total = itertools.count(1), seeds * (2 * len(sizes) + 1)

    def train(parts, seed):
        network = train_classifier(parts, num_users, steps=steps, seed=seed, device=device)
        if progress:
            progress(next(done), total)
        return partial(accuracy, network, device=device)

    found = [one_seed(train, training, held_out, generated, sizes, seed) for seed in range(seeds)]
    real, both = (np.array([one[arm] for one in found]).T for arm in ("real", "both"))    # [sizes, seeds]
    curve = [{"per_user": size or round(len(training.users) / num_users), "all": size is None,
              "real": summarise(real[k]), "both": summarise(both[k]), "gain": summarise(both[k] - real[k])}
             for k, size in enumerate(sizes)]
    tstr, trts = (summarise([one[name] for one in found if name in one]) for name in ("tstr", "trts"))
    return {"seeds": seeds, "steps": steps, "chance": 1 / num_users, "held_out": len(held_out.users), "curve": curve,
            "tstr": tstr, "trts": trts}


def one_seed(train, training, held_out, generated, sizes, seed: int) -> dict:
    """Accuracies with one seed: "real" and "both", of every size, "tstr", and "trts" where sizes hold None.

    train(parts, seed) -> accuracy(images), that of a classifier trained on the parts.
    """
    found = {"real": [], "both": []}
    for size in sizes:
        few = block(training, size, block_rng(seed, size))
        accuracy_of = train([few], seed)
        found["real"].append(accuracy_of(held_out))
        found["both"].append(train([few, generated], seed)(held_out))
        if size is None:
            found["trts"] = accuracy_of(generated)
    return {**found, "tstr": train([generated], seed)(held_out)}


def check_sets(training, held_out, generated, num_users: int) -> list[JudgedSet]:
    """The three sets, each in order of users; RequestError where one is empty or a user has no training image."""
    for name, judged in (("training", training), ("held-out", held_out), ("generated", generated)):
        if len(judged.users) == 0:
            raise RequestError(f"there are no {name} images; expected some of every one of {num_users} users")
    if (counts := np.bincount(training.users, minlength=num_users)).min() == 0:
        raise RequestError(f"user number {counts.argmin()} has no training image; expected some of every user")
    # results must not depend on how users are interleaved
    return [shrunk(s.rows(np.argsort(s.users, kind="stable"))) for s in (training, held_out, generated)]


def shrunk(judged: JudgedSet) -> JudgedSet:
    """The set with its images averaged down to what the classifiers look at: once, and not at every one of their steps.
    """
    size = [min(side, RESOLUTION) for side in judged.images.shape[-2:]]
    if size == list(judged.images.shape[-2:]):
        return judged
    batches = torch.from_numpy(judged.images).split(64)
    return replace(judged, images=torch.cat([F.interpolate(batch.float(), size=size, mode="area").round().byte()
                                             for batch in batches]).numpy())


def feasible(sizes, counts) -> list:
    """The sizes that every user has and that are not all there is, then None where it was asked for."""
    return [size for size in sizes if size is None or size <= counts.min() and size < counts.max()]


def augmented(images, generator):
    """uint8 [B, C, H, W] as the small classifiers are shown it in training."""
    return augment(to_floats(images), generator, **AUGMENTATION)


def train_classifier(parts, num_users: int, *, steps: int, seed: int, device, prepare=augmented,
                     resolution: int = RESOLUTION):
    """A small UserClassifier trained on an equal share of each batch from every part, in evaluation mode.

    parts: with images and users each, such as JudgedSets. resolution: see `DopplerEncoder`. prepare(images, generator):
    uint8 [B, C, H, W] on `device` -> what the network is shown, [B, C', H', W']. AdamW, warm-up and cosine; everything
    random comes from `seed`.
    """
    rng, share = np.random.default_rng(seed), BATCH_SIZE // len(parts)
    rows = [epochs(rng, len(part.users), steps * share).reshape(steps, share) for part in parts]
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)   # initial weights, dropout
        shown = prepare(torch.from_numpy(parts[0].images[:1]), torch.Generator())
        network = UserClassifier(shown.shape[1], num_users, WIDTH, resolution=resolution).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY)
        for step in range(steps):
            rate = learning_rate(step, peak=PEAK_RATE, warmup_steps=min(WARMUP_STEPS, steps), total_steps=steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = [(part.images[r[step]], part.users[r[step]]) for part, r in zip(parts, rows)]
            images = torch.from_numpy(np.concatenate([images for images, _ in batch])).to(device)   # [B, C, H, W]
            users = torch.from_numpy(np.concatenate([users for _, users in batch])).to(device)
            loss = F.cross_entropy(network(prepare(images, generator)), users)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return network.eval()


def epochs(rng, count: int, total: int):
    """The first `total` row numbers of endless shuffled passes over `count` rows, int64."""
    return np.concatenate([rng.permutation(count) for _ in range(-(-total // count))])[:total]


@torch.inference_mode()
def accuracy(network, judged: JudgedSet, device) -> float:
    """Share of images whose user the network names."""
    users = torch.cat([network(to_floats(batch.to(device))).argmax(dim=1).cpu()
                       for batch in torch.from_numpy(judged.images).split(64)])
    return float((users.numpy() == judged.users).mean())


def summarise(values) -> dict | None:
    """Mean and deviation between seeds of accuracies; None where there is none."""
    values = [float(value) for value in values]
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "std": std, "values": values} if values else None
