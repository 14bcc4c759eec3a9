"""Both comparisons of a report on equal terms: the same numbers of images, no sample on two sides of a cut."""

import numpy as np
import pytest

from mdgen.data.windows import separate, sharing, window_places
from mdgen.validation.comparisons.two_sample import chosen_rows, stretches, two_sample
from mdgen.validation.judges.features import JudgedSet


def walks(count, seed, size=32):
    """Dark images with a bright speckled band at a random place."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 3, (count, 1, size, size))
    for image, row in zip(images, rng.integers(4, size - 8, count)):
        image[0, row:row + 4] += rng.integers(80, 200, (4, size))
    return images.astype(np.uint8)


def judged(per_user, gap, users=3):
    labels = np.arange(users).repeat(per_user)
    return JudgedSet(walks(len(labels), per_user), labels, window_places(labels, gap),
                     *2 * [np.zeros((len(labels), 1))])


@pytest.mark.parametrize("gap, per_user", [(0, 40), (4, 100)])
def test_stretches_are_in_order_of_time_and_share_nothing(gap, per_user):
    windows = window_places(np.zeros(per_user, int), gap)[np.random.default_rng(0).permutation(per_user)]
    cut = stretches(windows, 8)
    assert len(cut) == 8 and all(windows[a].max(axis=0)[1] < windows[b].min(axis=0)[1] for a, b in zip(cut, cut[1:]))
    assert not any(sharing(windows[a], windows[b]).any() for a, b in zip(cut, cut[1:]))
    assert sum(map(len, cut)) == per_user - 7 * gap


def test_both_comparisons_have_the_same_numbers_of_images_and_blocks_apart():
    training = judged(100, 4)
    generated = JudgedSet(walks(60, 9), np.arange(3).repeat(20), separate(60), *2 * [np.zeros((60, 1))])
    chosen, counts, folds = chosen_rows(training, generated, 3)
    assert counts == [20] * 3 and folds == 4 and all(len(rows) == 60 for rows, _ in chosen.values())
    for user in range(3):
        earlier, later = (chosen[name][0][training.users[chosen[name][0]] == user] for name in ("earlier", "later"))
        assert earlier.max() < later.min()
    rows, blocks = chosen["training"]
    windows = training.windows[rows]
    assert not (sharing(windows, windows) & (blocks[:, None] != blocks)).any()


@pytest.mark.parametrize("per_user", [14, 30, 53])
def test_short_recordings_get_fewer_folds_and_never_share_samples_across_them(per_user):
    training = judged(per_user, 4)
    generated = JudgedSet(walks(60, 9), np.arange(3).repeat(20), separate(60), *2 * [np.zeros((60, 1))])
    chosen, counts, folds = chosen_rows(training, generated, 3)
    assert folds == {14: 4, 30: 2, 53: 3}[per_user] and (sum(counts) > 0) == (per_user > 14)
    for name in ("training", "earlier", "later"):
        rows, blocks = chosen[name]
        windows = training.windows[rows]
        assert not (sharing(windows, windows) & (blocks[:, None] != blocks)).any()


def test_a_user_with_few_images_does_not_keep_the_others_out():
    labels = np.array([0] * 40 + [1] * 40 + [2] * 2)
    training = JudgedSet(walks(82, 1), labels, separate(82), *2 * [np.zeros((82, 1))])
    generated = JudgedSet(walks(45, 9), np.arange(3).repeat(15), separate(45), *2 * [np.zeros((45, 1))])
    assert chosen_rows(training, generated, 3).counts == [15, 15, 0]


def test_a_report_names_what_gives_images_away():
    training = judged(24, 0)
    images = walks(36, 5)
    images[:, :, ::2] = images[:, :, ::2].clip(6, None)
    generated = JudgedSet(images, np.arange(3).repeat(12), separate(36), *2 * [np.zeros((36, 1))])
    found = two_sample(training, generated, 3, (4,), steps=25)
    assert found["auc"] > 0.9 and abs(found["control"]["auc"] - 0.5) < 0.25 and found["images"] == [36, 36]
    features = {line["name"]: line for line in found["features"]}
    assert features["share of levels 5 to 20"]["auc"] > 0.99 > 0.8 > features["share of levels 5 to 20"]["control"]
    assert [p for _, p in found["surest"]["generated"]] == sorted((p for _, p in found["surest"]["generated"]))[::-1]
    assert found["surest"]["training"][0][1] < 0.5
    assert two_sample(training, generated, 3, (4,), steps=0) is None
    assert two_sample(judged(4, 0), generated, 3, (4,)) is None
