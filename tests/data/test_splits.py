import numpy as np
import pytest
import torch

from mdgen.config import DataConfig
from mdgen.data.splits import Split, block_sizes, split_blocks
from mdgen.data.user_folders import UserFolders
from mdgen.data.windows import overlapping
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


# --- windows whose samples are known ---

def windows_of(count, hop, length, recording=0, start=0):
    first = start + hop * torch.arange(count)
    return torch.stack([torch.full((count,), recording), first, first + length - 1], dim=1).numpy()


def samples_of(rows):
    return {(recording, sample) for recording, first, last in rows.tolist() for sample in range(first, last + 1)}


def check_no_sample_twice(parts, windows):
    """Sample by sample, without interval arithmetic."""
    for i, part in enumerate(parts):
        for other in parts[i + 1:]:
            assert not samples_of(windows[part.numpy()]) & samples_of(windows[other.numpy()])


@pytest.mark.parametrize("seed", range(20))
def test_windows_overlap_when_a_sample_is_in_both(seed):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 60, 30)
    windows = np.stack([rng.integers(0, 2, 30), first, first + rng.integers(0, 1 + seed, 30)], axis=1)
    some, others = windows[:20], windows[20:]
    wanted = [bool(samples_of(row[None]) & samples_of(others)) for row in some]
    assert overlapping(some, others).tolist() == wanted and not overlapping(some, others[:0]).any()


@pytest.mark.parametrize("overlap, needed", [(0, 0), (1, 1), (5, 1), (6, 2), (9, 9), (8, 4)])
@pytest.mark.parametrize("gap", [0, 4])
def test_as_many_windows_are_dropped_as_the_overlap_needs_and_no_more(overlap, needed, gap):
    windows = windows_of(100, hop=10 - overlap, length=10)
    labels = torch.zeros(100, dtype=torch.int64)
    train, held_out = split_blocks(labels, (0.85, 0.15), gap, windows)
    check_no_sample_twice((train, held_out), windows)
    assert (train.diff() == 1).all() and (held_out.diff() == 1).all() and held_out[-1] == 99
    assert held_out[0] - train[-1] - 1 == max(gap, needed)
    assert torch.equal(held_out, split_blocks(labels, (0.85, 0.15), gap)[1])  # training gives way


def test_blocks_are_cut_in_the_order_of_the_recording_whatever_the_order_of_the_files():
    rng = np.random.default_rng(0)
    windows = np.concatenate([windows_of(60, 1, 10), windows_of(40, 1, 10, recording=1), windows_of(50, 2, 10, 2)])
    labels = np.repeat([0, 0, 1], [60, 40, 50])
    plain = [part.numpy() for part in split_blocks(labels, (0.8, 0.2), 0, windows)]
    order = rng.permutation(150)
    shuffled = split_blocks(labels[order], (0.8, 0.2), 0, windows[order])
    check_no_sample_twice(shuffled, windows[order])
    for part, wanted in zip(shuffled, plain):
        assert np.array_equal(np.sort(order[part]), np.sort(wanted)) and len(part) == len(wanted)
    assert [len(part) for part in plain] == [79 - 9 + 39 - 4, 21 + 11]  # 9 and 4 share samples with held-out ones


@pytest.mark.parametrize("seed", range(20))
def test_no_sample_is_in_two_parts_for_any_windows(seed):
    """Windows of any length, in any order, with repetitions, of several recordings per user."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, 3, 80))
    recording = 10 * labels + rng.integers(0, 3, 80)
    first = rng.integers(0, 300, 80)
    windows = np.stack([recording, first, first + rng.integers(0, 40, 80)], axis=1)
    fractions = [(0.85, 0.15), (0.6, 0.2, 0.2)][seed % 2]
    parts = split_blocks(labels, fractions, seed % 5, windows)
    check_no_sample_twice(parts, windows)
    assert len(torch.cat(parts).unique()) == len(torch.cat(parts))
    for part in parts:
        assert set(labels[part.numpy()]) == {0, 1, 2}


def test_a_short_recording_gives_up_its_blocks_before_it_is_refused():
    labels = torch.zeros(11, dtype=torch.int64)
    windows = windows_of(11, hop=1, length=10)  # only the first and the last share nothing
    train, held_out = split_blocks(labels, (0.85, 0.15), 4, windows)
    assert (train.tolist(), held_out.tolist()) == ([0], [10])
    with pytest.raises(RequestError, match="user Ann has 10 windows, but all of them share samples"):
        split_blocks(labels[:10], (0.85, 0.15), 4, windows[:10], ["Ann"])


def test_a_recording_of_two_users_cannot_hide_a_shared_sample():
    windows = windows_of(40, hop=5, length=10)
    labels = np.arange(40) % 2
    with pytest.raises(RequestError, match="one recording under several users"):
        split_blocks(labels, (0.5, 0.5), 0, np.concatenate([windows[20:], windows[:20]])[np.argsort(labels)])


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
    split = Split.of(write(apart), DataConfig(height=8, width=8))
    assert (split.train.tolist(), split.validation.tolist()) == ([*range(6), *range(12, 18)], [10, 11, 22, 23])


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
