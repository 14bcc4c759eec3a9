import json
import shutil
from dataclasses import replace

import pytest
import torch

from mdgen.runs.checkpoint import RunState
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import load_pipeline
from mdgen.training.stages.warm_start import new_users, warm_start_unet, with_source

ZERO = ["--set", "vae_training.steps=0", "--set", "diffusion_training.steps=4"]


def test_a_new_unet_is_the_old_one_but_for_its_users(trained, tmp_path):
    source = RunFolder.open(trained)
    run = RunFolder(tmp_path, with_source(source.config, trained, tmp_path),
                    replace(source.users, names=[f"P_{k}" for k in range(5)]))
    old, new = source.load_denoiser().network, run.new_unet().eval().to(memory_format=torch.channels_last)
    warm_start_unet(run, new)
    x, t = torch.randn(3, *run.latent_shape), torch.tensor([5, 400, 999])
    nobody = [torch.full((3,), network.num_users) for network in (old, new)]
    assert new.num_users == 5 and torch.equal(old(x, t, nobody[0]), new(x, t, nobody[1]))
    weights = [network.state_dict() for network in (old, new)]
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items()
               if name != "user_embedding.weight")


def test_new_users_scatter_about_the_mean_of_the_known_and_the_null_user_moves_as_it_is():
    table = torch.randn(9, 64, generator=torch.Generator().manual_seed(1)) * 3 + 5
    table[-1] = 100.0
    users = new_users(table, 400, torch.Generator().manual_seed(2))
    assert users.shape == (401, 64) and torch.equal(users[-1], table[-1])
    gap = (users[:-1] - table[:8].mean(dim=0)) / table[:8].std(dim=0, correction=0)
    assert abs(float(gap.mean())) < 0.003 and abs(float(gap.std()) - 0.1) < 0.003


def test_the_vae_is_kept_as_it_is_where_no_step_is_asked_for(train, trained, tmp_path, make_users, contents):
    data = make_users(tmp_path / "data", names=["A", "B", "C", "D", "E"], count=8)
    assert train(*ZERO, "--init-from", trained, data=data).status == 0
    source, run = RunFolder.open(trained), RunFolder.open(tmp_path / "out")
    (theirs, name), (ours, same_name) = source.load_vae(), run.load_vae()
    x = torch.rand(2, 1, 32, 32)
    assert name == same_name and torch.equal(theirs.encode(x)[0], ours.encode(x)[0])
    assert not torch.equal(source.load_latents(name).statistics.mean, run.load_latents(name).statistics.mean)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["init_from"] == {
        "run": str(trained), "weights": load_pipeline(source).weights_hash}
    before = contents(tmp_path / "out")
    assert train(*ZERO, "--init-from", trained, data=data).status == 0    # resumed, not started again
    assert contents(tmp_path / "out") == before


def test_a_short_fine_tuning_is_not_spoilt_by_the_averages_warm_up(train, trained, tmp_path, split):
    """After four gentle steps, the averaged weights are still next to the source's and not the initial ones."""
    gentle = ["--set", "vae_training.steps=4", "--set", "diffusion_training.steps=4"]
    assert train(*gentle, "--init-from", trained).status == 0 and train(*gentle, output=tmp_path / "fresh").status == 0
    source, tuned, fresh = (RunFolder.open(folder) for folder in (trained, tmp_path / "out", tmp_path / "fresh"))
    for load in (lambda run: run.load_vae()[0], lambda run: run.load_denoiser().network):
        weights = [torch.cat([p.flatten() for name, p in load(run).named_parameters() if "user" not in name])
                   for run in (source, tuned, fresh)]
        assert 0 < (weights[1] - weights[0]).norm() < 0.1 * (weights[2] - weights[0]).norm()


def test_resuming_asks_for_the_same_source(train, trained, tmp_path, line_of):
    one = ["--set", "vae_training.steps=1", "--set", "diffusion_training.steps=1"]
    moved = shutil.copytree(trained, tmp_path / "moved")
    assert train("vae", *one, "--init-from", moved).status == 0
    assert "init_from.weights" in line_of(train(*one), 2)
    state = RunState(moved / "diffusion" / "state.pt")
    saved = state.load()
    saved["ema"]["average"]["conv_in.bias"] += 1.0
    state.save(saved)
    assert "now has the weights" in line_of(train(*one, "--init-from", moved), 2)
    assert train(*one, "--init-from", trained).status == 0        # the same weights at another place


@pytest.mark.parametrize("argv, parts", [
    (["--set", "unet.channels=[16,48]"], ["unet.channels is (16, 48)", "(16, 32)", "--set unet.channels=[16, 32]"]),
    (["--resolution", "64"], ["data.height is 64", "trained with 32"]),
    (["--set", "diffusion.prediction=x0"], ["diffusion.prediction is x0", "trained with v"]),
    (["--set", "data.channels=rgb"], ["images are rgb", "trained on intensity", "data.channels=intensity"]),
    (["--set", "init_from.weights=abc"], ["give --init-from RUN"]),
    (["--dry-run", "--set", "vae.width=8"], ["vae.width is 8", "trained with 16"]),
])
def test_what_does_not_fit_names_both_values_and_the_remedy(train, trained, tmp_path, argv, parts, line_of):
    line = line_of(train(*argv, "--init-from", trained), 2)
    assert all(part in line for part in parts), line
    assert not (tmp_path / "out" / "config.json").exists()


def test_a_run_cannot_start_from_itself_nor_without_steps_from_nothing(train, trained, line_of, contents):
    before = contents(trained)
    assert "the run itself" in line_of(train("--init-from", trained, output=trained), 2)
    assert "vae_training.steps is 0" in line_of(train("--set", "vae_training.steps=0"), 2)
    assert "no config.json" in line_of(train("--init-from", trained / "vae"), 2)
    assert contents(trained) == before


def test_a_run_that_has_begun_needs_its_source_no_more(train, trained, tmp_path, make_users, contents):
    data = make_users(tmp_path / "data", names=["A", "B", "C"], count=8)
    source = shutil.copytree(trained, tmp_path / "source")
    assert train(*ZERO, "--init-from", source, data=data).status == 0
    before = contents(tmp_path / "out")
    shutil.rmtree(source)
    assert train(*ZERO, "--init-from", source, data=data).status == 0
    assert contents(tmp_path / "out") == before
