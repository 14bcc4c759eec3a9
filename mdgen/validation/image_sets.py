"""The three sets of images that an evaluation compares, read from their folders and checked against the run."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders, list_users
from mdgen.data.windows import separate, windows_of
from mdgen.errors import RequestError
from mdgen.runs.draw import MANIFEST, read_manifest
from mdgen.runs.folder import RunFolder, listing
from mdgen.runs.pictures import read_as


class ImageSet(NamedTuple):
    """Images rows [N] int64 of a decoded tree, and the windows [M, 3] of all its images (`mdgen.data.windows`)."""

    folders: UserFolders
    rows: torch.Tensor
    windows: np.ndarray


def read_sets(run: RunFolder, real_dir: Path, fake_dir: Path, held_out_dir: Path | None = None,
              progress=lambda label: None, whole: bool = False):
    """Decode the folders of an evaluation: the Split of the real images, and the ImageSets of the training, the
    held-out and the generated images.

    real_dir: user folders, split as training split them; its held-out part is the ceiling unless held_out_dir names
    other recordings of the same users. fake_dir: generated user folders. whole: with held_out_dir, all images of
    real_dir are training images, as they are to a generator that knows nothing of this split.
    Raises RequestError where a folder does not fit the run, or where the ceiling was trained on.
    """
    check_generated(fake_dir, run.users.names)            # before minutes are spent on the real ones
    split, held_out = read_real_sets(run, real_dir, held_out_dir, progress, whole)
    fake = read_tree(run, fake_dir, "--generated", progress("read generated images"))
    return split, (ImageSet(split.folders, split.train, split.windows), held_out,
                   ImageSet(fake, torch.arange(len(fake)), separate(len(fake))))


def read_real_sets(run: RunFolder, real_dir: Path, held_out_dir: Path | None, progress=lambda label: None,
                   whole: bool = False):
    """The real part of `read_sets`: the Split, and the ImageSet of the held-out images."""
    if held_out_dir is None:
        split = read_split(run, real_dir, progress("read real images"))
        return split, ImageSet(split.folders, split.validation, split.windows)
    split = Split.of(read_real(run, real_dir, "--real", progress("read real images")), run.config.data)
    if whole:   # the judges' log still watches the last images, which is of no consequence
        split = replace(split, train=torch.arange(len(split.folders)))
    other = read_real(run, held_out_dir, "--held-out", progress("read held-out images"))
    held_out = ImageSet(other, torch.arange(len(other)), windows_of(other, run.config.data.gap))
    refuse_seen(run, Split(other, split.train[:0], held_out.rows), "--held-out",
                run.users.training_images or split.training_digests())
    return split, held_out


def first_rows(tree: UserFolders, per_user: int):
    """The first `per_user` images of every user in file order, rows [N] int64 of the tree."""
    return torch.cat([(tree.labels == user).nonzero()[:per_user, 0] for user in range(len(tree.users))])


def read_split(run: RunFolder, real_dir: Path, progress=None) -> Split:
    """A tree split as for training; RequestError if its users are others, or held-out images were trained on."""
    split = Split.of(read_real(run, real_dir, "--real", progress), run.config.data)
    refuse_seen(run, split, "--real", run.users.training_images)
    return split


def refuse_seen(run: RunFolder, split: Split, flag: str, trained_on) -> None:
    """RequestError if validation images of the split are among those trained on."""
    if seen := split.seen_in(trained_on):
        raise RequestError(f"{seen} of the {len(split.validation)} held-out images of {split.folders.root} are images "
                           f"that {run.path} was trained on, so they are no ceiling; restore the folder as it was, or "
                           f"give {flag} a folder of other recordings")


def read_real(run: RunFolder, folder: Path, flag: str, progress=None) -> UserFolders:
    """A tree of real images of exactly the users of the run."""
    tree = read_tree(run, folder, flag, progress)
    if tree.users != run.users.names:
        raise RequestError(f"{folder} has {listing(tree.users)}, but {run.path} was trained for "
                           f"{listing(run.users.names)}; give {flag} a folder with images of these users")
    return tree


def read_tree(run: RunFolder, folder: Path, flag: str, progress=None) -> UserFolders:
    """Decode a tree with the run's size, channels and colour map; errors name the flag that chose it."""
    try:
        return read_as(run, folder, generated=flag == "--generated", min_images=2 if flag == "--real" else 1,
                       progress=progress)
    except RequestError as problem:
        raise RequestError(str(problem).replace("--data-dir", flag)) from None


def check_generated(folder: Path, names) -> None:
    """RequestError unless the tree holds images of exactly these users."""
    remedy = "generate them (sample.py RUN), or give --generated a folder with generated images of every user"
    if not folder.is_dir() or not any(path.is_dir() for path in folder.iterdir()):
        raise RequestError(f"there are no generated images in {folder}; {remedy}")
    try:
        found = list(list_users(folder, min_images=1, min_users=1))
    except RequestError as problem:
        raise RequestError(str(problem).replace("--data-dir", "--generated")) from None
    unknown, missing = [n for n in found if n not in names], [n for n in names if n not in found]
    if unknown:
        raise RequestError(f"{folder} has images of {listing(unknown)}, of whom there are no real images; "
                           f"there are of {listing(names)}. Remove the folder, or give the right --generated")
    if missing:
        raise RequestError(f"{folder} has no images of {listing(missing)}; expected all users of the real images: "
                           f"{remedy}")


def drawing_settings(folder: Path) -> list:
    """How the images were generated, from their manifest: one entry per setting, [] without a manifest."""
    try:
        found = {(row.run, row.sampler, row.steps, row.guidance) for row in read_manifest(folder)}
    except RequestError:
        raise RequestError(f"{folder / MANIFEST} is no manifest of sample.py; restore it, or remove it to judge the "
                           "images without it") from None
    return [dict(zip(("run_hash", "sampler", "steps", "guidance"), setting)) for setting in sorted(found)]
