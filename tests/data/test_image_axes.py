"""The axes of a folder are those that it was made with."""

from dataclasses import astuple

import numpy as np
import pytest

from mdgen.data.demo import write_demo_users
from mdgen.data.image_axes import ImageAxes, find_axes
from mdgen.data.recorded_users import write_recorded_users
from mdgen.errors import RequestError
from mdgen.radar.power_matrix import PowerMatrix
from mdgen.radar.simulation import PROFILES


@pytest.mark.parametrize("profile, duration", [("plain77", 2.2), ("gait77", None)])
def test_demo_users(tmp_path, profile, duration):
    root = write_demo_users(tmp_path / "d", num_users=1, images_per_user=1, size=16, workers=1, profile=profile)
    low, high = PROFILES[profile].image["velocity_span"]
    assert astuple(find_axes(root)) == pytest.approx((low, high, duration, 40.0))


def test_recorded_users(tmp_path):
    (tmp_path / "raw" / "ID_1").mkdir(parents=True)
    np.save(tmp_path / "raw" / "ID_1" / "walk.npy", np.random.default_rng(0).random((64, 200)))
    reading = PowerMatrix(77e9, 40.0, (-2.0, 5.0), "power", "doppler", size=(32, 16), dynamic_range_db=30.0)
    write_recorded_users(tmp_path / "raw", tmp_path / "data", reading, window_s=2.5)
    assert astuple(find_axes(tmp_path / "data")) == pytest.approx((-2.0, 5.0, 2.5, 30.0))


def test_cells_have_their_centres_between_the_edges():
    axes = ImageAxes(-1.0, 3.0, 2.0)
    np.testing.assert_allclose(axes.velocity(4), [2.5, 1.5, 0.5, -0.5])
    np.testing.assert_allclose(axes.time_s(4), [0.25, 0.75, 1.25, 1.75])
    with pytest.raises(ValueError):
        ImageAxes(-1.0, 3.0).time_s(4)


def test_a_folder_of_images_alone_tells_nothing(tmp_path):
    assert find_axes(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"axes": {"velocity_m_s": [1], "dynamic_range_db": 40}}'])
def test_a_spoilt_file_is_named(tmp_path, text):
    (tmp_path / "recordings.json").write_text(text)
    with pytest.raises(RequestError, match="recordings.json"):
        find_axes(tmp_path)
