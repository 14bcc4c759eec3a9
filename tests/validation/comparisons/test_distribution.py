"""Both sides of every distribution metric must be compared on equal terms."""

import numpy as np
import pytest

from mdgen.data.windows import separate
from mdgen.validation.comparisons.distribution import distribution, scores
from mdgen.validation.judges.features import JudgedSet

NAMES = {"fd": "fd_x", "kd": "kd_x", "is": "is_x"}


def judged(per_user, seed, num_users=4, shift=0.0):
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(num_users), per_user)
    features = rng.normal(size=(len(users), 5)) + 3 * np.eye(num_users, 5)[users] + shift
    return JudgedSet(np.zeros((len(users), 1, 2, 2), np.uint8), users, separate(len(users)), features,
                     np.eye(num_users)[users])


def test_the_score_of_sure_predictions_is_the_number_of_users_though_rows_stand_user_by_user():
    """1200 images are scored in ten splits; split as they stand, each would hold one user or two and score so."""
    found = scores(judged(300, 1), judged(300, 2), [300] * 4)
    assert found["splits"] == 10 and found["n"] == 1200
    assert found["generated"] == pytest.approx(4, abs=0.1) and found["held_out"] == pytest.approx(4, abs=0.1)


def test_the_same_distribution_scores_as_held_out_and_a_shift_by_its_square():
    found = distribution(judged(60, 0), judged(30, 1), judged(90, 2), 4, NAMES)
    moved = distribution(judged(60, 0), judged(30, 1), judged(90, 2, shift=2.0), 4, NAMES)
    distance = found["fd_x"]["against_training"]
    assert found["fd_x"]["n"] == 120 and distance["generated"] == pytest.approx(distance["floor"], abs=0.3)
    assert moved["fd_x"]["against_training"]["generated"] == pytest.approx(5 * 2.0**2, rel=0.1)
    assert moved["fd_x"]["against_training"]["floor"] == distance["floor"]
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name]["generated"] == pytest.approx(found[name]["held_out"], abs=0.2)      # of 120 random rows
    assert moved["kd_x"]["generated"]["value"] > 10 * moved["kd_x"]["generated"]["standard_error"]
    assert abs(found["kd_x"]["generated"]["value"]) < 3 * found["kd_x"]["generated"]["standard_error"]
    assert [user["fd_x"]["n"] for user in found["per_user"]] == [30] * 4
    assert found["kd_x"]["held_out"]["n"] == 120 and [u["kd_x"]["held_out"]["n"] for u in found["per_user"]] == [30] * 4


def test_a_user_with_one_image_has_no_distance_and_the_whole_still_has_one():
    found = distribution(judged(20, 0), judged(1, 1), judged(9, 2), 4, NAMES)
    assert found["fd_x"]["against_training"]["floor"] > 0
    assert found["kd_x"]["held_out"] == {"value": None, "standard_error": None, "n": 0}
    assert found["kd_x"]["generated"]["n"] == 36 and found["kd_x"]["generated"]["value"] is not None
    assert found["per_user"][0]["fd_x"]["against_training"] == {"generated": None, "floor": None}
    assert found["per_user"][0]["precision"] == {"generated": None, "held_out": None}
