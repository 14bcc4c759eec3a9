"""Kernel distance against loops over pairs, closed forms and its lack of bias."""

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.metrics import kernel_distance as kid
from mdgen.validation.metrics.kernel_distance import kernel_distance, kernel_distance_full


def mmd_by_loops(x, y):
    """The unbiased estimate, written pair by pair."""
    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b)) / len(a) + 1) ** 3

    def within(rows):
        return np.mean([kernel(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j])

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_equals_the_loop_over_pairs_when_a_draw_takes_everything():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.normal(size=(12, 5)) + 0.5
    mean, deviation = kernel_distance(x, y, subsets=3)
    assert mean == pytest.approx(mmd_by_loops(x, y), rel=1e-9)
    assert deviation == pytest.approx(0, abs=1e-9)


def test_point_masses_in_closed_form():
    a, b = np.array([1.0, 2.0, 0.0]), np.array([0.0, 1.0, -1.0])
    expected = (5 / 3 + 1) ** 3 + (2 / 3 + 1) ** 3 - 2 * (2 / 3 + 1) ** 3
    mean, _ = kernel_distance(np.tile(a, (30, 1)), np.tile(b, (20, 1)), subsets=5, subset_size=7)
    assert mean == pytest.approx(expected)


def test_equal_distributions_give_about_zero_in_both_signs():
    rng = np.random.default_rng(0)
    draws = {"subsets": 10, "subset_size": 50}
    values = [kernel_distance(*rng.normal(size=(2, 100, 8)), **draws)[0] for _ in range(40)]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    here, shifted = rng.normal(size=(100, 8)), rng.normal(size=(100, 8)) + 0.5
    assert kernel_distance(here, shifted, **draws)[0] > 5 * np.std(values)


def test_draws_estimate_the_whole_and_spread_around_it():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(90, 6)), rng.normal(size=(70, 6)) * 1.5
    mean, deviation = kernel_distance(x, y, subsets=2000, subset_size=20)
    assert deviation > 0
    assert mean == pytest.approx(mmd_by_loops(x, y), abs=4 * deviation / np.sqrt(2000))


def test_strips_of_rows_add_up_to_the_whole(monkeypatch):
    x, y = np.random.default_rng(2).normal(size=(2, 50, 4))
    whole = kernel_distance(x, y, subsets=20, subset_size=25, seed=3)
    monkeypatch.setattr(kid, "ROWS_AT_ONCE", 7)
    assert kernel_distance(x, y, subsets=20, subset_size=25, seed=3) == pytest.approx(whole, rel=1e-9)


def test_a_seed_repeats_and_another_differs():
    x, y = np.random.default_rng(2).normal(size=(2, 50, 4))
    first = kernel_distance(x, y, subsets=5, subset_size=10, seed=1)
    assert kernel_distance(x, y, subsets=5, subset_size=10, seed=1) == first
    assert kernel_distance(x, y, subsets=5, subset_size=10, seed=2) != first


def test_draws_are_those_of_torch_fidelity():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) + 0.3
    legacy = np.random.RandomState(2020)
    estimates = []
    for _ in range(6):
        first = x[legacy.choice(40, 9, replace=False)]      # the first set before the second, in every subset
        second = y[legacy.choice(30, 9, replace=False)]
        estimates.append(mmd_by_loops(first, second))
    expected = np.mean(estimates), np.std(estimates)
    assert kernel_distance(x, y, subsets=6, subset_size=9, seed=2020) == pytest.approx(expected, rel=1e-9)


def test_error_equals_leaving_each_row_out_in_turn(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(7, 4)) * 1.4 + 0.5
    monkeypatch.setattr(kid, "ROWS_AT_ONCE", 4)
    estimate, error = kernel_distance_full(x, y)
    without_x = [mmd_by_loops(np.delete(x, i, axis=0), y) for i in range(9)]
    without_y = [mmd_by_loops(x, np.delete(y, j, axis=0)) for j in range(7)]
    assert estimate == pytest.approx(mmd_by_loops(x, y), rel=1e-9)
    assert error**2 == pytest.approx(8 * np.var(without_x) + 6 * np.var(without_y), rel=1e-9)


def repeated(shift, repeats=300):
    """Estimates from fresh data, and the errors claimed for them: [repeats] each."""
    rng = np.random.default_rng(7)
    pairs = [kernel_distance_full(rng.normal(size=(80, 6)), rng.normal(size=(60, 6)) + shift) for _ in range(repeats)]
    return np.array(pairs).T


def test_error_is_the_spread_over_new_data_where_the_sets_differ():
    estimates, errors = repeated(shift=0.7)
    assert np.sqrt((errors**2).mean()) == pytest.approx(estimates.std(), rel=0.12)   # 300 repeats: 4 %


def test_error_is_too_wide_by_the_root_of_two_at_most_where_the_sets_are_equal():
    estimates, errors = repeated(shift=0.0)
    assert 1.0 < np.sqrt((errors**2).mean()) / estimates.std() < 1.12 * np.sqrt(2)


def test_wrong_requests_are_refused():
    with pytest.raises(RequestError, match="2 and 5 images.*at least 3"):
        kernel_distance_full(np.zeros((2, 3)), np.zeros((5, 3)))
    with pytest.raises(RequestError, match="not finite"):
        kernel_distance(np.full((5, 3), np.nan), np.zeros((5, 3)))
    with pytest.raises(RequestError, match="subset"):
        kernel_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="shapes"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 4)))
