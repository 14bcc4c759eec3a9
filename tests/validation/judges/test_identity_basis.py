"""What each change does to an image, and what a judge that reads speed or direction, and nothing else, then says."""

import numpy as np
import pytest
import torch
from torch import nn

from mdgen.data.image_axes import ImageAxes
from mdgen.validation.image_measures import TRUNK, image_measures
from mdgen.validation.judges.features import JudgedSet
from mdgen.validation.judges.identity_basis import (
    CHANGES,
    about_torso,
    hide_limbs,
    hide_torso,
    identity_basis,
    mirror,
    move,
    raise_level,
    torso_line_alone,
)

SIZE = 64
AXES = ImageAxes(-1.0, 7.0)    # 0.125 m/s per row
TORSO_ROWS = 20, 22            # of two users: one speed and another


def judged_set(images, users):
    return JudgedSet(images, np.asarray(users), np.arange(len(users)), *2 * [np.zeros((len(users), 2))])


def noise(count=3, channels=1, size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def walks(rows, limbs, seed=0):
    """uint8 [N, 1, 64, 64]: a torso line at about rows [N], which swings from a random moment on, and a band of limbs
    limbs [N] rows above it."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (len(rows), 1)) + np.linspace(0, 8 * np.pi, SIZE)
    line = (np.asarray(rows, float) + rng.normal(0, 0.3, len(rows)))[:, None] + np.sin(phase)          # [N, W]
    place = np.arange(SIZE)[:, None]
    torso = 255 * np.exp(-(((place - line[:, None]) / 1.5) ** 2))
    limb = 120 * (np.abs(place - line[:, None] + np.reshape(limbs, (-1, 1, 1))) < 1.5)
    return np.maximum(torso, limb).astype(np.uint8)[:, None]


class RowReader(nn.Module):
    """Answers 1 where the brightest row on average is that of the second user or one below it, else 0."""

    def forward(self, x):
        rows = x.mean(dim=(1, 3)).argmax(dim=1)
        return nn.functional.one_hot((rows >= TORSO_ROWS[1]).long(), 2).float()


class DirectionReader(nn.Module):
    """Answers 1 where the right half is brighter than the left one, else 0."""

    def forward(self, x):
        left, right = x.chunk(2, dim=3)
        return torch.stack([left.mean(dim=(1, 2, 3)), right.mean(dim=(1, 2, 3))], dim=1)


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("rows", [1, 2, -1, -2])
def test_a_move_by_whole_rows_moves_them_exactly(size, rows):
    images, moved, pixels = noise(size=size), move(noise(size=size), rows=rows), rows * size // 64
    assert moved.dtype == np.uint8
    if pixels > 0:
        assert np.array_equal(moved[:, :, :-pixels], images[:, :, pixels:])
        assert (moved[:, :, -pixels:] == images[:, :, -1:]).all()
    else:
        assert np.array_equal(moved[:, :, -pixels:], images[:, :, :pixels])
        assert (moved[:, :, :-pixels] == images[:, :, :1]).all()


def test_a_move_by_half_a_row_moves_a_slope_by_half_a_step():
    images = np.tile(np.arange(0, 192, 2, dtype=np.uint8)[:, None], (2, 1, 1, 96))    # 96 rows: one of 64 is 1.5
    assert np.array_equal(move(images, rows=1)[:, :, :-2], images[:, :, :-2] + 3)
    assert np.array_equal(move(images, rows=-1)[:, :, 2:], images[:, :, 2:] - 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mirror_twice_and_no_gain_leave_an_image_as_it_is(channels):
    images = noise(channels=channels)
    assert np.array_equal(mirror(mirror(images)), images) and not np.array_equal(mirror(images), images)
    assert np.array_equal(mirror(images).sum(axis=3), images.sum(axis=3))
    assert np.array_equal(raise_level(images, share=0), images)


def test_a_gain_raises_all_levels_alike_within_the_range():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert raise_level(images, share=0.2).ravel().tolist() == [min(k + 51, 255) for k in range(256)]
    assert raise_level(images, share=-0.2).ravel().tolist() == [max(k - 51, 0) for k in range(256)]


@pytest.mark.parametrize("axes", [AXES, None])
def test_the_band_about_the_torso_lies_where_the_torso_was_drawn(axes):
    images = walks([20, 40], [12, 12])
    band = about_torso(image_measures(images, axes)["torso_line"], SIZE, axes)
    assert band.shape == (2, SIZE, SIZE)
    for inside, row in zip(band, (20, 40)):
        centres = (inside * np.arange(SIZE)[:, None]).sum(axis=0) / inside.sum(axis=0)
        assert np.abs(centres.mean() - row) < 1
    step = 8 / SIZE if axes else 7.4 / SIZE                       # m/s per row
    assert np.abs(band.sum(axis=1) - 2 * TRUNK / step).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_each_hiding_leaves_what_the_other_hides(channels):
    images, torso = noise(channels=channels), np.zeros((3, SIZE, SIZE), bool)
    torso[:, 18:23] = True
    images[:, :, 40:] = np.arange(5, 5 + channels, dtype=np.uint8)[:, None, None]     # the most frequent colour
    seen = np.broadcast_to(torso[:, None], images.shape)
    without_torso, without_limbs = hide_torso(images, torso), hide_limbs(images, torso)
    assert np.array_equal(without_torso[~seen], images[~seen])
    assert np.array_equal(without_limbs[seen], images[seen])
    for channel in range(channels):
        assert (without_limbs[:, channel][~torso] == 5 + channel).all()
    means = images.mean(axis=3)[:, :, [17, 23]] @ [0.5, 0.5]       # rows 18 to 22 are torso all the time, 20 midway
    assert np.abs(without_torso[:, :, 20] - means[..., None]).max() <= 0.5


def test_a_hidden_torso_takes_the_mean_of_its_row_at_other_times():
    images, torso = noise(), np.zeros((3, SIZE, SIZE), bool)
    torso[:, 30, :20], torso[:, 0], torso[2] = True, True, True    # of the third image nothing else is left
    hidden = hide_torso(images, torso)
    assert np.abs(hidden[:2, 0, 30, :20] - images[:2, 0, 30, 20:].mean(axis=1, keepdims=True)).max() <= 0.5
    assert np.abs(hidden[:2, 0, 0] - images[:2, 0, 1].mean(axis=1, keepdims=True)).max() <= 0.5
    assert (hidden[2] == 0).all()


def test_a_hidden_torso_leaves_no_line_that_could_be_read():
    """A steady torso before an even ground is gone without a trace."""
    images = np.full((1, 1, SIZE, SIZE), 40, np.uint8)
    images[:, :, 19:22] = 250
    torso = about_torso(image_measures(images, AXES)["torso_line"], SIZE, AXES)
    assert (hide_torso(images, torso) == 40).all()


def judge_all(judge, images, users, **options):
    sets = [judged_set(images, users)] * 3
    found = identity_basis(judge.eval(), *sets, axes=AXES, device="cpu", **options)
    for row in found["changes"]:
        assert row["held_out"] == row["generated"]
    return found, {row["name"]: row["generated"] for row in found["changes"]}


def test_a_judge_of_speed_is_misled_by_one_row_and_not_by_a_mirror():
    users = np.repeat([0, 1], 6)
    images = np.zeros((12, 1, SIZE, SIZE), np.uint8)
    images[:6, :, TORSO_ROWS[0] + 1], images[6:, :, TORSO_ROWS[1]] = 200, 200         # neighbours: rows 21 and 22
    found, accuracy = judge_all(RowReader(), images, users)
    assert list(accuracy) == list(CHANGES) and found["chance"] == 0.5
    assert accuracy["unchanged"] == accuracy["mirrored in time"] == accuracy["limbs hidden"] == 1.0
    assert accuracy["10 % stronger or weaker"] == 1.0
    assert accuracy["one row of 64 up or down"] == accuracy["two rows of 64 up or down"] == 0.5
    assert accuracy["torso hidden"] == 0.5                        # nothing is left to read


def test_a_judge_of_direction_is_misled_by_a_mirror_and_not_by_a_shift():
    users = np.repeat([0, 1], 6)
    images = walks([30] * 12, [12] * 12)
    images[:6, ..., SIZE // 2:] //= 2
    images[6:, ..., :SIZE // 2] //= 2
    _, accuracy = judge_all(DirectionReader(), images, users)
    assert accuracy.pop("mirrored in time") == 0.0 and set(accuracy.values()) == {1.0}


def test_measures_that_are_known_are_taken_as_they_are():
    images, users = walks([30] * 8, [12] * 8), np.repeat([0, 1], 4)
    told = {name: {"torso_line": np.repeat([2.0, 3.0], 4)[:, None] + np.zeros((8, SIZE))}
            for name in ("training", "held_out", "generated")}
    found, _ = judge_all(RowReader(), images, users, measures=told)
    assert found["torso_line_alone"] == {"held_out": 1.0, "generated": 1.0}


def torso_alone(rows, limbs):
    """Accuracy of the torso line for two users, who differ in rows and in limbs [2]."""
    users = np.repeat([0, 1], 40)
    sets = {name: walks(np.array(rows)[users], np.array(limbs)[users], seed)
            for seed, name in enumerate(("training", "held_out", "generated"))}
    lines = {name: image_measures(images, AXES)["torso_line"] for name, images in sets.items()}
    return torso_line_alone(lines, dict.fromkeys(sets, users))


def test_the_torso_line_tells_speeds_apart_and_limbs_not():
    assert min(torso_alone(TORSO_ROWS, (12, 12)).values()) > 0.95
    chance = torso_alone((20, 20), (8, 16)).values()
    assert all(abs(value - 0.5) < 3 * np.sqrt(0.25 / 80) for value in chance)


def test_the_torso_line_s_features_forget_when_the_window_began():
    lines = np.sin(np.linspace(0, 8 * np.pi, SIZE, endpoint=False)) * np.array([[0.3], [0.5]]) + 1
    training = np.concatenate([np.roll(lines, k, axis=1) + 0.01 * k for k in range(6)])
    users = np.tile([0, 1], 6)
    later = {"training": training, "held_out": training, "generated": np.roll(training, 5, axis=1)}
    found = torso_line_alone(later, dict.fromkeys(later, users))
    assert found["held_out"] == found["generated"] == 1.0
