"""Planted usefulness: perfect images help where real ones are few, mislabelled ones do not; the rest is bookkeeping."""

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.judges.features import JudgedSet
from mdgen.validation.judges.usefulness import block, check_sets, epochs, feasible, shrunk, usefulness

WIDTHS = (2, 5, 9)   # of each user's stripe, whose place drifts in the course of a recording


def judged_set(images, users):
    return JudgedSet(images, users, *3 * [np.zeros(len(users))])   # all that a judge said is of no concern here


def walks(count, seed):
    """`count` images of every user in recording order, 32 x 32: a few neighbours show the stripe at one place only."""
    rng = np.random.default_rng(seed)
    users = np.arange(len(WIDTHS)).repeat(count)
    images = rng.integers(0, 100, (len(users), 1, 32, 32), dtype=np.uint8)
    for index, (image, user) in enumerate(zip(images, users)):
        row = index % count * 22 // count
        image[0, row:row + WIDTHS[user]] += rng.integers(80, 140, dtype=np.uint8)
    return judged_set(images, users)


def judge(training, held_out, generated, **options):
    options = {"sizes": (5, None), "seeds": 2, "steps": 40, "device": "cpu"} | options
    return usefulness(training, held_out, generated, len(WIDTHS), **options)


@pytest.fixture(scope="module")
def sets():
    return walks(30, seed=0), walks(25, seed=1), walks(40, seed=2)


@pytest.fixture(scope="module")
def found(sets):
    seen = []
    results = judge(*sets, progress=lambda *now: seen.append(now))
    assert seen == [(done, 10) for done in range(1, 11)]
    return results


def test_perfect_images_help_who_has_few_real_ones(found):
    few, everything = found["curve"]
    assert few["both"]["mean"] > few["real"]["mean"] + 0.2 and few["gain"]["mean"] > 0.2
    assert few["gain"]["mean"] > everything["gain"]["mean"] + 0.1
    assert min(everything["real"]["mean"], found["tstr"]["mean"], found["trts"]["mean"]) > 0.8


def test_images_with_shuffled_users_teach_nothing(sets, found):
    training, held_out, generated = sets
    users = np.random.default_rng(0).permutation(generated.users)
    shuffled = judge(training, held_out, judged_set(generated.images, users), sizes=(None,))
    assert shuffled["curve"][0]["real"] == found["curve"][1]["real"]
    assert shuffled["curve"][0]["gain"]["mean"] < 0.05
    assert shuffled["tstr"]["mean"] < found["chance"] + 0.25 and shuffled["trts"]["mean"] < found["chance"] + 0.15


def test_the_figures_are_told_apart_by_their_names(found):
    assert (found["seeds"], found["steps"], found["held_out"], found["chance"]) == (2, 40, 75, 1 / 3)
    assert [(row["per_user"], row["all"]) for row in found["curve"]] == [(5, False), (30, True)]
    for row in found["curve"]:
        pairs = list(zip(row["both"]["values"], row["real"]["values"]))
        assert row["gain"]["values"] == pytest.approx([a - b for a, b in pairs])
        a, b = row["real"]["values"]
        assert row["real"]["mean"] == pytest.approx((a + b) / 2)
        assert row["real"]["std"] == pytest.approx(abs(a - b) / np.sqrt(2))   # of two values, without bias


def interleaved(judged, seed):
    """The same images with the users' rows shuffled among each other, those of one user still in order."""
    users = np.random.default_rng(seed).permutation(judged.users)
    source = np.empty(len(users), dtype=np.int64)
    for user in np.unique(users):
        source[users == user] = np.flatnonzero(judged.users == user)
    return judged_set(judged.images[source], users)


def test_the_seeds_alone_decide_and_the_order_of_users_does_not(sets):
    options = {"sizes": (5,), "seeds": 1, "steps": 12}
    first = judge(*sets, **options)
    assert first["curve"][0]["gain"]["std"] is None and first["trts"] is None
    assert judge(*sets, **options) == first
    assert judge(*(interleaved(judged, seed) for seed, judged in enumerate(sets)), **options) == first
    assert judge(*sets, **options | {"steps": 13}) != first


def test_few_images_are_neighbours_in_the_recording():
    count = 12
    users = np.tile([0, 1], count)
    images = np.arange(2 * count, dtype=np.uint8)[:, None, None, None]
    given = judged_set(images, users)
    training, starts = check_sets(given, given, given, 2)[0], set()
    for seed in range(60):
        few = block(training, 4, np.random.default_rng(seed))
        assert few.users.tolist() == [0] * 4 + [1] * 4
        mine, other = few.images.reshape(2, 4)
        assert np.diff(mine).tolist() == np.diff(other).tolist() == [2, 2, 2]   # every second image is one user's
        starts |= {int(mine[0]) // 2}
    assert starts == set(range(count - 3))


def test_sizes_that_someone_lacks_or_that_are_all_are_left_out():
    assert feasible((5, 10, 20, 50, None), np.array([20, 30])) == [5, 10, 20, None]
    assert feasible((5, 10, 20, 50, None), np.array([20, 20])) == [5, 10, None]
    assert feasible((5, None), np.array([3, 4])) == [None]


def test_every_row_comes_once_in_an_epoch():
    rows = epochs(np.random.default_rng(0), 5, 13)
    assert len(rows) == 13 and sorted(rows[:5]) == sorted(rows[5:10]) == list(range(5)) and len(set(rows[10:])) == 3
    assert rows[:5].tolist() != rows[5:10].tolist()


@pytest.mark.parametrize("part", range(3))
def test_an_empty_set_is_refused(sets, part):
    sets = list(sets)
    sets[part] = judged_set(sets[part].images[:0], sets[part].users[:0])
    with pytest.raises(RequestError, match=("training", "held-out", "generated")[part]):
        judge(*sets)


def test_a_user_without_real_images_is_refused(sets):
    training, held_out, generated = sets
    lacking = judged_set(training.images[:60], training.users[:60])
    with pytest.raises(RequestError, match="user number 2 has no training image"):
        judge(lacking, held_out, generated)


def test_large_images_are_averaged_once_to_what_the_classifiers_look_at():
    rng = np.random.default_rng(0)
    judged = judged_set(rng.integers(0, 256, (3, 1, 128, 192), dtype=np.uint8), np.arange(3))
    means = judged.images.reshape(3, 1, 64, 2, 64, 3).astype(float).mean(axis=(3, 5))
    found = shrunk(judged).images
    assert found.dtype == np.uint8 and abs(found - means).max() < 0.51
    small = judged_set(found, judged.users)
    assert shrunk(small) is small
