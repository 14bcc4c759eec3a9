"""Guidance as sample.py and its manifest know it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import SamplingConfig
from mdgen.errors import RequestError
from mdgen.runs.draw import read_manifest, sample_users, sampler_name
from mdgen.runs.folder import RunFolder


def draw(folder, output, **sampling):
    run = RunFolder.open(folder)
    run = replace(run, config=replace(run.config, sampling=replace(run.config.sampling, **sampling)))
    rows = sample_users(run, output, per_user=1)
    return rows, np.stack([np.asarray(Image.open(output / row.file)).astype(int) for row in rows])


def test_the_sampler_names_what_changes_images():
    for changes, name in (({}, "dpm"), ({"sampler": "ddim", "eta": 0.5, "spacing": "leading"}, "ddim eta 0.5 leading"),
                          ({"eta": 0.5, "batch_size": 3}, "dpm"),
                          ({"autoguidance_scale": 1.25}, "dpm autoguidance 1.25 0f"),
                          ({"classifier_scale": 2.0}, "dpm classifier 2 0c"),
                          ({"cfg_interval": (0.1, 0.7)}, "dpm within 0.1-0.7"),
                          ({"cfg_interval": (0.1, 0.7), "cfg_scale": 1.0}, "dpm"),
                          ({"cfg_interval": (0.0, 0.5), "autoguidance_scale": 1.25, "classifier_scale": 0.5},
                           "dpm autoguidance 1.25 0f classifier 0.5 0c within 0-0.5")):
        assert sampler_name(SamplingConfig(**changes), ("0f", "0c")) == name


def test_autoguidance_departs_from_the_early_checkpoint_and_at_scale_one_is_plain(trained, tmp_path):
    rows, found = draw(trained, tmp_path / "auto", cfg_scale=1.0, autoguidance_scale=2.5)
    assert rows[0].sampler.startswith("dpm autoguidance 2.5 ")
    plain = draw(trained, tmp_path / "plain", cfg_scale=1.0)[1]
    cfg = draw(trained, tmp_path / "cfg", cfg_scale=2.5)[1]
    assert all(abs(found - other).max() > 8 for other in (plain, cfg))
    with pytest.raises(RequestError, match="this request differs"):
        draw(trained, tmp_path / "auto", cfg_scale=2.5)


def test_the_early_checkpoint_is_another_network_than_the_last(trained):
    run = RunFolder.open(trained)
    _, vae_hash = run.load_vae()
    weights = [run.load_denoiser(vae_hash=vae_hash, early=early).network.conv_in.weight for early in (True, False)]
    assert not torch.equal(*weights)
    with pytest.raises(RequestError, match="early.pt was trained on latents of VAE"):
        run.load_denoiser(vae_hash="other", early=True)


def test_without_an_early_checkpoint_autoguidance_is_refused(tiny_run, tmp_path, run_script, line_of):
    (tiny_run / "diffusion" / "early.pt").unlink()
    line = line_of(run_script("sample.py", tiny_run, "--autoguidance-scale", "2", "--output-dir", tmp_path / "s"), 2)
    assert "diffusion/early.pt is missing" in line and "diffusion_training.snapshot_at" in line
    assert not (tmp_path / "s").exists()


def test_both_guidances_depart_from_what_each_alone_gives(trained, tmp_path, run_script):
    alone = [draw(trained, tmp_path / "cfg", cfg_scale=2.0)[1],
             draw(trained, tmp_path / "auto", cfg_scale=1.0, autoguidance_scale=2.0)[1]]
    rows, both = draw(trained, tmp_path / "both", cfg_scale=2.0, autoguidance_scale=2.0)
    assert rows[0].sampler.startswith("dpm autoguidance 2 ")
    assert all(abs(both - other).max() > 8 for other in alone)
    flags = ["--cfg-scale", "2", "--autoguidance-scale", "2", "--samples-per-user", "1"]
    assert run_script("sample.py", trained, *flags, "--output-dir", tmp_path / "both").status == 0   # all are there
    plain = ["--guidance-scale", "1", "--samples-per-user", "1"]
    assert run_script("sample.py", trained, *plain, "--output-dir", tmp_path / "plain").status == 0
    assert read_manifest(tmp_path / "plain")[0].sampler .startswith("dpm levels ")


@pytest.mark.parametrize("flag", ["--condition-scale", "--cfg-scale"])
def test_a_scale_that_weakens_what_the_run_had_is_noted_in_one_line(trained, tmp_path, run_script, flag):
    had = RunFolder.open(trained).config.sampling.cfg_scale
    for number, (scale, noted) in enumerate(((had - 0.2, True), (had, False), (had + 1, False))):
        found = run_script("sample.py", trained, flag, scale, "--samples-per-user", "1", "--output-dir",
                           tmp_path / str(number))
        notes = [line for line in found.err.splitlines() if line.startswith("note:")]
        assert found.status == 0 and len(notes) == noted
        assert not noted or f"{scale:g} is weaker than the {had:g} of this run" in notes[0]


@pytest.mark.parametrize("flags, words", [
    (["--autoguidance-scale", "nan"], "sampling.autoguidance_scale is nan"),
    (["--cfg-interval", "0.7", "0.1"], "sampling.cfg_interval is [0.7, 0.1]"),
    (["--guidance-interval", "0", "1.5"], "sampling.cfg_interval is (0.0, 1.5)"),
    (["--cfg-interval", "0.1", "0.7", "--cfg-scale", "1"], "--cfg-interval changes nothing"),
    (["--cfg-interval", "0.98", "0.99"], "holds none of the 6 steps"),
    (["--guidance", "free"], "--guidance is not a flag or value expected here; did you mean --guidance-scale?")])
def test_what_cannot_be_or_does_nothing_is_refused(trained, tmp_path, run_script, line_of, flags, words):
    assert words in line_of(run_script("sample.py", trained, "--output-dir", tmp_path / "s", *flags), 2)
    assert not (tmp_path / "s").exists()


def test_the_interval_reaches_the_images(trained, tmp_path, run_script):
    """Guided at no visited level, images are plain ones."""
    plain = draw(trained, tmp_path / "plain", cfg_scale=1.0)[1]
    limits = {"middle": (0.2, 0.8), "none": (0.0, 0.01)}           # six trailing steps visit 166 … 999 of 1000
    found = {name: draw(trained, tmp_path / name, cfg_scale=3.0, cfg_interval=limit)[1]
             for name, limit in limits.items()}
    assert np.array_equal(found["none"], plain) and abs(found["middle"] - plain).max() > 8
    assert abs(found["middle"] - draw(trained, tmp_path / "always", cfg_scale=3.0)[1]).max() > 8
