"""Planted differences are told, equal sets are not, and no block is on both sides of a fold."""

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.judges.two_sample import (
    area_with_interval,
    better_elsewhere,
    classifier_two_sample,
    deal,
    kind_order,
    pieces,
    probabilities,
    tell_apart,
    view,
)
from mdgen.validation.metrics.simple_features import area_under_curve


def walks(count, seed, size=32):
    """Dark images with a bright speckled band at a random place."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 3, (count, 1, size, size))
    for image, row in zip(images, rng.integers(4, size - 8, count)):
        image[0, row:row + 4] += rng.integers(80, 200, (4, size))
    return images.astype(np.uint8)


def test_a_haze_of_a_few_levels_is_told_and_equal_sets_are_not():
    real, hazy, other = walks(40, 0), walks(40, 1), walks(40, 2)
    hazy[:, :, ::2] = hazy[:, :, ::2].clip(6, None)
    found = tell_apart(real, hazy, steps=30, folds=2).result
    assert found.auc > 0.95 and found.interval[0] > 0.85
    equal = tell_apart(real, other, steps=30, folds=2).result
    assert equal.interval[0] < 0.5 < equal.interval[1] and abs(equal.auc - 0.5) < 0.2


def test_what_repeats_within_a_block_is_not_known_again():
    """Five copies of every image: by single images a network knows them, by blocks there is nothing to tell."""
    first, second = (walks(10, seed).repeat(5, axis=0) for seed in (0, 1))
    blocks = np.arange(10).repeat(5)
    leaking = tell_apart(first, second, steps=50, folds=2).result
    apart = tell_apart(first, second, blocks=blocks, other_blocks=blocks, steps=50, folds=2).result
    assert leaking.auc > apart.auc + 0.15 and np.ptp(apart.interval) > np.ptp(leaking.interval)


def test_a_seed_gives_the_same_answer_and_another_one_another():
    sets = walks(16, 0), walks(16, 1)
    first, again, other = (tell_apart(*sets, steps=3, folds=2, seed=seed) for seed in (0, 0, 1))
    assert first.result == again.result and (first.first == again.first).all()
    assert not (first.first == other.first).all()
    assert all(0 <= p <= 1 for p in (*first.first, *first.second))


def test_blocks_stay_whole_and_folds_are_even():
    units = np.repeat(np.arange(20), np.random.default_rng(0).integers(1, 9, 20))
    fold_of = deal(units, np.arange(len(units)), 4, np.random.default_rng(1))
    assert all(len(set(fold_of[units == unit])) == 1 for unit in range(20))
    assert np.ptp(np.bincount(fold_of, minlength=4)) < 9
    with pytest.raises(RequestError, match="3 blocks in 4 folds"):
        deal([1, 1, 2, 3], np.arange(4), 4, np.random.default_rng(0))


def test_every_fold_has_as_many_of_a_kind_as_the_others():
    """Two kinds of images in equal parts on both sides, dealt by chance, would teach each fold the wrong side."""
    first, second = walks(32, 0), walks(32, 1)
    for images in (first, second):
        images[::2] += 50
    kinds = kind_order(first, second)
    for side, images in enumerate((first, second)):
        fold_of = deal(np.arange(32), kinds[side], 4, np.random.default_rng(side))
        assert np.bincount(fold_of[::2]).tolist() == np.bincount(fold_of[1::2]).tolist() == [4] * 4
    users = np.arange(32) // 16
    fold_of = deal(np.arange(32), kind_order(first, second, (users, users))[0], 4, np.random.default_rng(2))
    assert np.bincount(fold_of[:16]).tolist() == [4] * 4


def test_a_fold_is_answered_by_who_does_better_on_the_others():
    folds = [np.repeat([0, 1, 2], 4)] * 2
    sure, first_fold_only = ([np.where(folds[0] < last, side, 0.5) for side in (0, 1)] for last in (3, 1))
    scores = better_elsewhere(first_fold_only, sure, folds, 3)
    assert area_with_interval(scores, [np.arange(12)] * 2, folds).auc == 1
    # the first answer knows fold 0 alone: where it would gain, only folds 1 and 2 may be asked
    guess, lucky = [np.full(12, 0.5)] * 2, first_fold_only
    assert area_with_interval(better_elsewhere(guess, lucky, folds, 3), [np.arange(12)] * 2, folds).auc == 0.5


def test_a_grid_that_the_network_misses_is_seen_by_the_simple_features():
    first, second = (np.random.default_rng(k).integers(60, 200, (40, 1, 32, 32)).astype(np.uint8) for k in (0, 1))
    offsets = np.random.default_rng(2).integers(-30, 30, (40, 1, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)
    found = tell_apart(first, (second + offsets).clip(0, 255).astype(np.uint8), steps=2, folds=3)
    assert found.by["network"] < 0.8 < 0.95 < found.result.auc == found.by["simple features"]


def test_the_area_compares_within_folds_alone():
    first, second = np.array([0.1, 0.2, 0.7, 0.8]), np.array([0.3, 0.15, 0.75, 0.9])
    folds = [np.array([0, 0, 1, 1])] * 2
    found = area_with_interval([first, second], [np.arange(4)] * 2, folds)
    assert found.auc == np.mean([area_under_curve(first[:2], second[:2]), area_under_curve(first[2:], second[2:])])
    assert found.interval[0] <= found.auc <= found.interval[1]


def test_images_that_are_none_are_refused():
    with pytest.raises(ValueError, match="need uint8"):
        classifier_two_sample(np.zeros((8, 1, 16, 16)), walks(8, 0))
    with pytest.raises(ValueError, match="of one size"):
        classifier_two_sample(walks(8, 0), walks(8, 0, 48))
    with pytest.raises(RequestError, match="2 blocks in 4 folds"):
        classifier_two_sample(walks(8, 0), walks(8, 1), blocks=[0] * 4 + [1] * 4)


def test_large_images_are_seen_whole_and_in_pieces():
    import torch

    x = torch.randint(0, 256, (2, 1, 128, 192), dtype=torch.uint8)
    seen = view(x, 64, 32)
    assert seen.shape == (2, 4, 64, 64)
    assert torch.allclose(seen[:, 2], x[:, 0, 64:, 32:96].float() / 127.5 - 1)
    assert torch.allclose(seen[:, 0].mean(), x.float().mean() / 127.5 - 1, atol=1e-5)
    assert [pieces(side) for side in (48, 64, 65, 96, 128, 256)] == [
        [0], [0], [0, 1], [0, 32], [0, 64], [0, 64, 128, 192]]
    for side in range(65, 300):
        assert {row for start in pieces(side) for row in range(start, start + 64)} == set(range(side))

    tops = []

    class Corner(torch.nn.Module):
        def forward(self, seen):
            tops.append(seen[:, 2, 0, 0])
            return torch.stack([seen[:, 2, 0, 0], 0 * seen[:, 2, 0, 0]], dim=1)

    found = probabilities(Corner(), x.numpy(), "cpu")
    corners = torch.stack([x[:, 0, top, left].double() / 127.5 - 1 for top in (0, 64) for left in (0, 64, 128)])
    assert len(tops) == 6 and found == pytest.approx(torch.sigmoid(-corners.mean(dim=0)).numpy(), abs=1e-6)
