"""Inception Score in closed form."""

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.metrics.inception_score import inception_score


def test_uniform_predictions_score_one():
    mean, deviation = inception_score(np.full((100, 7), 1 / 7))
    assert mean == pytest.approx(1) and deviation == pytest.approx(0, abs=1e-12)


def test_sure_and_balanced_predictions_score_the_number_of_classes():
    mean, deviation = inception_score(np.tile(np.eye(8), (20, 1)), splits=10)
    assert mean == pytest.approx(8) and deviation == pytest.approx(0, abs=1e-9)


def test_sure_of_one_class_only_scores_one():
    assert inception_score(np.tile(np.eye(5)[2], (30, 1)), splits=3)[0] == pytest.approx(1)


def test_two_smeared_classes_in_closed_form():
    p = 0.8
    rows = np.tile([[p, 1 - p], [1 - p, p]], (50, 1))
    expected = 2 * p**p * (1 - p) ** (1 - p)
    assert inception_score(rows, splits=5)[0] == pytest.approx(expected)


def test_equals_the_mean_divergence_from_the_marginal():
    p = np.random.default_rng(0).dirichlet(np.full(6, 0.3), size=40)
    expected = np.exp(np.mean([(row * np.log(row / p.mean(axis=0))).sum() for row in p]))
    assert inception_score(p, splits=1) == (pytest.approx(expected), 0)


def test_splits_are_scored_apart_and_leave_no_row_out():
    varied, constant = np.tile(np.eye(4), (5, 1)), np.tile(np.eye(4)[0], (20, 1))
    mean, deviation = inception_score(np.concatenate([varied, constant]), splits=2)
    assert mean == pytest.approx(2.5) and deviation == pytest.approx(1.5)
    uneven = np.random.default_rng(0).dirichlet(np.ones(3), size=11)
    parts = [inception_score(part, splits=1)[0] for part in (uneven[:5], uneven[5:])]
    assert inception_score(uneven, splits=2)[0] == pytest.approx(np.mean(parts))


def test_a_shuffle_seed_scores_the_rows_in_the_legacy_generators_order():
    rows = np.repeat(np.eye(5), 40, axis=0) * 0.9 + 0.02               # sorted by class
    assert inception_score(rows, splits=5)[0] == pytest.approx(1)
    order = np.random.RandomState(2020).permutation(200)
    scores = []
    for part in np.split(rows[order], 5):
        scores.append(np.exp(np.mean([(row * np.log(row / part.mean(axis=0))).sum() for row in part])))
    assert inception_score(rows, 5, shuffle_seed=2020) == pytest.approx((np.mean(scores), np.std(scores)))
    assert min(scores) > 2


def test_logits_and_too_many_splits_are_refused():
    with pytest.raises(ValueError, match="sum 1"):
        inception_score(np.random.default_rng(0).normal(size=(20, 4)))
    with pytest.raises(RequestError, match="10 splits of 5"):
        inception_score(np.full((5, 2), 0.5))
