from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import DataConfig
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder
from mdgen.training.gradient_checkpointing import checkpointed
from mdgen.training.loop import TrainingState
from mdgen.training.stages.diffusion import DiffusionTask, cache_latents

CPU = torch.device("cpu")


def make_task(run, split):
    vae, vae_hash = run.load_vae()
    return DiffusionTask(run, split, vae, cache_latents(run, split, vae, vae_hash), CPU)


def test_the_cache_holds_the_training_part_and_nothing_else(run, split):
    task = make_task(run, split)
    assert torch.equal(task.cache.users, split.train_users) and task.num_samples == len(split.train)
    mean, _ = task.vae.encode(split.train_images(torch.tensor([4])))
    assert torch.allclose(task.statistics.restore(task.cache.means[4:5]), mean, atol=1e-4)


def test_the_cache_is_written_once_and_read_after_that(tiny_run, split):
    run = RunFolder.open(tiny_run)
    before = run.latents_file.path.stat().st_mtime_ns
    first = make_task(run, split).cache
    assert run.latents_file.path.stat().st_mtime_ns == before
    run.latents_file.path.unlink()
    again = make_task(run, split).cache
    assert torch.allclose(first.means, again.means, atol=1e-4) and run.latents_file.exists()


def test_a_data_folder_that_has_changed_is_refused(tiny_run, tmp_path, make_users):
    data = make_users(tmp_path / "more", count=14)
    more = Split.of(UserFolders(data, height=32, width=32, channels="auto"), DataConfig(height=32, width=32))
    before = (tiny_run / "latents" / "latents.pt").read_bytes()
    with pytest.raises(RequestError, match="the latents belong to"):
        make_task(RunFolder.open(tiny_run), more)
    assert (tiny_run / "latents" / "latents.pt").read_bytes() == before


def test_training_has_learnt_to_denoise_and_whose_walk_it_is(run, split):
    task = make_task(run, split)
    start = task.validate(task.network.eval())["error"]
    network = run.load_denoiser().network
    learnt = task.validate(network)["error"]
    swapped = replace_users(split, shift=1)
    task.split = swapped
    assert learnt < 0.8 * start and learnt < task.validate(network)["error"]


def replace_users(split, shift):
    """The same images under other users' names."""
    labels = (split.folders.labels + shift) % len(split.folders.users)
    folders = type("", (), {"labels": labels, "floats": split.folders.floats, "users": split.folders.users})
    return replace(split, folders=folders)


def test_validation_is_repeatable_and_loss_follows_the_generator(run, split):
    task = make_task(run, split)
    network = run.load_denoiser().network
    assert task.validate(network) == task.validate(network)
    task.network = network
    draws = [task.loss(torch.tensor([0, 9]), torch.Generator().manual_seed(k))[0].item() for k in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_the_network_is_asked_about_each_latent_with_its_own_user(run, split):
    """At noise level 0 the network's input is the drawn latent itself, so it can be told apart."""
    task, asked = make_task(run, split), []
    task.config = replace(task.config, label_dropout=0.0)

    class Listener(torch.nn.Module):
        num_users = 3

        def forward(self, x, t, user):
            asked.append((x, t, user))
            return torch.zeros_like(x)

    task.network, indices = Listener(), torch.tensor([14, 2, 7, 0, 16, 8])
    for seed in range(40):
        task.loss(indices, torch.Generator().manual_seed(seed))
    for x, t, user in asked:
        assert torch.equal(user, split.train_users[indices])
    clean = [(x[b], indices[b]) for x, t, _ in asked for b in range(6) if t[b] < 100]
    assert len(clean) >= 10
    for x, index in clean:
        distances = (task.cache.means - x).flatten(1).norm(dim=1)
        assert distances.argmin() == index


def test_first_weights_follow_the_seed_not_what_ran_before(run, split):
    def weights(seed, noise):
        torch.manual_seed(noise)
        task = make_task(replace(run, config=replace(run.config, seed=seed)), split)
        return task.network.conv_in.weight

    assert torch.equal(weights(0, 1), weights(0, 2)) and not torch.equal(weights(0, 1), weights(1, 1))


def test_gradient_checkpointing_is_switched_on_by_its_setting(run, split, tmp_path):
    def run_block(training):
        task = make_task(run, split)
        TrainingState(task, training, CPU, tmp_path / "state.pt")
        return task.network.run_block

    training = run.config.diffusion_training
    assert run_block(replace(training, gradient_checkpointing=True)) is checkpointed
    assert run_block(training) is not checkpointed


def test_the_preview_shows_a_real_image_above_three_drawn_ones_per_user(run, split, tmp_path):
    task = make_task(run, split)
    network = run.load_denoiser().network
    task.validate(network)
    task.preview(network, tmp_path / "p.png")
    sheet = np.asarray(Image.open(tmp_path / "p.png"))
    assert sheet.shape == (4 * 66 + 2, 3 * 66 + 2, 3)
    cells = [sheet[2 + 66 * row:66 * row + 66, 2:66].astype(int) for row in range(4)]
    assert all(abs(a - b).max() > 8 for k, a in enumerate(cells) for b in cells[:k])


# --- watching for over-training ---

def test_the_training_error_is_the_held_out_error_where_both_are_of_the_same_images(run, split):
    task = make_task(run, split)
    network = run.load_denoiser().network
    rows = task.matched_training_rows()
    assert torch.equal(task.cache.users[rows], split.validation_users)
    found = task.validate(network)
    assert "copy_rate" not in found                                     # two held-out images a user say nothing
    task.split = replace(split, validation=split.train[rows])
    same = task.validate(network)
    assert same["error_on_training"] == found["error_on_training"] == pytest.approx(same["error"], rel=1e-3)
    assert found["error"] != pytest.approx(same["error"], rel=1e-3)
