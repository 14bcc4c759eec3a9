"""Warping distances against all alignments written out, and what they must not mind."""

import numpy as np
import pytest

from mdgen.validation.metrics.curve_distance import cheapest_path, curve_distance


def alignments(width, band, skip):
    """Every allowed alignment as a list of (i, j)."""
    def onward(path):
        i, j = path[-1]
        if max(i, j) == width - 1 and min(i, j) >= width - 1 - skip:
            yield path
        for to in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
            if max(to) < width and abs(to[0] - to[1]) <= band:
                yield from onward([*path, to])

    for start in {(k, 0) for k in range(skip + 1)} | {(0, k) for k in range(skip + 1)}:
        yield from onward([start])


def written_out(x, y, band, skip):
    best = np.inf
    for path in alignments(len(x), band, skip):
        gaps = [abs(x[i] - y[j]) for i, j in path]
        moves = [2] + [b[0] - a[0] + b[1] - a[1] for a, b in zip(path, path[1:])]
        best = min(best, np.dot(gaps, moves))
    return best


def warped(x, y, band, skip):
    """The distance with another band and skip."""
    return cheapest_path(x.T, y.T, band, skip) / (2 * (x.shape[1] - skip))


@pytest.mark.parametrize("band, skip", [(0, 0), (2, 0), (1, 1), (3, 2), (5, 0)])
def test_the_best_of_all_alignments(band, skip):
    x, y = np.random.default_rng(0).normal(size=(2, 4, 6))
    expected = [written_out(a, b, band, skip) for a, b in zip(x, y)]
    np.testing.assert_allclose(cheapest_path(x.T, y.T, band, skip), expected, rtol=1e-5)


def test_band_and_skip_are_a_quarter_of_the_columns():
    x, y = np.random.default_rng(2).normal(size=(2, 3, 9))
    np.testing.assert_allclose(curve_distance(x, y), warped(x, y, 2, 2), rtol=1e-5)


def test_equal_curves_are_at_zero_and_the_order_does_not_matter():
    x, y = np.random.default_rng(1).normal(size=(2, 5000, 24)).cumsum(axis=2)   # more than are taken at once
    there, back = curve_distance(x, y), curve_distance(y, x)
    np.testing.assert_array_equal(there, back)
    assert there.shape == (5000,) and there.min() > 0
    np.testing.assert_array_equal(curve_distance(x, x), 0)


def test_distance_of_shifted_constants_is_the_shift():
    level = np.ones((1, 24))
    assert curve_distance(level, level + 3.5) == pytest.approx(3.5)
    assert warped(level, level + 3.5, 6, 0) == pytest.approx(3.5)


def walk(time, steps=4.0):
    return np.sin(2 * np.pi * steps * time) + 0.3 * np.cos(4 * np.pi * steps * time)


def test_a_warped_time_axis_within_the_band_costs_little():
    time = np.linspace(0, 1, 128)
    late = time + 0.08 * np.sin(np.pi * time)                      # at most 10 columns, the band is 32
    x, y = walk(time)[None], walk(late)[None]
    plain = np.abs(x - y).mean()
    assert warped(x, y, 32, 0) < 0.1 * plain
    assert warped(x, y, 0, 0) == pytest.approx(plain, rel=1e-5)
    assert warped(x, y, 2, 0) > 3 * warped(x, y, 32, 0)


@pytest.mark.parametrize("columns", [5, 16, 27])
def test_where_in_a_step_the_image_begins_does_not_matter(columns):
    time = np.arange(128 + columns) / 128
    curve = walk(time)[None]
    x, y = curve[:, :128], curve[:, columns:]
    assert curve_distance(x, y) == pytest.approx(0, abs=1e-6)
    assert warped(x, y, 32, 0) > 0.01
    assert curve_distance(x, 1.5 * y) > 0.1


def test_no_curves_and_wrong_shapes():
    assert curve_distance(np.empty((0, 16)), np.empty((0, 16))).shape == (0,)
    for wrong in (np.ones((1, 15)), np.ones(16)):
        with pytest.raises(ValueError):
            curve_distance(np.ones((1, 16)), wrong)
