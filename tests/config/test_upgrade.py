"""A run of version 0.1.0 (trained for a few steps, generated in its own time) opens and generates the same images."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdgen.config import Config
from mdgen.config.upgrade import VERSION, upgrade
from mdgen.errors import RequestError
from mdgen.runs.draw import read_manifest, sample_users
from mdgen.runs.folder import RunFolder, check_same_request

OLD = Path(__file__).parents[1] / "runs" / "run_of_0_1"


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "run")


def pixels(folder, user, index=0):
    return np.asarray(Image.open(folder / user / f"{user}_{index:05d}.png")).astype(int)


def assert_same_images(folder, expected, users=("ID_1", "ID_2"), count=1):
    for user in users:
        for index in range(count):
            # other processors round in another way: a level is a step of a few in jet's colours
            assert abs(pixels(folder, user, index) - pixels(expected, user, index)).max() <= 12, (user, index)


def test_the_presets_guidance_generates_the_same_images_with_the_joint_weights(old, tmp_path):
    rows = sample_users(RunFolder.open(old), tmp_path / "s", per_user=2)
    assert_same_images(tmp_path / "s", OLD / "samples", count=2)
    assert rows == read_manifest(OLD / "samples")     # its manifest says the same of them in today's words


def test_a_folder_of_its_images_is_continued(old):
    before = (old / "samples" / "ID_1" / "ID_1_00001.png").stat().st_mtime_ns
    assert len(sample_users(RunFolder.open(old), old / "samples", per_user=3)) == 6
    assert (old / "samples" / "ID_1" / "ID_1_00001.png").stat().st_mtime_ns == before


def test_an_enrolled_user_is_generated_as_before(old, tmp_path):
    sample_users(RunFolder.open(old), tmp_path / "s", per_user=2, users=["Ada"])
    assert_same_images(tmp_path / "s", OLD / "samples_enrolled", users=["Ada"], count=2)


@pytest.mark.parametrize("folder, asked", [
    ("drawn_auto", {"guidance": "auto", "guidance_scale": 1.6, "guidance_interval": [0.0, 1.0]}),
    ("drawn_free", {"guidance": "free", "guidance_scale": 1.7, "guidance_interval": [0.0, 1.0]})])
def test_the_other_kinds_of_guidance_are_upgraded_to_the_scale_that_acts(old, tmp_path, folder, asked):
    config = json.loads((old / "config.json").read_text())
    config["sampling"] |= asked
    (old / "config.json").write_text(json.dumps(config))
    sample_users(RunFolder.open(old), tmp_path / "s", per_user=1)
    assert_same_images(tmp_path / "s", OLD / folder)
    assert abs(pixels(OLD / "drawn_auto", "ID_1") - pixels(OLD / "drawn_free", "ID_1")).max() > 40


@pytest.mark.parametrize("before, after", [
    ({}, {"cfg_scale": 1.5, "cfg_interval": [0.0, 1.0], "autoguidance_scale": 1.0}),
    ({"guidance": "free+auto", "guidance_scale": 2.2, "guidance_interval": [0.0, 0.8], "auto_scale": 1.4},
     {"cfg_scale": 2.2, "cfg_interval": [0.0, 0.8], "autoguidance_scale": 1.4}),
    ({"guidance": "auto", "guidance_scale": 2.0}, {"cfg_scale": 1.0, "autoguidance_scale": 2.0}),
    ({"guidance": "classifier", "guidance_scale": 0.5, "steps": 9},
     {"cfg_scale": 1.0, "classifier_scale": 0.5, "steps": 9})])
def test_a_kind_becomes_three_numbers(before, after):
    assert upgrade({"sampling": before})["sampling"] == after


def test_a_limit_that_is_no_more_is_told():
    with pytest.warns(UserWarning, match="auto was limited to .0.2, 0.8. of the noise levels"):
        upgrade({"sampling": {"guidance": "auto", "guidance_interval": [0.2, 0.8]}})


def test_todays_configuration_is_left_alone_and_says_its_version():
    text = Config().to_json()
    assert json.loads(text)["version"] == VERSION
    assert upgrade(json.loads(text)) == {key: value for key, value in json.loads(text).items() if key != "version"}


def test_weights_trained_with_what_is_gone_are_used_but_not_trained_on():
    config = json.loads((OLD / "config.json").read_text())
    assert Config.from_json(json.dumps(config)).retired == ("joint.adversary.width=2", "joint.adversary.depth=1")
    config["diffusion"]["noise_levels"] = "lognormal"
    found = Config.from_json(json.dumps(config))
    assert 'diffusion.noise_levels="lognormal"' in found.retired
    assert Config.from_json(found.to_json()) == found      # and is not forgotten when it is written again
    with pytest.raises(RequestError, match="holds a run with retired"):
        check_same_request(OLD, found, replace(found, retired=()))


def test_joint_weights_of_other_settings_are_still_found_out(old):
    config = json.loads((old / "config.json").read_text())
    config["joint"]["adversary"]["depth"] = 2
    (old / "config.json").write_text(json.dumps(config))
    with pytest.raises(RequestError, match="joint/state.pt was made from other weights or with other settings"):
        sample_users(RunFolder.open(old), old / "s", per_user=1)
