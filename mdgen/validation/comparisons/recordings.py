"""Which real images were held out, and how far a judge gets on recordings that it has seen the beginning of and on
others: days, clothes and radars change between recordings, so that the two tell how much of identity is of the day."""

from dataclasses import replace

import numpy as np
import torch

from mdgen.data.held_out import split_blocks, split_recordings
from mdgen.data.windows import recordings_of, resampling_units
from mdgen.files import digest
from mdgen.validation.judges.features import unjudged
from mdgen.validation.judges.usefulness import accuracy, summarise, train_classifier
from mdgen.validation.metrics.bootstrap import resampled, share_interval

VERSION = 1   # raise it when the study changes


def split_figures(run, parts, held_out, cache, device, progress=None) -> dict:
    """How the held-out images of a report were chosen, and their accuracy by recording.

    parts: the training and the held-out ImageSet; held_out: the JudgedSet of the latter. Returns {"kind": block,
    recording, end or names (see `DataConfig`), or other for images of another folder; "share", "gap", "names",
    "listed": whether windows.csv says which windows share samples; of every user: "recordings", "training", "held_out",
    numbers of them; "left_out"; "accuracy": {"seen", "unseen": {"n", "accuracy", "interval"}}, the judge's on held-out
    images of recordings that are in the training images and that are not; "both": see `both_kinds`}.
    """
    (tree, rows, _), (other, others, _) = parts[:2]
    data, num_users, same = run.config.data, len(run.users.names), other is tree
    known, labels = recordings_of(tree, data.gap), tree.labels.numpy()
    counts = {name: np.bincount(users, minlength=num_users).tolist() for name, users in (
        ("recordings", labels[np.unique(known.of, return_index=True)[1]]), ("training", labels[rows]),
        ("held_out", held_out.users))}
    kind = "other" if not same else "names" if data.held_out_names else data.held_out
    settings = {"steps": run.config.evaluation.usefulness_steps, "seeds": run.config.evaluation.usefulness_seeds}
    key = digest([VERSION, settings, data.validation_fraction, data.gap, known.listed], tree.images.numpy(), labels,
                 known.of, known.windows)
    return {"kind": kind, "share": data.validation_fraction, "gap": data.gap, "names": list(data.held_out_names),
            "listed": known.listed, **counts, "left_out": len(tree) - len(rows) - len(others) if same else 0,
            "accuracy": by_recording(held_out, np.isin(known.of[others], known.of[rows])) if same else None,
            "both": cache.values("recordings", key, lambda: both_kinds(
                tree, known, data, **settings, device=device, progress=progress))}


def by_recording(held_out, seen) -> dict:
    """The judge's accuracy on held-out images whose recordings are seen [N] in the training images, and on others."""
    hits, found = held_out.probabilities.argmax(axis=1) == held_out.users, {}
    for name, rows in ("seen", np.flatnonzero(seen)), ("unseen", np.flatnonzero(~seen)):
        found[name] = {"n": len(rows), "accuracy": None, "interval": None}
        if len(rows):
            units = resampling_units(held_out.windows[rows], held_out.users[rows])
            found[name] |= {"accuracy": float(hits[rows].mean()),
                            "interval": share_interval(hits[rows], units, resampled(units))}
    return found


def both_kinds(tree, known, data, *, steps: int, seeds: int, device, progress=None) -> dict | None:
    """Small classifiers of real images alone, trained and tested once by block and once by whole recordings.

    Of the users with several recordings: {"users": how many, "block", "recording": {"training", "held_out": numbers of
    images, "accuracy": {"mean", "std", "values"} over seeds}}. None for fewer than two such users, or without seeds.
    """
    labels = tree.labels.numpy()
    several = [user for user in np.unique(labels) if len(np.unique(known.of[labels == user])) > 1]
    if len(several) < 2 or not seeds:
        return None
    rows = np.flatnonzero(np.isin(labels, several))
    users, of, share = np.searchsorted(several, labels[rows]), known.of[rows], data.validation_fraction
    windows, fractions = known.windows[rows] if known.listed else None, (1 - share, share)
    splits = {"block": split_blocks(users, fractions, data.gap, windows, recordings=of),
              "recording": split_recordings(users, fractions, of)}
    found, done = {"users": len(several)}, 0
    for kind, places in splits.items():
        train, test = (replace(unjudged(tree, torch.from_numpy(rows[part])), users=users[part])
                       for part in (part.numpy() for part in places))
        scores = []
        for seed in range(seeds):
            network = train_classifier([train], len(several), steps=steps, seed=seed, device=device)
            scores.append(accuracy(network, test, device))
            done += 1
            if progress:
                progress(done, len(splits) * seeds)
        found[kind] = {"training": len(train), "held_out": len(test), "accuracy": summarise(scores)}
    return found
