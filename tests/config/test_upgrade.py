"""A run of version 0.1.0 (trained for a few steps, generated in its own time) opens and generates the same images."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import Config, override
from mdgen.config.upgrade import VERSION, upgrade
from mdgen.errors import Note, RequestError
from mdgen.runs.checkpoint import RunState
from mdgen.runs.draw import of_version_1, read_manifest, sample_users
from mdgen.runs.folder import RunFolder, check_same_request
from mdgen.runs.pipeline import load_pipeline

OLD = Path(__file__).parents[1] / "runs" / "run_of_0_1"


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "run")


def pixels(folder, user, index=0):
    return np.asarray(Image.open(folder / user / f"{user}_{index:05d}.png")).astype(int)


def assert_same_images(folder, expected, users=("ID_1", "ID_2"), count=1):
    for user in users:
        for index in range(count):
            # other processors round in another way: a level is a step of a few in jet's colours, in few pixels
            gap = abs(pixels(folder, user, index) - pixels(expected, user, index))
            assert gap.max() <= 12 and (gap > 0).mean() < 0.05, (user, index)


def test_the_presets_guidance_generates_the_same_images_with_the_joint_weights(old, tmp_path):
    rows = sample_users(RunFolder.open(old), tmp_path / "s", per_user=2)
    assert_same_images(tmp_path / "s", OLD / "samples", count=2)
    assert [replace(row, format="") for row in rows] == read_manifest(OLD / "samples")


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
    with pytest.warns(Note, match="auto was limited to .0.2, 0.8. of the noise levels"):
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
    with pytest.raises(RequestError, match='noise_levels="lognormal", which is gone since version 0.2.0'):
        check_same_request(OLD, found, replace(found, retired=()))
    beside = replace(Config(), retired=('enroll_training.schedule="constant"',))   # what a run may change, it may lose
    check_same_request(OLD, beside, Config())


def test_a_setting_that_is_gone_says_so():
    for key in ("diffusion.augment_shift", "sampling.guidance", "joint.image_weight", "vae_training.patience"):
        with pytest.raises(RequestError, match=f"setting {key} is gone since version 0.2.0"):
            override(Config(), [f"{key}=1"])


def test_told_augmentation_keeps_the_names_of_its_weights(old, tmp_path):
    """An idle layer, of which nothing generated depends, but which the joint weights and the manifest are bound to."""
    run = RunFolder.open(old)
    before = load_pipeline(run, stage="diffusion").weights_hash
    for name in ("state.pt", "early.pt"):
        file = RunState(old / "diffusion" / name)
        state = file.load()
        state["ema"]["average"]["change_embedding.weight"] = torch.ones(8, 2)
        file.save(state)
    told = load_pipeline(run, stage="diffusion")
    assert told.weights_hash != before and "change_embedding.weight" in told.denoiser.network.state_dict()
    rows = sample_users(run, tmp_path / "told", per_user=1, stage="diffusion")
    assert rows[0].run == told.weights_hash
    sample_users(RunFolder.open(OLD), tmp_path / "plain", per_user=1, stage="diffusion")
    assert np.array_equal(pixels(tmp_path / "told", "ID_1"), pixels(tmp_path / "plain", "ID_1"))


@pytest.mark.parametrize("change, words", [
    ({"version": 99}, "version is 99; expected up to 2"), ({"version": "2"}, "version is '2'"),
    ({"version": None}, "version is None"), ({"version": True}, "version is True"), ({"version": 0}, "version is 0"),
    ({"sampling": {"guidance": "x"}}, "sampling.guidance is 'x'; expected free, auto"),
    ({"sampling": {"guidance": None}}, "sampling.guidance is None"),
    ({"sampling": {"guidance_interval": []}}, "sampling.cfg_interval is .."),
    ({"sampling": {"guidance_interval": None}}, "sampling.cfg_interval is None"),
    ({"sampling": {"guidance_scale": "a"}}, "sampling.cfg_scale is 'a'; expected float"),
    ({"sampling": 3}, "sampling is 3; expected a group"),
    ({"sampling": None}, "sampling is None; expected a group"), ({"joint": 3}, "joint is 3; expected a group"),
    ({"version": 2, "retired": ["joint.noise_limit"]}, "retired has 'joint.noise_limit'; expected KEY=JSON")])
def test_damaged_values_of_any_version_are_refused_in_one_line(change, words):
    with pytest.raises(RequestError, match=words) as refused:
        Config.from_json(json.dumps(change))
    assert "\n" not in str(refused.value)


def test_todays_values_without_their_version_are_not_taken_for_old_ones():
    values = json.loads(replace(Config(), sampling=replace(Config().sampling, cfg_scale=4.0)).to_json())
    del values["version"]
    assert Config.from_json(json.dumps(values)).sampling.cfg_scale == 4.0


def test_joint_weights_of_other_settings_are_still_found_out(old):
    config = json.loads((old / "config.json").read_text())
    config["joint"]["adversary"]["depth"] = 2
    (old / "config.json").write_text(json.dumps(config))
    with pytest.raises(RequestError, match="joint/state.pt was made from other weights or with other settings"):
        sample_users(RunFolder.open(old), old / "s", per_user=1)


@pytest.mark.parametrize("before, after", [
    (("dpm free+auto -0.5 b720fc991586657e within 0-0.8", 2.2),
     ("dpm autoguidance -0.5 b720fc991586657e within 0-0.8", 2.2)),
    (("ddim eta 0.5 auto b720fc991586657e", 1.5), ("ddim eta 0.5 autoguidance 1.5 b720fc991586657e", 1.0)),
    (("dpm classifier b720fc991586657e within 0-0.8", 0.5), ("dpm classifier 0.5 b720fc991586657e within 0-0.8", 1.0)),
    (("dpm within 0-0.8", 2.0), ("dpm within 0-0.8", 2.0))])
def test_manifests_are_read_in_todays_words(before, after):
    row = replace(read_manifest(OLD / "samples")[0], sampler=before[0], guidance=before[1])
    assert (of_version_1(row).sampler, of_version_1(row).guidance) == after
