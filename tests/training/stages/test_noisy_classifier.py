"""The classifier stage on the tiny run, and images drawn along its gradient."""

import shutil
from dataclasses import replace

import pytest
import torch

from mdgen.errors import RequestError
from mdgen.runs.draw import sample_users
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import load_guides
from mdgen.training.log import read_log
from mdgen.training.stages.diffusion import DiffusionTask
from mdgen.training.stages.noisy_classifier import train_noisy_classifier


def configured(folder, **sampling):
    run = RunFolder.open(folder)
    training = replace(run.config.classifier_training, steps=60, batch_size=16, precision="off", learning_rate=3e-3,
                       warmup_steps=5)
    return replace(run, config=replace(run.config, classifier_training=training, sampling=replace(
        run.config.sampling, **{"cfg_scale": 1.0, "classifier_scale": 1.5, **sampling})))


@pytest.fixture(scope="module")
def guided(trained, split, tmp_path_factory):
    """A run with a trained classifier; never written to."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("guided") / "run")
    train_noisy_classifier(configured(folder), split, torch.device("cpu"))
    return folder


def test_it_learns_to_recognise_held_out_latents_through_noise(guided):
    last = read_log(guided / "log.jsonl", "classifier")[-1]
    assert last["validation_accuracy"] > 0.6 and last["validation_loss"] < 0.9, last   # chance: 0.33 and 1.1


def test_it_knows_clean_latents_and_nothing_of_noise(guided):
    run = configured(guided)
    vae, vae_hash = run.load_vae()
    guide, cache = load_guides(run, "cpu", vae_hash).classifier, run.load_latents(vae_hash)
    for level, least, most in ((0, 0.95, 1.0), (999, 0.0, 0.5)):
        latents = torch.randn_like(cache.means) if level else cache.means
        logits = guide(latents, torch.full_like(cache.users, level))
        accuracy = float((logits.argmax(dim=1) == cache.users).float().mean())
        assert least <= accuracy <= most, level


def test_its_images_are_another_setting_that_names_its_weights(guided, tmp_path):
    rows = sample_users(configured(guided, classifier_scale=1.0), tmp_path, per_user=1)
    *named, weights, _, levels = rows[0].sampler.split()
    assert named == ["dpm", "classifier", "1"] and len(weights) == len(levels) == 16
    again = sample_users(configured(guided, classifier_scale=1.0), tmp_path, per_user=2)
    assert again[0] == rows[0]
    with pytest.raises(RequestError, match="this request differs"):
        sample_users(RunFolder.open(guided), tmp_path, per_user=1)


def test_without_it_guidance_is_refused_with_the_stage_to_run(trained, tmp_path):
    with pytest.raises(RequestError, match="no trained classifier yet .* run train.py classifier"):
        sample_users(configured(trained), tmp_path / "s", per_user=1)
    assert not (tmp_path / "s").exists()


def test_a_preview_leaves_out_guidance_that_may_not_be_there_yet(trained, split, tmp_path):
    plain = RunFolder.open(trained)
    plain = replace(plain, config=replace(plain.config, sampling=replace(plain.config.sampling, cfg_scale=1.0)))
    for name, run in (("classifier", configured(trained, classifier_scale=0.5)), ("plain", plain)):
        vae, vae_hash = run.load_vae()
        task = DiffusionTask(run, split, vae, run.load_latents(vae_hash), torch.device("cpu"))
        network = run.load_denoiser().network
        task.validate(network)   # draws what is shown
        task.preview(network, tmp_path / f"{name}.png")
    assert (tmp_path / "classifier.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
