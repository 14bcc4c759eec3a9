"""Planted usefulness: perfect images help where real ones are few, mislabelled ones do not; the rest is bookkeeping."""

from types import SimpleNamespace

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.utility import Labelled, epochs, feasible, usefulness

ROWS = (4, 12, 20)   # where each user's stripe lies


def walks(count, seed):
    """`count` noisy images of every user, 32 x 32, with a faint stripe at the user's rows and one at any row."""
    rng = np.random.default_rng(seed)
    users = np.arange(len(ROWS)).repeat(count)
    images = rng.integers(0, 120, (len(users), 1, 32, 32), dtype=np.uint8)
    for image, user in zip(images, users):
        image[0, ROWS[user] + rng.integers(4):][:4] += rng.integers(25, 50, dtype=np.uint8)
        image[0, rng.integers(28):][:4] += rng.integers(25, 40, dtype=np.uint8)
    return SimpleNamespace(images=images, users=users)


def judge(training, held_out, generated, **options):
    options = {"sizes": (5, None), "seeds": 2, "steps": 60, "device": "cpu"} | options
    return usefulness(training, held_out, generated, len(ROWS), **options)


@pytest.fixture(scope="module")
def sets():
    return walks(20, seed=0), walks(40, seed=1), walks(60, seed=2)


@pytest.fixture(scope="module")
def found(sets):
    return judge(*sets)


def test_perfect_images_help_who_has_few_real_ones(found):
    few, everything = found["curve"]
    assert few["both"]["mean"] > few["real"]["mean"] + 0.1 and few["gain"]["mean"] > few["gain"]["std"]
    assert few["gain"]["mean"] > everything["gain"]["mean"]
    assert found["tstr"]["mean"] > few["real"]["mean"] + 0.1 and found["trts"]["mean"] > 2 * found["chance"]
