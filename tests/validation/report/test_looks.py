"""Charts and images of the sets: constants, planted rows and planted directions must come back."""

from types import SimpleNamespace

import numpy as np
import pytest

from mdgen.data.colormap import to_color
from mdgen.data.image_axes import ImageAxes
from mdgen.validation.report.looks import (
    case_grids,
    feature_scatter,
    mean_images,
    mean_spectrum,
    principal_axes,
    surest_grids,
)

AXES = ImageAxes(-1.0, 7.0, 2.0, 40.0)
NAMES = ["a", "b"]


class Judged(SimpleNamespace):
    def __len__(self):
        return len(self.users)


def judged(images=None, users=None, probabilities=None, features=None):
    users = np.zeros(4 if images is None else len(images), int) if users is None else np.array(users)
    return Judged(images=images, users=users, probabilities=probabilities, features=features)


def full(level, count=3):
    return np.full((count, 1, 8, 8), level, dtype=np.uint8)


def test_the_mean_image_is_the_mean_level_in_the_map_s_colour():
    mixed = np.concatenate([full(100, 1), full(200, 3)])
    grid = mean_images((judged(full(10)), judged(full(20)), judged(mixed)), "jet", AXES)
    assert [name for name, _ in grid.headings] == ["real training", "real held-out", "generated"]
    (_, means, _), = grid.rows
    for image, level in zip(means, (10, 20, 175), strict=True):
        assert (image == to_color(np.full((8, 8), level / 255))).all()


def test_a_planted_row_is_a_peak_at_its_velocity_in_db():
    images = full(0)
    images[:, :, 2] = 255                                        # row 2 of 8 from above: 7 - 2.5 m/s
    chart = mean_spectrum((judged(images), judged(images), judged(full(51))), AXES)
    spectra = [dict(zip(series.xs, series.ys)) for series in chart.series]
    assert spectra[0] == pytest.approx({v + 0.5: 0.0 if v == 4 else -40.0 for v in range(-1, 7)})
    assert list(spectra[2].values()) == pytest.approx([-32.0] * 8) and "m/s" in chart.x_label
    without = mean_spectrum((judged(images), judged(images), judged(full(51))), None)
    assert without.series[0].ys == [0, 0, 0, 0, 0, 255, 0, 0] and without.series[0].xs == list(range(8))


def test_principal_axes_are_the_planted_directions_with_their_shares():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    scores = rng.normal(size=(50, 5))
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0] * [4, 2, 1, 0, 0]     # orthogonal, of mean 0
    mean, axes, shares = principal_axes(scores @ turn.T + 7)
    assert mean == pytest.approx(np.full(5, 7.0)) and shares == pytest.approx([16 / 21, 4 / 21])
    assert np.abs((axes * turn.T[:2]).sum(axis=1)) == pytest.approx([1, 1])
    assert (axes[np.arange(2), np.abs(axes).argmax(axis=1)] > 0).all()


def test_the_scatter_is_of_the_training_set_s_plane_and_of_few_points():
    rng = np.random.default_rng(1)
    training = rng.normal(size=(40, 3)) * [9, 3, 0.1]
    held_out, generated = rng.normal(size=(500, 3)), np.full((2, 3), 5.0)
    chart = feature_scatter(*(judged(features=f) for f in (training, held_out, generated)))
    assert [len(series.xs) for series in chart.series] == [200, 2] and chart.kind == "scatter"
    mean, axes, shares = principal_axes(training)
    assert chart.series[1].xs == pytest.approx([((5.0 - mean) @ axes[0])] * 2)
    assert f"{shares[0]:.0%}" in chart.x_label
    assert feature_scatter(judged(), judged(), judged()) is None
    assert feature_scatter(judged(features=np.ones((4, 3))), judged(features=held_out), None) is None


def test_cases_are_sorted_by_the_probability_of_the_wanted_user():
    wanted = np.array([0.9, 0.1, 0.6, 0.3, 0.8, 0.7])
    images = np.concatenate([full(40 * i, 1) for i in range(6)])
    generated = judged(images, [0, 0, 0, 1, 1, 1], np.where(np.arange(6)[:, None] < 3, *(
        np.stack([p, 1 - p], axis=1) for p in (wanted, 1 - wanted))))
    worst, best = case_grids(None, generated, NAMES, None, AXES)
    levels = [[int(image[0, 0, 0]) // 40 for _, line, _ in grid.rows for image in line] for grid in (worst, best)]
    assert levels == [[1, 3, 2, 5], [0, 4, 5, 2]]
    captions = [caption for _, _, line in worst.rows for caption in line]
    assert captions == ["a, 0.1\ntaken for b", "b, 0.3\ntaken for a", "a, 0.6\nrecognised", "b, 0.7\nrecognised"]


def test_the_surest_images_are_those_that_the_rows_name():
    images = np.concatenate([full(40 * i, 1) for i in range(6)])
    found = {"surest": {"generated": [[4, 0.99]], "training": [[1, 0.02], [0, 0.03]]}}
    made, real = surest_grids(found, judged(images), judged(images, [1] * 6), NAMES, None, None)
    assert made.rows[0][1][0][0, 0, 0] == 160 and made.rows[0][2] == ["b\ngenerated: 0.99"]
    assert [image[0, 0, 0] for image in real.rows[0][1]] == [40, 0]
    assert surest_grids(None, judged(images), judged(images), NAMES, None, None) == []


def test_sets_without_images_are_left_out():
    nothing = judged()
    assert mean_images((nothing, None, nothing), None, None) is None and mean_spectrum((nothing,) * 3, None) is None
    assert case_grids(nothing, nothing, NAMES, None, None) == []
    assert [name for name, _ in mean_images((nothing, judged(full(3)), nothing), None, None).headings] == [
        "real held-out"]


def test_images_in_three_channels_have_no_colour_bar():
    rgb = np.zeros((2, 3, 8, 8), np.uint8)
    assert mean_images((judged(rgb),) * 3, None, None).colormap is None
    assert mean_spectrum((judged(rgb),) * 3, None).series[0].ys == [0] * 8
