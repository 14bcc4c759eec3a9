"""Kernel distance against loops over pairs, closed forms, its lack of bias, and its error over new data."""

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.metrics import kernel_distance as kid
from mdgen.validation.metrics.kernel_distance import counted_classes, kernel_distance, kernel_distance_stratified


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


def stratified_by_loops(x, y, x_classes, y_classes):
    """The stratified estimate as its docstring states it, pair by pair, over the classes with two images in both."""
    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b)) / len(a) + 1) ** 3

    def block(a, b):
        return np.mean([kernel(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if a is not b or i != j])

    def cells(rows, classes):
        kept = {c: rows[classes == c] for c in set(x_classes)
                if min((x_classes == c).sum(), (y_classes == c).sum()) > 1}
        return kept, {c: len(part) / sum(map(len, kept.values())) for c, part in kept.items()}

    (of_x, x_shares), (of_y, y_shares) = cells(x, x_classes), cells(y, y_classes)
    w = {c: (x_shares[c] + y_shares[c]) / 2 for c in of_x}
    return sum(w[c] * w[d] * (block(of_x[c], of_x[d]) + block(of_y[c], of_y[d]) - 2 * block(of_x[c], of_y[d]))
               for c in w for d in w)


def labels(*counts):
    return np.repeat(np.arange(len(counts)), counts)


def walkers(classes, rng, shift=0.0, dim=8):
    """Features of well separated classes: their means are the same whatever `rng`."""
    means = 2 * np.random.default_rng(3).normal(size=(classes.max() + 1, dim))
    return means[classes] + rng.normal(size=(len(classes), dim)) + shift


def over_new_data(x_counts, y_counts, shift, repeats=200):
    """Estimates from fresh data of two sets, and the errors claimed for them: [repeats] each."""
    rng, a, b = np.random.default_rng(7), labels(*x_counts), labels(*y_counts)
    return np.array([kernel_distance_stratified(walkers(a, rng), walkers(b, rng, shift), a, b)
                     for _ in range(repeats)]).T


def test_stratified_equals_the_loops_over_pairs_and_leaves_out_classes_of_one_image(monkeypatch):
    rng, a, b = np.random.default_rng(0), labels(4, 2, 1, 5, 0), labels(3, 6, 4, 2, 3)
    x, y = walkers(a, rng, dim=4), walkers(b, rng, 0.3, dim=4)
    estimate, error = kernel_distance_stratified(x, y, a, b)
    assert estimate == pytest.approx(stratified_by_loops(x, y, a, b), rel=1e-9) and error > 0
    assert counted_classes(a, b).tolist() == [0, 1, 3]
    both = [np.isin(classes, [0, 1, 3]) for classes in (a, b)]
    assert kernel_distance_stratified(x[both[0]], y[both[1]], a[both[0]], b[both[1]]) == pytest.approx(
        (estimate, error), rel=1e-9)
    monkeypatch.setattr(kid, "ROWS_AT_ONCE", 7)
    assert kernel_distance_stratified(x, y, a, b) == pytest.approx((estimate, error), rel=1e-9)


def test_with_one_class_it_is_the_plain_estimate():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(7, 4)) * 1.4 + 0.5
    estimate, _ = kernel_distance_stratified(x, y, np.zeros(9), np.zeros(7))
    assert estimate == pytest.approx(mmd_by_loops(x, y), rel=1e-9)


def test_neither_the_names_of_classes_nor_the_order_of_rows_matters():
    rng, a, b = np.random.default_rng(2), labels(4, 2, 6), labels(5, 7, 3)
    x, y = walkers(a, rng), walkers(b, rng, 0.4)
    expected = pytest.approx(kernel_distance_stratified(x, y, a, b), rel=1e-9)
    names, order = np.array(["ID_9", "ID_1", "ID_30"]), rng.permutation(len(x))
    assert kernel_distance_stratified(x, y, names[a], names[b]) == expected
    assert kernel_distance_stratified(x[order], y, a[order], b) == expected
    assert kernel_distance_stratified(y, x, b, a) == expected


def test_classes_without_spread_give_0_where_the_plain_estimate_gives_its_bias_in_closed_form():
    """Every image of a class is the same: -B (1/(N-1) + 1/(M-1)), B = mean of k(c, c) - mean of k(c, d)."""
    points = np.random.default_rng(5).normal(size=(4, 6)) * 2
    kernel = (points @ points.T / 6 + 1) ** 3
    rows = np.tile(points, (5, 1))
    bias = -(kernel.diagonal().mean() - kernel.mean()) * 2 / 19
    assert kernel_distance(rows, rows, subsets=1)[0] == pytest.approx(bias, rel=1e-9) and bias < -1
    assert kernel_distance_stratified(rows, rows[:12], np.arange(20) % 4, np.arange(12) % 4) == pytest.approx(
        (0, 0), abs=1e-5 * -bias)


def test_equal_distributions_give_0_where_the_plain_estimate_is_below():
    a, repeats = labels(*[6] * 10), 200
    rng = np.random.default_rng(8)
    pairs = [(walkers(a, rng), walkers(a, rng)) for _ in range(repeats)]
    stratified = np.array([kernel_distance_stratified(x, y, a, a)[0] for x, y in pairs])
    plain = np.array([kernel_distance(x, y, subsets=1)[0] for x, y in pairs])
    assert abs(stratified.mean()) < 3 * stratified.std() / np.sqrt(repeats)
    assert plain.mean() < -30 * plain.std() / np.sqrt(repeats)


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("counts", [([8] * 6, [8] * 6), ([13, 13], [30, 50]), ([13], [13]),
                                    ([2, 3, 4, 5, 8, 12, 20], [20, 2, 9, 4, 3, 7, 12])])
def test_error_is_the_spread_over_new_data_of_equal_sets_and_of_others(counts, shift):
    estimates, errors = over_new_data(*counts, shift)
    assert errors.mean() == pytest.approx(estimates.std(), rel=0.3)
    assert np.sqrt((errors**2).mean()) == pytest.approx(estimates.std(), rel=0.3)


def test_a_change_of_balance_is_no_distance():
    """With weights of its own for each set the gap would be that of the mixtures, here far above 0."""
    estimates, errors = over_new_data([20, 4], [4, 20], shift=0.0, repeats=100)
    assert abs(estimates.mean()) < 3 * estimates.std() / 10
    plain = kernel_distance(walkers(labels(20, 4), np.random.default_rng(1)),
                            walkers(labels(4, 20), np.random.default_rng(2)), subsets=1)[0]
    assert plain > 20 * errors.mean()


def test_wrong_requests_are_refused():
    with pytest.raises(RequestError, match="0 classes.*2 or more.*add images"):
        kernel_distance_stratified(np.zeros((3, 3)), np.zeros((5, 3)), labels(2, 1), labels(1, 4))
    with pytest.raises(RequestError, match="not finite"):
        kernel_distance_stratified(np.zeros((3, 3)), np.full((3, 3), np.inf), labels(3), labels(3))
    with pytest.raises(ValueError, match="classes of shape"):
        kernel_distance_stratified(np.zeros((3, 3)), np.zeros((3, 3)), labels(3), labels(2))
    with pytest.raises(RequestError, match="not finite"):
        kernel_distance(np.full((5, 3), np.nan), np.zeros((5, 3)))
    with pytest.raises(RequestError, match="subset"):
        kernel_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="shapes"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 4)))
