import pytest
import torch

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
