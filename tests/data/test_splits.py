import pytest
import torch

from mdgen.config import DataConfig
from mdgen.data.splits import Split, block_sizes, split_blocks
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


@pytest.mark.parametrize("fractions", [(0.85, 0.15), (0.5, 0.5), (0.6, 0.2, 0.2), (1.0,), (0.98, 0.02)])
@pytest.mark.parametrize("gap", [0, 4, 7])
def test_parts_are_blocks_of_every_user_with_the_gap_between(fractions, gap):
    counts = [40, 97, 33, 120]
    labels = torch.arange(4).repeat_interleave(torch.tensor(counts))
    parts = split_blocks(labels, fractions, gap)
    assert len(parts) == len(fractions)
    joined = torch.cat(parts)
    assert len(joined.unique()) == len(joined) == len(labels) - 4 * gap * (len(parts) - 1)
    for user, count in enumerate(counts):
        blocks = [part[labels[part] == user] for part in parts]
        for block in blocks:
            assert len(block) >= 1 and (block.diff() == 1).all()
        for before, after in zip(blocks, blocks[1:]):
            assert after[0] - before[-1] == gap + 1
        usable = count - gap * (len(parts) - 1)
        for block, fraction in zip(blocks, fractions):
            assert abs(len(block) - fraction * usable) <= len(parts)


def test_split_follows_the_order_of_each_user_in_shuffled_labels():
    labels = torch.tensor([1, 0] * 20)
    train, validation = split_blocks(labels, (0.5, 0.5), gap=2)
    for user in (0, 1):
        mine = train[labels[train] == user], validation[labels[validation] == user]
        assert mine[0].max() < mine[1].min() and (mine[0].diff() == 2).all()


@pytest.mark.parametrize("count, gap", [(2, 0), (3, 1), (4, 2), (5, 3), (6, 4), (9, 4)])
def test_the_gap_shrinks_only_as_far_as_it_must(count, gap):
    sizes, kept = block_sizes(count, (0.85, 0.15), 4)
    assert kept == gap and sum(sizes) + kept == count and min(sizes) >= 1


def test_impossible_splits_are_refused():
    with pytest.raises(RequestError, match="user 1 has 1 image, but a split into 2 parts"):
        split_blocks(torch.tensor([0, 0, 0, 1]))
    for fractions in ((0.9, 0.2), (1.0, 0.0), (1.5, -0.5)):
        with pytest.raises(RequestError, match="fractions must be above 0"):
            split_blocks(torch.zeros(9, dtype=torch.int64), fractions)
