"""Precision and recall, density and coverage on clouds whose answer is known."""

import importlib

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.validation.metrics.precision_recall import density_coverage, precision_recall


def by_definition(real, fake, k):
    """Kynkäänniemi et al. 2019, eq. 1, point by point."""
    def share(queries, points):
        radii = [sorted(np.linalg.norm(points - p, axis=1))[k] for p in points]
        return np.mean([any(np.linalg.norm(q - p) <= r for p, r in zip(points, radii)) for q in queries])
    return share(fake, real), share(real, fake)


def cloud(rows, seed, dim=6):
    return np.random.default_rng(seed).normal(size=(rows, dim))


def test_equals_the_definition_point_by_point():
    for k in (1, 3):
        real, fake = cloud(60, 0), cloud(45, 1) * 1.3 + 0.4
        assert precision_recall(real, fake, k) == pytest.approx(by_definition(real, fake, k))


def test_a_collapsed_cluster_is_precise_and_recalls_little():
    precision, recall = precision_recall(cloud(400, 0), cloud(400, 1) * 0.05)
    assert precision > 0.95 and recall < 0.05


def test_a_cloud_that_is_too_wide_recalls_all_and_is_imprecise():
    precision, recall = precision_recall(cloud(400, 0) * 0.05, cloud(400, 1))
    assert precision < 0.05 and recall > 0.95


def test_one_of_two_modes_missing_halves_recall_alone():
    modes = cloud(200, 0), cloud(200, 1) + 50
    precision, recall = precision_recall(np.concatenate(modes), cloud(200, 2))
    assert precision > 0.8
    assert recall == pytest.approx(precision_recall(modes[0], cloud(200, 2))[1] / 2)


def test_far_apart_is_zero_and_swapping_the_sets_swaps_the_answers():
    assert precision_recall(cloud(50, 0), cloud(50, 1) + 100) == (0, 0)
    real, fake = cloud(80, 2), cloud(60, 3) * 0.6
    assert precision_recall(fake, real) == pytest.approx(precision_recall(real, fake)[::-1])


def test_copies_lie_inside_even_where_every_point_is_repeated():
    # Four copies of each point make every radius 0.
    points = np.repeat(cloud(40, 0, dim=67), 4, axis=0)
    points[0:4] += 1e4  # and one far away, where rounding is coarse
    assert precision_recall(points, points[:80]) == (1, 0.5)


def test_strips_of_rows_change_nothing(monkeypatch):
    real, fake = cloud(50, 0), cloud(40, 1) * 1.2
    whole = precision_recall(real, fake)
    # By name, since the package's attribute of this name is the function.
    module = importlib.import_module("mdgen.validation.metrics.precision_recall")
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    assert precision_recall(real, fake) == whole
    whole = density_coverage(real, fake)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 50)
    assert density_coverage(real, fake) == whole


def test_density_and_coverage_equal_the_definition_point_by_point():
    for k in (1, 4):
        real, fake = cloud(50, 0), cloud(35, 1) * 0.8 + 0.3
        radii = [sorted(np.linalg.norm(real - p, axis=1))[k] for p in real]
        inside = np.array([[np.linalg.norm(q - p) < r for q in fake] for p, r in zip(real, radii)])
        assert density_coverage(real, fake, k) == pytest.approx((inside.sum() / (k * 35), inside.any(axis=1).mean()))


def test_balls_on_a_line_in_closed_form():
    real = np.arange(10.0)[:, None]                                    # every radius is 1 with k = 1
    assert density_coverage(real, np.array([[4.5]]), k=1) == pytest.approx((2, 0.2))
    assert density_coverage(real, np.array([[4.0], [20.0]]), k=1) == pytest.approx((0.5, 0.1))   # not 3 and 5


def test_equal_distributions_have_density_one_and_the_coverage_of_lemma_2():
    n, m, k = 60, 40, 5
    values = [density_coverage(cloud(n, 2 * seed, dim=3), cloud(m, 2 * seed + 1, dim=3), k) for seed in range(100)]
    expected = 1 - np.prod([(n - i) / (n + m - i) for i in range(1, k + 1)])
    error = np.std(values, axis=0) / np.sqrt(len(values))
    assert np.abs(np.mean(values, axis=0) - [1, expected] < 4 * error).all()
    assert (error < 0.02).all()


def test_a_copy_has_both_at_one_and_a_distant_set_both_at_zero():
    real = cloud(80, 0, dim=67) + 100
    assert density_coverage(real, real[::-1].copy()) == (1, 1)
    assert density_coverage(real, real + 1e3) == (0, 0)


def test_a_collapsed_set_is_dense_and_covers_little():
    density, coverage = density_coverage(cloud(400, 0), cloud(400, 1) * 0.05)
    assert density > 1.5 and coverage < 0.1


def test_one_real_outlier_lifts_precision_but_hardly_density():
    real = np.concatenate([cloud(200, 0), np.full((1, 6), 30.0)])
    fake = cloud(200, 1) * 0.1 + 15                                    # far from all, inside the outlier's ball
    assert precision_recall(real, fake, k=5)[0] == 1
    assert density_coverage(real, fake, k=5) == pytest.approx((1 / 5, 1 / 201))


def test_too_few_images_are_refused():
    with pytest.raises(RequestError, match="k = 5 from 5 real"):
        density_coverage(cloud(5, 0), cloud(9, 1))
    with pytest.raises(RequestError, match="0 generated"):
        density_coverage(cloud(9, 0), cloud(0, 1))
    with pytest.raises(RequestError, match="not finite"):
        precision_recall(np.full((9, 6), np.nan), cloud(9, 1))
    with pytest.raises(RequestError, match="k = 3 from 3 real"):
        precision_recall(cloud(3, 0), cloud(9, 1))
