import shutil
from dataclasses import replace

import pytest
import torch

from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import load_pipeline
from mdgen.training.stages.joint import JointTask, joint_image_loss, train_joint

CPU = torch.device("cpu")


def short(run, steps=3):
    """The run with a joint stage of a few steps, with an adversary from the first one on."""
    config = run.config
    training = replace(config.joint_training, steps=steps, batch_size=6, warmup_steps=0, precision="off")
    joint = replace(config.joint, adversary_weight=0.5)
    return replace(run, config=replace(config, joint_training=training, joint=joint))


@pytest.fixture
def joined(tiny_run, split, contents):
    run = short(RunFolder.open(tiny_run))
    before = contents(run.path)
    train_joint(run, split, CPU)
    return run, before


def test_it_writes_new_weights_and_leaves_every_other_file_alone(joined, contents):
    run, before = joined
    after = contents(run.path)
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {"joint/state.pt", "log.jsonl", "previews/joint_000003.png"}
    assert after["log.jsonl"].startswith(before["log.jsonl"])


def test_encoder_and_latents_stay_and_decoder_and_unet_change(joined):
    run, _ = joined
    before, tuned = load_pipeline(run, stage="diffusion"), load_pipeline(run)
    for name, value in before.vae.state_dict().items():
        frozen = name.startswith(("encoder", "analysis", "warp"))
        assert torch.equal(value, tuned.vae.state_dict()[name]) == frozen, name
    assert torch.equal(before.statistics.deviation, tuned.statistics.deviation)
    assert before.weights_hash != tuned.weights_hash
    pairs = zip(before.denoiser.network.parameters(), tuned.denoiser.network.parameters())
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_other_settings_are_not_taken_for_those_that_it_was_trained_with(joined, split):
    run, _ = joined
    other = replace(run, config=replace(run.config, joint=replace(run.config.joint, texture_weight=5.0)))
    for use in (lambda: load_pipeline(other), lambda: train_joint(other, split, CPU)):
        with pytest.raises(RequestError, match="with other settings"):
            use()
    kept = replace(run, config=replace(run.config, joint=replace(run.config.joint, in_all=True)))
    assert load_pipeline(kept).weights_hash == load_pipeline(run).weights_hash


def test_it_does_not_start_from_a_training_that_was_stopped(tiny_run, split):
    run = short(RunFolder.open(tiny_run))
    more = replace(run.config.diffusion_training, steps=run.config.diffusion_training.steps + 1)
    with pytest.raises(RequestError, match="run train.py diffusion .* to its end"):
        train_joint(replace(run, config=replace(run.config, diffusion_training=more)), split, CPU)


def test_deleting_its_folder_undoes_it(joined, tiny_run):
    run, _ = joined
    before = load_pipeline(run, stage="diffusion").weights_hash
    shutil.rmtree(run.path / "joint")
    assert load_pipeline(run).weights_hash == before


def test_weights_tuned_from_another_diffusion_stage_are_refused(joined):
    run, _ = joined
    path = run.path / "diffusion" / "state.pt"
    state = torch.load(path, weights_only=True)
    state["ema"]["average"]["conv_out.bias"] += 1.0
    torch.save(state, path)
    with pytest.raises(RequestError, match="joint"):
        load_pipeline(run)


def test_the_decoder_learns_what_cleaned_latents_look_like(tiny_run, split):
    """Pixels alone: decoding the UNet's cleaned latents comes nearer to the images than it did before."""
    run = short(RunFolder.open(tiny_run), steps=40)
    joint = replace(run.config.joint, adversary_weight=0.0)
    training = replace(run.config.joint_training, learning_rate=1e-3)
    run = replace(run, config=replace(run.config, joint=joint, joint_training=training))

    @torch.no_grad()
    def error(pipeline):
        vae, denoiser = pipeline.vae, pipeline.denoiser
        cache = run.load_latents(run.load_vae()[1])
        task = JointTask(run, split, vae, cache, CPU, denoiser.network, joint_image_loss(run, CPU))
        rows, generator = torch.arange(len(split.train)), torch.Generator().manual_seed(0)
        cleaned = task.clean(cache.means, cache.users, generator)
        return float((vae.decode(cache.statistics.restore(cleaned)) - split.train_images(rows)).square().mean())

    before = error(load_pipeline(run))
    train_joint(run, split, CPU)
    assert error(load_pipeline(run)) < 0.9 * before
