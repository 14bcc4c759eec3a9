"""Held-out images by recording, of users of whom only the day of a recording is to be seen."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mdgen.config import Config, DataConfig, EvaluationConfig
from mdgen.data.splits import Split
from mdgen.validation.cache import Cache
from mdgen.validation.comparisons.recordings import split_figures
from mdgen.validation.image_sets import ImageSet
from mdgen.validation.judges.features import JudgedSet

USERS, DAYS, EACH = 2, 3, 12
PER_USER = DAYS * EACH


class Tree(SimpleNamespace):
    def __len__(self):
        return len(self.labels)


def walks(tell):
    """A decoded tree of 8 x 8 images: a bright row whose place tell(user, day) gives, and noise."""
    rng = np.random.default_rng(0)
    user, day = np.repeat(np.arange(USERS), PER_USER), np.tile(np.repeat(np.arange(DAYS), EACH), USERS)
    images = rng.integers(0, 40, (len(user), 1, 8, 8)).astype(np.uint8)
    images[np.arange(len(user)), 0, tell(user, day)] += 200
    return Tree(root=Path("data"), images=torch.from_numpy(images), labels=torch.from_numpy(user), users=["ann", "bo"],
                paths=[Path("data", f"u{u}", f"day{d}", f"{k}.png") for k, (u, d) in enumerate(zip(user, day))])


def figures(tree, tmp_path, seen_as=None, seeds=0, **data):
    """`split_figures` of a tree, with a judge that names the users seen_as(held-out rows)."""
    config = Config(data=DataConfig(height=64, width=64, **data),
                    evaluation=EvaluationConfig(usefulness_steps=40, usefulness_seeds=seeds))
    split = Split.of(tree, config.data)
    rows = split.validation.numpy()
    users = tree.labels.numpy()[rows]
    named = users if seen_as is None else seen_as(rows)
    judged = JudgedSet(tree.images.numpy()[rows], users, split.windows[rows], None, np.eye(USERS)[named])
    run = SimpleNamespace(config=config, users=SimpleNamespace(names=tree.users))
    parts = [ImageSet(tree, part, split.windows) for part in (split.train, split.validation)]
    return split_figures(run, parts, judged, Cache(tmp_path), "cpu")


def test_who_is_known_by_the_day_alone_is_known_by_block_and_not_by_recording(tmp_path):
    tree = walks(lambda user, day: np.where(day < 2, 4 * user + 2 * day, 7 - 4 * user))   # who swap on the last day
    both = figures(tree, tmp_path, seeds=1, gap=0)["both"]
    assert both["users"] == 2 and both["block"]["accuracy"]["mean"] > 0.9
    assert both["recording"]["accuracy"]["mean"] < 0.6
    assert (both["recording"]["training"], both["recording"]["held_out"]) == (2 * 2 * EACH, 2 * EACH)


def test_what_the_report_says_of_a_split(tmp_path):
    tree = walks(lambda user, day: 5 * user)
    found = figures(tree, tmp_path, gap=2)
    assert (found["kind"], found["recordings"], found["listed"]) == ("block", [3, 3], False)
    held_out = found["held_out"][0]
    assert found["training"] == [PER_USER - 6 - held_out] * 2 and found["left_out"] == 12   # a gap in every recording
    assert found["accuracy"]["seen"]["n"] == 2 * held_out and found["accuracy"]["unseen"]["n"] == 0
    assert found["accuracy"]["unseen"]["accuracy"] is None and found["accuracy"]["seen"]["accuracy"] == 1


@pytest.mark.parametrize("data, kind, unseen", [
    ({"held_out": "recording"}, "recording", 24), ({"held_out_names": ("day1",)}, "names", 24),
    ({"held_out": "end", "validation_fraction": 0.5}, "end", 24)])
def test_accuracy_is_told_by_recording(tmp_path, data, kind, unseen):
    """A judge that is right of the last day alone."""
    found = figures(walks(lambda user, day: 5 * user), tmp_path, gap=0, **data, seen_as=lambda rows: np.where(
        rows % PER_USER >= 2 * EACH, rows // PER_USER, 1 - rows // PER_USER))
    assert found["kind"] == kind and found["accuracy"]["unseen"]["n"] == unseen
    right = float(kind != "names")
    assert found["accuracy"]["unseen"]["accuracy"] == right
    assert found["accuracy"]["seen"] == ({"n": 12, "accuracy": 0.0, "interval": found["accuracy"]["seen"]["interval"]}
                                         if kind == "end" else {"n": 0, "accuracy": None, "interval": None})


def test_one_recording_each_is_said_and_not_studied(tmp_path):
    tree = walks(lambda user, day: 5 * user)
    tree.paths = [path.parents[1] / path.name for path in tree.paths]
    found = figures(tree, tmp_path, seeds=1)
    assert found["both"] is None and found["recordings"] == [1, 1] and found["left_out"] == 8
