"""Which images are held out: blocks, recordings and names, against brute force and the old rule written once more."""

import numpy as np
import pytest
import torch

from mdgen.data.held_out import block_sizes, split_blocks, split_ends, split_named, split_recordings
from mdgen.data.windows import Recordings, overlapping, window_places
from mdgen.errors import RequestError


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
    assert held_out[0] - train[-1] - 1 == needed
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
    # the end of every recording; 9, 9 and 4 share samples with it
    assert [len(part) for part in plain] == [47 - 9 + 31 - 9 + 39 - 4, 13 + 9 + 11]


@pytest.mark.parametrize("seed", range(20))
def test_no_sample_is_in_two_parts_for_any_windows(seed):
    """Windows of any length, in any order, with repetitions, of several recordings per user; and none is dropped that
    shares no sample."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, 3, 80))
    recording = 10 * labels + rng.integers(0, 3, 80)
    first = rng.integers(0, 300, 80)
    windows = np.stack([recording, first, first + rng.integers(0, 40, 80)], axis=1)
    fractions = [(0.85, 0.15), (0.6, 0.2, 0.2)][seed % 2]
    parts = split_blocks(labels, fractions, seed % 5, windows)
    check_no_sample_twice(parts, windows)
    used = torch.cat(parts).numpy()
    assert len(np.unique(used)) == len(used)
    for part in parts:
        assert set(labels[part.numpy()]) == {0, 1, 2}
    later = windows[torch.cat(parts[1:]).numpy()]
    assert all(samples_of(windows[[row]]) & samples_of(later) for row in np.setdiff1d(np.arange(80), used))


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


# --- users with several recordings ---

def one_recording_split(count, share, gap):
    """The rule for a folder without windows.csv, written once more: (training, held-out) places."""
    gap = min(gap, count - 2)
    train = 1 + round((1 - share) * (count - gap - 2))   # half to even, as numpy
    return list(range(train)), list(range(train + gap, count))


@pytest.mark.parametrize("gap", [0, 1, 4, 9])
@pytest.mark.parametrize("share", [0.12, 0.2, 0.5, 0.9])
def test_a_user_with_one_folder_is_split_as_ever(gap, share):
    for count in [*range(2, 24), 40, 77]:
        labels = np.repeat([0, 1], count)
        expected = [part + [count + place for place in part] for part in one_recording_split(count, share, gap)]
        for more in {}, {"recordings": labels}:
            found = split_blocks(labels, (1 - share, share), gap, **more)
            assert [part.tolist() for part in found] == expected


def random_tree(seed):
    """(labels, recordings, gap) of three users with one to nine recordings of 1 to 30 images each."""
    rng = np.random.default_rng(seed)
    folders = [rng.integers(1, rng.choice([4, 31]), rng.integers(1, 10)) for _ in range(3)]
    folders = [np.append(sizes, 2) for sizes in folders]   # so that no user has less than 2 images
    counts = np.concatenate(folders)
    labels = np.repeat(np.arange(3), [sizes.sum() for sizes in folders])
    return labels, np.repeat(np.arange(len(counts)), counts), seed % 6


@pytest.mark.parametrize("seed", range(30))
def test_no_sample_of_a_random_tree_is_in_two_parts_and_nothing_is_dropped_for_nothing(seed):
    labels, recordings, gap = random_tree(seed)
    windows = window_places(recordings, gap)
    fractions = [(0.88, 0.12), (0.6, 0.4)][seed % 2]
    for known in None, windows:   # the second as a windows.csv would say it
        parts = split_blocks(labels, fractions, gap, known, recordings=recordings)
        check_no_sample_twice(parts, windows)
        train, held_out = (part.numpy() for part in parts)
        assert set(labels[train]) == set(labels[held_out]) == {0, 1, 2}
        dropped = np.setdiff1d(np.arange(len(labels)), [*train, *held_out])
        assert all(samples_of(windows[[row]]) & samples_of(windows[held_out]) for row in dropped)
        for number, count in enumerate(np.bincount(recordings)):
            places = np.flatnonzero(recordings == number)
            if count * fractions[1] >= 0.5 and count >= gap + 2:   # the end of every recording long enough
                assert places[0] in train and places[-1] in held_out
                wanted = fractions[1] * (count - gap)
                assert abs(len(np.intersect1d(places, held_out)) - wanted) <= 1.5
            else:
                assert len(np.intersect1d(places, train)) in (0, count)


def test_short_recordings_stay_whole_where_they_keep_the_share():
    labels = np.zeros(46, int)
    train, held_out = split_blocks(labels, (0.88, 0.12), 4, recordings=np.arange(46) // 3)   # none can be cut
    assert (train.tolist(), held_out.tolist()) == ([*range(39)], [*range(39, 46)])
    recordings = np.repeat([0, 1, 2], [40, 3, 3])   # one gives its end: 5 and a gap of 4
    train, held_out = split_blocks(labels, (0.88, 0.12), 4, recordings=recordings)
    assert (train.tolist(), held_out.tolist()) == ([*range(31), *range(40, 46)], [*range(35, 40)])
    recordings = np.repeat(np.arange(11), [6] + [4] * 10)   # short ones keep the share where the long one cannot
    assert len(split_blocks(labels, (0.88, 0.12), 4, recordings=recordings)[1]) == 1 + 4


@pytest.mark.parametrize("seed", range(12))
def test_whole_recordings_come_as_near_to_the_share_as_they_can(seed):
    labels, recordings, _ = random_tree(seed)
    train, held_out = (part.numpy() for part in split_recordings(labels, (0.75, 0.25), recordings))
    assert sorted([*train, *held_out]) == list(range(len(labels)))                      # nothing is dropped
    assert not set(recordings[train]) & set(recordings[held_out])
    for user in range(3):
        counts = np.bincount(recordings[labels == user])
        counts = counts[counts > 0]
        choices = [counts[-last:].sum() for last in range(1, len(counts))]              # of the last ones
        best = min(abs(choice - 0.25 * counts.sum()) for choice in choices)
        own = held_out[labels[held_out] == user]
        assert len(own) in choices and abs(len(own) - 0.25 * counts.sum()) == pytest.approx(best)
        assert own.min() == np.flatnonzero(labels == user).max() + 1 - len(own)


def test_who_has_one_recording_is_named_where_whole_ones_are_held_out():
    with pytest.raises(RequestError, match="user Bo has one recording.*leave it at data.held_out=block"):
        split_recordings([0, 0, 1, 1], (0.5, 0.5), [0, 1, 2, 2], ["Ann", "Bo"])
    with pytest.raises(RequestError, match="fractions must be above 0"):
        split_recordings([0, 0], (1.0, 0.0), [0, 1])


NAMES = ["Ann/day1", "Ann/day2/fast", "Ann/day2/slow", "Bo", "Bo/day2", "Bo/late day2"]


@pytest.mark.parametrize("patterns, chosen", [
    (["day2"], [1, 2, 4]), (["*/day2"], [1, 2, 4]), (["*day2"], [1, 2, 4, 5]), (["Ann/day2", "Bo/."], [1, 2, 3]),
    (["Ann/day2/slow", "late day2"], [2, 5]), (["day2/fast", "."], [1, 3])])
def test_recordings_are_held_out_by_name(patterns, chosen):
    of = np.repeat(np.arange(6), 2)
    known = Recordings(NAMES, of, window_places(of, 0), False)
    train, held_out = split_named(np.repeat([0, 1], 6), known, patterns)
    assert held_out.tolist() == np.flatnonzero(np.isin(of, chosen)).tolist()
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(12))


@pytest.mark.parametrize("patterns, message", [
    (["day3"], "has day3, which names no recording; there are Ann/day1, .*, …. Give names such as day2"),
    (["day2", "Ann"], "has Ann, which names no recording"), (["Ann/*"], r"\(Ann/\*\) holds out all images of user Ann"),
    (["day1"], r"\(day1\) holds out no images of user Bo; expected some")])
def test_names_that_leave_a_user_without_a_part_are_refused(patterns, message):
    of = np.repeat(np.arange(6), 2)
    with pytest.raises(RequestError, match=message):
        split_named(np.repeat([0, 1], 6), Recordings(NAMES, of, window_places(of, 0), False), patterns, ["Ann", "Bo"])


@pytest.mark.parametrize("overlap, needed", [(0, 0), (5, 1), (9, 9)])
@pytest.mark.parametrize("gap", [0, 4])
def test_runs_of_older_versions_keep_the_end_of_the_last_recording_and_the_whole_gap(overlap, needed, gap):
    windows = np.concatenate([windows_of(60, 10 - overlap, 10), windows_of(40, 10 - overlap, 10, recording=1)])
    train, held_out = split_ends(np.zeros(100, int), (0.85, 0.15), gap, windows)
    assert held_out[-1] == 99 and held_out[0] - train[-1] - 1 == max(gap, needed)
    assert (train.diff() == 1).all() and (held_out.diff() == 1).all() and train[0] == 0
    plain = split_ends(np.zeros(100, int), (0.85, 0.15), gap)
    assert [part.tolist() for part in plain] == [*one_recording_split(100, 0.15, gap)]
