import itertools
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import DataConfig
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError


@pytest.fixture(scope="module")
def folders(tiny_data):
    return UserFolders(tiny_data, height=32, width=32, channels="auto")


def test_validation_is_the_end_of_every_users_files_after_a_gap(folders):
    split = Split.of(folders, DataConfig(height=32, width=32, validation_fraction=0.25, gap=2))
    for user in range(3):
        train = split.train[split.train_users == user].tolist()
        held_out = split.validation[split.validation_users == user].tolist()
        first = 12 * user
        assert train == list(range(first, first + len(train)))
        assert held_out == list(range(first + 12 - len(held_out), first + 12))
        assert len(train) + len(held_out) == 10 and len(held_out) in (2, 3)


def test_images_and_labels_belong_together(folders):
    split = Split.of(folders, DataConfig(height=32, width=32))
    assert torch.equal(split.train_images(torch.tensor([5, 0])), folders.floats(split.train[[5, 0]]))
    assert torch.equal(split.validation_images(), folders.floats(split.validation))
    for index, user in zip(split.train.tolist(), split.train_users.tolist()):
        assert folders.paths[index].parent.name == folders.users[user]


def test_one_held_out_image_per_user_in_the_users_order(folders):
    split = Split.of(folders, DataConfig(height=32, width=32, validation_fraction=0.4))
    images = split.one_per_user()
    assert images.shape == (3, 1, 32, 32)
    for user in range(3):
        own = folders.floats(split.validation[split.validation_users == user])
        assert any(torch.equal(images[user], image) for image in own)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_that_leaves_a_part_empty_is_refused(folders, share):
    with pytest.raises(RequestError):
        Split.of(folders, DataConfig(height=32, width=32, validation_fraction=share))


@pytest.fixture
def listed(make_users, tmp_path):
    """A tree of two users of 12 windows that overlap by 90 %, and its windows.csv as a list of rows."""
    root = make_users(tmp_path / "data", names=("ID_1", "ID_2"))
    rows = [(f"{user}/w{k}.png", f"{user}/walk.npy", 10 * k, 10 * k + 99)
            for user in ("ID_1", "ID_2") for k in range(12)]

    def write(rows=rows, header="file,recording,first_sample,last_sample"):
        (root / "windows.csv").write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
        return UserFolders(root, height=8, width=8)
    return rows, write


def test_the_split_of_a_tree_reads_its_windows(listed):
    rows, write = listed
    split = Split.of(write(), DataConfig(height=8, width=8))
    assert (split.train.tolist(), split.validation.tolist()) == ([0, 12], [10, 11, 22, 23])
    apart = [(file, recording, 10 * first, 10 * first + 99) for file, recording, first, _ in rows]
    split = Split.of(write(apart), DataConfig(height=8, width=8))   # nothing is shared: nothing is dropped
    assert (split.train.tolist(), split.validation.tolist()) == ([*range(10), *range(12, 22)], [10, 11, 22, 23])


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Two users of 20 images on each of three days, 20 to 59 of 0 to 119."""
    root = tmp_path_factory.mktemp("days")
    for user, day, k in itertools.product((0, 1), (1, 2, 3), range(20)):
        path = root / f"ID_{user}" / f"day{day}" / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 60 * user + 20 * (day - 1) + k, dtype=np.uint8)).save(path)
    return UserFolders(root, height=8, width=8)


@pytest.mark.parametrize("settings, held_out", [
    ({}, [17, 18, 19, 37, 38, 39, 57, 58, 59]), ({"gap": 0}, [17, 18, 19, 37, 38, 39, 57, 58, 59]),
    ({"held_out": "recording"}, range(40, 60)), ({"held_out": "recording", "validation_fraction": 0.6}, range(20, 60)),
    ({"held_out_names": ("day2",)}, range(20, 40)),
    ({"held_out_names": ("*/day1", "day3")}, [*range(20), *range(40, 60)]), ({"held_out": "end"}, range(53, 60))])
def test_held_out_images_of_a_tree(days, settings, held_out):
    split = Split.of(days, DataConfig(height=8, width=8, **settings))
    held_out = [*held_out]
    shown = days.images[split.validation, 0, 0, 0]
    assert shown.tolist() == [*held_out, *(60 + level for level in held_out)]
    gap = 0 if {"held_out_names", "recording"} & {*settings, settings.get("held_out")} else settings.get("gap", 4)
    left_out = {level - back for level in held_out for back in range(1, gap + 1)}
    assert split.train[split.train_users == 0].tolist() == sorted({*range(60)} - {*held_out} - left_out)


def test_windows_of_a_tree_are_listed_by_their_paths_below_it(days, tmp_path):
    root = shutil.copytree(days.root, tmp_path / "tree")
    rows = [f"{path.relative_to(days.root).as_posix()},{path.parts[-3]}/night,{10 * k},{10 * k + 14}"
            for k, path in enumerate(days.paths)]
    (root / "windows.csv").write_text("\n".join(["file,recording,first_sample,last_sample", *rows]))
    split = Split.of(UserFolders(root, height=8, width=8), DataConfig(height=8, width=8))
    assert split.recordings.names == ["ID_0/night", "ID_1/night"]   # whatever folders the files lie in
    train = split.train[split.train_users == 0].tolist()
    assert train == [*range(52)] and split.validation[0] == 53      # the one before shares samples


def test_windows_that_cannot_be_read_or_lack_an_image_are_refused(listed):
    rows, write = listed
    config = DataConfig(height=8, width=8)
    with pytest.raises(RequestError, match=r"windows.csv does not list ID_2/w11.png.*add its row"):
        Split.of(write(rows[:-1]), config)
    with pytest.raises(RequestError, match="windows.csv cannot be read.*expected a table with the columns file, rec"):
        Split.of(write(header="image,recording,first_sample,last_sample"), config)
    with pytest.raises(RequestError, match="cannot be read"):
        Split.of(write([*rows[:-1], (*rows[-1][:2], "x", 5)]), config)
    Split.of(write([*rows, ("ID_3/gone.png", "ID_3/walk.npy", 0, 1)]), config)
