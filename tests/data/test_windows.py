"""Which windows share samples, against brute force, and blocks and units on recordings known by construction."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mdgen.data.windows import (
    blocks,
    independent,
    recordings_of,
    resampling_units,
    separate,
    sharing,
    window_places,
    windows_of,
)


def share(a, b):
    return a[0] == b[0] and bool(set(range(a[1], a[2] + 1)) & set(range(b[1], b[2] + 1)))


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 30, 14)
    return np.stack([rng.integers(0, 2, 14), first, first + rng.integers(0, 9, 14)], axis=1)


def test_two_windows_share_what_their_samples_say(windows):
    assert sharing(windows, windows[:5]).tolist() == [[share(a, b) for b in windows[:5]] for a in windows]


def test_independent_windows_are_apart_and_no_larger_set_is(windows):
    kept = windows[independent(windows)]
    assert (sharing(kept, kept) == np.eye(len(kept), dtype=bool)).all()
    larger = itertools.combinations(range(len(windows)), len(kept) + 1)
    pairs = sharing(windows, windows) & ~np.eye(len(windows), dtype=bool)
    assert all(pairs[np.ix_(rows, rows)].any() for rows in larger)
    assert kept.tolist() == sorted(kept.tolist())


def test_places_in_a_folder_stand_for_windows_as_the_gap_of_the_split_says():
    labels = np.array([0] * 12 + [1] * 3)
    found = window_places(labels, 4)
    assert independent(found).tolist() == [0, 5, 10, 12]           # only more than four places on is another moment
    assert not sharing(found[:12], found[12:]).any()
    alone = window_places(labels, 0)                               # the demo's images: recordings of their own
    assert independent(alone).tolist() == list(range(15)) and (sharing(alone, alone) == np.eye(15, dtype=bool)).all()
    assert (separate(15) == alone).all() and len(independent(separate(0))) == 0


def tree(*names):
    """A decoded tree of files by their paths below its root; the first folder is the user."""
    users = list(dict.fromkeys(name.split("/")[0] for name in names))
    return SimpleNamespace(root=Path("data"), paths=[Path("data", name) for name in names],
                           labels=torch.tensor([users.index(name.split("/")[0]) for name in names]))


DAYS = tree("ann/1.png", "ann/2.png", "ann/day1/1.png", "ann/day1/2.png", "bo/day1/fast/1.png", "bo/day1/fast/2.png")


@pytest.mark.parametrize("gap", [0, 4])
def test_images_in_two_folders_are_of_two_recordings_and_share_nothing(gap):
    found = recordings_of(DAYS, gap)
    assert found.names == ["ann", "ann/day1", "bo/day1/fast"] and found.of.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.windows[:, 0].tolist() == [0, 0, 1, 1, 2, 2] and not found.listed
    together = found.of[:, None] == found.of if gap else np.eye(6, dtype=bool)
    assert (sharing(found.windows, found.windows) == together).all()


@pytest.mark.parametrize("gap", [0, 4])
def test_a_folder_for_each_user_gives_the_windows_that_it_always_gave(gap):
    flat = tree("ann/1.png", "ann/2.png", "bo/1.png", "bo/2.png", "bo/3.png")
    expected = [[user if gap else place, place, place + gap] for place, user in enumerate([0, 0, 1, 1, 1])]
    assert windows_of(flat, gap).tolist() == expected


@pytest.mark.parametrize("gap", [0, 4])
def test_folders_are_what_is_resampled(gap):
    four = tree(*(f"{user}/day{day}/{k}.png" for user in ("ann", "bo") for day in (1, 2) for k in range(3)))
    assert resampling_units(windows_of(four, gap), four.labels.numpy()).tolist() == np.repeat(range(4), 3).tolist()


def test_a_block_holds_what_shares_samples_with_its_first():
    found = window_places([0] * 12 + [1] * 3, 4)
    assert blocks(found).tolist() == [0] * 5 + [1] * 5 + [2] * 2 + [3] * 3
    order = np.random.default_rng(1).permutation(15)
    assert (blocks(found[order]) == blocks(found)[order]).all()
    assert blocks(separate(4)).tolist() == [0, 1, 2, 3]


def test_recordings_are_resampled_where_users_have_two_or_more():
    users = np.repeat([0, 1], 6)
    one, two = (np.stack([recording, np.tile(np.arange(3), 4) * 5, np.tile(np.arange(3), 4) * 5 + 9], axis=1)
                for recording in (users, np.repeat(np.arange(4), 3)))
    assert resampling_units(two, users).tolist() == np.repeat(np.arange(4), 3).tolist()
    assert (resampling_units(one, users) == blocks(one)).all()
