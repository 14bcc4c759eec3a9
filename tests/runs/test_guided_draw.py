"""Kinds and intervals of guidance as sample.py and its manifest know them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import SamplingConfig
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder
from mdgen.runs.draw import read_manifest, sample_users, sampler_name


def draw(folder, output, **sampling):
    run = RunFolder.open(folder)
    run = replace(run, config=replace(run.config, sampling=replace(run.config.sampling, **sampling)))
    rows = sample_users(run, output, per_user=1)
    return rows, np.stack([np.asarray(Image.open(output / row.file)).astype(int) for row in rows])


def test_the_sampler_names_what_changes_images_and_keeps_its_older_names():
    for changes, name in (({}, "dpm"), ({"sampler": "ddim", "eta": 0.5, "spacing": "leading"}, "ddim eta 0.5 leading"),
                          ({"guidance": "auto"}, "dpm auto 0f"),
                          ({"guidance_interval": (0.1, 0.7)}, "dpm within 0.1-0.7"),
                          ({"guidance": "auto", "guidance_interval": (0.0, 0.5)}, "dpm auto 0f within 0-0.5"),
                          ({"guidance": "auto", "guidance_interval": (0.0, 0.5), "guidance_scale": 1.0}, "dpm"),
                          ({"guidance": "free+auto", "guidance_scale": 1.0, "auto_scale": 1.0}, "dpm"),
                          ({"guidance": "free+auto", "auto_scale": 1.0, "guidance_interval": (0.1, 0.7)},
                           "dpm within 0.1-0.7"),
                          ({"guidance": "free+auto", "guidance_scale": 1.0, "guidance_interval": (0.1, 0.7)}, "dpm auto 0f"),
                          ({"guidance": "free+auto", "guidance_interval": (0.0, 0.5), "auto_scale": 1.25},
                           "dpm free+auto 1.25 0f within 0-0.5")):
        assert sampler_name(SamplingConfig(**changes), "0f") == name


def test_autoguidance_departs_from_the_early_checkpoint_and_at_scale_one_is_plain(trained, tmp_path):
    rows, found = draw(trained, tmp_path / "auto", guidance="auto", guidance_scale=2.5)
    assert rows[0].sampler.startswith("dpm auto ")
    plain = draw(trained, tmp_path / "plain", guidance_scale=1.0)[1]
    assert np.array_equal(draw(trained, tmp_path / "one", guidance="auto", guidance_scale=1.0)[1], plain)
    free = draw(trained, tmp_path / "free", guidance_scale=2.5)[1]
    assert all(abs(found - other).max() > 8 for other in (plain, free))
    with pytest.raises(RequestError, match="this request differs"):
        draw(trained, tmp_path / "auto", guidance_scale=2.5)


def test_the_early_checkpoint_is_another_network_than_the_last(trained):
    run = RunFolder.open(trained)
    _, vae_hash = run.load_vae()
    weights = [run.load_denoiser(weights=kind, vae_hash=vae_hash).network.conv_in.weight for kind in ("early", "ema")]
    assert not torch.equal(*weights)
    with pytest.raises(RequestError, match="early.pt was trained on latents of VAE"):
        run.load_denoiser(weights="early", vae_hash="other")


def test_without_an_early_checkpoint_autoguidance_is_refused(tiny_run, tmp_path, run_script, line_of):
    (tiny_run / "diffusion" / "early.pt").unlink()
    line = line_of(run_script("sample.py", tiny_run, "--guidance", "auto", "--output-dir", tmp_path / "s"), 2)
    assert "diffusion/early.pt is missing" in line and "diffusion_training.snapshot_at" in line
    assert not (tmp_path / "s").exists()


def test_free_and_auto_depart_from_what_each_alone_draws(trained, tmp_path, run_script):
    alone = [draw(trained, tmp_path / kind, guidance=kind, guidance_scale=2.0)[1] for kind in ("free", "auto")]
    rows, both = draw(trained, tmp_path / "both", guidance="free+auto", guidance_scale=2.0, auto_scale=2.0)
    assert rows[0].sampler.startswith("dpm free+auto 2 ")
    assert all(abs(both - other).max() > 8 for other in alone)
    flags = ["--guidance", "free+auto", "--guidance-scale", "2", "--auto-scale", "2", "--samples-per-user", "1"]
    assert run_script("sample.py", trained, *flags, "--output-dir", tmp_path / "both").status == 0   # all are there
    plain = ["--guidance", "free", "--guidance-scale", "1", "--samples-per-user", "1"]
    assert run_script("sample.py", trained, *plain, "--output-dir", tmp_path / "plain").status == 0
    assert read_manifest(tmp_path / "plain")[0].sampler == "dpm"


@pytest.mark.parametrize("flags, words", [
    (["--auto-scale", "2"], "--auto-scale changes nothing in guidance free"),
    (["--guidance", "free+auto", "--auto-scale", "nan"], "sampling.auto_scale is nan"),
    (["--guidance", "free+auto", "--guidance-scale", "1", "--auto-scale", "1"], "--guidance changes nothing"),
    (["--guidance", "free+auto", "--guidance-scale", "1", "--guidance-interval", "0", "0.5"],
     "--guidance-interval changes nothing"),
    (["--guidance-interval", "0.7", "0.1"], "sampling.guidance_interval is [0.7, 0.1]"),
    (["--guidance-interval", "0", "1.5"], "sampling.guidance_interval is [0.0, 1.5]"),
    (["--guidance", "auto", "--guidance-scale", "1"], "--guidance changes nothing"),
    (["--guidance", "classifier", "--guidance-scale", "0"], "--guidance changes nothing"),
    (["--guidance-interval", "0.1", "0.7", "--guidance-scale", "1"], "--guidance-interval changes nothing"),
    (["--guidance-interval", "0", "0.8", "--steps", "1"], "none of the 1 steps lies within"),
    (["--guidance-interval", "0.55", "0.6", "--steps", "2"], "none of the 2 steps lies within the guidance interval")])
def test_what_cannot_be_or_does_nothing_is_refused(trained, tmp_path, run_script, line_of, flags, words):
    assert words in line_of(run_script("sample.py", trained, "--output-dir", tmp_path / "s", *flags), 2)
    assert not (tmp_path / "s").exists()


def test_the_interval_reaches_the_images(trained, tmp_path, run_script):
    """Guided at no visited level, images are plain ones."""
    plain = draw(trained, tmp_path / "plain", guidance_scale=1.0)[1]
    limits = {"middle": (0.2, 0.8), "none": (0.0, 0.01)}           # six trailing steps visit 166 … 999 of 1000
    found = {name: draw(trained, tmp_path / name, guidance_scale=3.0, guidance_interval=limit)[1]
             for name, limit in limits.items()}
    assert np.array_equal(found["none"], plain) and abs(found["middle"] - plain).max() > 8
    assert abs(found["middle"] - draw(trained, tmp_path / "always", guidance_scale=3.0)[1]).max() > 8
