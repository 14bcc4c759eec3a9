import shutil
from dataclasses import replace

import pytest
import torch

from mdgen.config import TrainingConfig, override
from mdgen.config.presets import small
from mdgen.data.latents import encode_latents
from mdgen.diffusion.guidance import Guides
from mdgen.diffusion.objective import NetworkDenoiser, diffusion_loss, make_schedule
from mdgen.errors import RequestError
from mdgen.runs.checkpoint import RunState, fingerprint
from mdgen.runs.draw import read_manifest, sample_users
from mdgen.runs.enrolled import enrolled_names, with_enrolled
from mdgen.runs.folder import RunFolder, Users
from mdgen.runs.pipeline import GenerationPipeline, load_pipeline
from mdgen.training.log import read_log
from mdgen.training.loop import train
from mdgen.training.stages.enrolment import EmbeddingTask, enroll

CPU = torch.device("cpu")
TRAINING = TrainingConfig(steps=80, batch_size=8, learning_rate=0.1, warmup_steps=5, weight_decay=0.0, ema_decay=0.9,
                          precision="off", preview_every=0)
SHORT = replace(TRAINING, steps=2)


def refusal(make):
    with pytest.raises(RequestError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory, make_users):
    """Six images of a walker whose band lies where no user of the tiny run has one."""
    root = make_users(tmp_path_factory.mktemp("newcomer"), names=("a", "b", "c", "New"), count=6)
    return root / "New"


@pytest.fixture(scope="session")
def joined_once(trained, newcomer, tmp_path_factory):
    """A copy of the trained run that New has joined; never written to."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("joined") / "run")
    assert enroll(RunFolder.open(folder), newcomer, None, TRAINING, CPU) == "New"
    return folder


@pytest.fixture
def joined(joined_once, tmp_path):
    return RunFolder.open(shutil.copytree(joined_once, tmp_path / "joined"))


@pytest.fixture(scope="module")
def brightness(tmp_path_factory):
    """What draws the four users of a run without a folder: each has images of one brightness of its own."""
    config = override(small(), ["data.height=16", "data.width=16", "vae.latent_channels=1", "vae.width=8",
                                "unet.channels=[16]", "unet.attention=[false]", "unet.embedding_dim=32",
                                "unet.dropout=0"])
    run = RunFolder(tmp_path_factory.mktemp("brightness"), config, Users(list("abcd"), "", "intensity", "gray"))
    levels, users = torch.tensor([-0.9, -0.3, 0.1, 0.9]), torch.arange(4).repeat(8)
    images = levels[users][:, None, None, None].expand(-1, 1, 16, 16)
    torch.manual_seed(0)
    vae, denoiser = run.new_vae().eval(), NetworkDenoiser(run.new_unet(), make_schedule(config.diffusion), "v")
    vae.fit_patch_basis(images)
    cache = encode_latents(vae, lambda rows: images[rows], users, run.users.names, "")
    optimizer, generator = torch.optim.Adam(denoiser.parameters(), lr=1e-2), torch.Generator().manual_seed(0)
    for _ in range(120):
        loss, _ = diffusion_loss(denoiser.network, denoiser.schedule, config.diffusion, cache.means, users, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return GenerationPipeline(run, vae, denoiser.eval(), cache.statistics, Guides(), "weights", ("", ""))


def test_a_new_embedding_starts_at_the_mean_user_and_ends_nearer_than_any_known_one(brightness, tmp_path):
    images = torch.full((5, 1, 16, 16), 0.55)                    # between c and d; the mean of all is near -0.05
    task = EmbeddingTask(brightness, "New", images, CPU)
    known = brightness.denoiser.network.user_embedding.weight
    assert torch.allclose(task.network.weight[0], known[:4].mean(dim=0))   # and not the null user's
    assert not task.network.weight[1:].any()
    before = fingerprint(brightness.denoiser.network.state_dict()), task.validate(task.network)
    after = task.validate(train(task, TRAINING, tmp_path, seed=0, device=CPU))
    assert after["error"] < 0.8 * after["error_as_nearest_user"] and after["error"] < 0.8 * before[1]["error"]
    assert fingerprint(brightness.denoiser.network.state_dict()) == before[0]
    assert after["error_as_nearest_user"] == before[1]["error_as_nearest_user"]


def test_the_log_ends_with_what_the_command_reports(joined_once):
    found = read_log(joined_once / "enrolled" / "log.jsonl", "New")[-1]
    assert found["validation_error"] < found["validation_error_as_nearest_user"]


def test_nobody_else_changes_by_a_bit(joined_once, trained, contents):
    def drawn(folder, *others):
        run = RunFolder.open(folder)
        pipeline, index, hashes = with_enrolled(load_pipeline(run), ["ID_1", "ID_10", *others])
        return hashes["ID_10"], pipeline.generate(torch.tensor([index["ID_1"], index["ID_10"]]), [4, 5])

    before, after = drawn(trained), drawn(joined_once, "New")
    assert before[0] == after[0] and torch.equal(before[1], after[1])
    kept, found = contents(trained), contents(joined_once)
    assert all(found[name] == data for name, data in kept.items())
    assert all(name.startswith("enrolled") for name in found.keys() - kept.keys())


def test_an_enrolled_person_is_drawn_by_name_and_by_an_embedding_of_their_own(joined, tmp_path):
    rows = sample_users(joined, tmp_path / "s", per_user=2, users=["New", "ID_2"])
    assert [row.user for row in rows] == ["ID_2"] * 2 + ["New"] * 2
    weights = rows[0].run
    assert rows[2].run.startswith(weights + "+") and len(rows[2].run) > len(weights) + 1
    alone = sample_users(joined, tmp_path / "alone", per_user=2, users=["New"])
    assert alone == rows[2:]
    pipeline, index, _ = with_enrolled(load_pipeline(joined), ["New"])
    found = pipeline.denoiser
    x, t = torch.randn(1, *joined.latent_shape), torch.tensor([300])
    outputs = [found(x, t, torch.tensor([user])) for user in (0, 1, 2, 3, index["New"])]
    assert index["New"] == 4 and all(not torch.allclose(outputs[4], other, atol=1e-3) for other in outputs[:4])


def test_the_early_checkpoint_guides_those_it_knows_alone(joined_once):
    def generated(**sampling):
        run = RunFolder.open(joined_once)
        run = replace(run, config=replace(run.config, sampling=replace(run.config.sampling, **sampling)))
        pipeline, index, _ = with_enrolled(load_pipeline(run), ["ID_1", "New"])
        return pipeline.generate(torch.tensor([index["ID_1"], index["New"]]), [4, 5])

    for cfg_scale in (1.0, 2.0):
        cfg, both = generated(cfg_scale=cfg_scale), generated(cfg_scale=cfg_scale, autoguidance_scale=2.0)
        assert torch.allclose(cfg[1], both[1], atol=1e-4) and not torch.allclose(cfg[0], both[0], atol=0.05)


def test_a_classifier_that_does_not_know_the_person_is_refused(joined_once):
    run = RunFolder.open(joined_once)
    sampling = replace(run.config.sampling, classifier_scale=1.0)
    pipeline = load_pipeline(run, guided=False)
    pipeline = replace(pipeline, run=replace(run, config=replace(run.config, sampling=sampling)))
    assert "the noisy classifier knows the 3 users" in refusal(lambda: with_enrolled(pipeline, ["New"]))


def test_without_names_the_runs_own_users_are_drawn(joined, tmp_path):
    rows = sample_users(joined, tmp_path / "s", per_user=1)
    assert [row.user for row in rows] == ["ID_1", "ID_2", "ID_10"] and enrolled_names(joined) == ["New"]
    message = refusal(lambda: sample_users(joined, tmp_path / "s", per_user=1, users=["Nwe"]))
    assert message == "user Nwe is not in this run; it knows ID_1, ID_2, ID_10, New"


def test_the_same_again_does_nothing_and_an_interrupted_one_ends_where_the_other_did(joined, newcomer, contents):
    before = contents(joined.path)
    enroll(joined, newcomer, "New", TRAINING, CPU)
    assert contents(joined.path) == before
    enroll(joined, newcomer, "Half", replace(TRAINING, steps=6, save_every=3), CPU)
    folder = joined.path / "enrolled" / "Half"
    wanted = RunState(folder / "state.pt").load()["ema"]["average"]["weight"]
    shutil.rmtree(folder)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        calls, loss = [], EmbeddingTask.loss
        patch.setattr(EmbeddingTask, "loss", lambda *a: stop(calls) if len(calls) == 4 else calls.append(1) or loss(*a))
        enroll(joined, newcomer, "Half", replace(TRAINING, steps=6, save_every=3), CPU)
    assert "is at step 3 of 6" in refusal(lambda: with_enrolled(load_pipeline(joined), ["Half"]))
    enroll(joined, newcomer, "Half", replace(TRAINING, steps=6, save_every=3), CPU)
    assert torch.equal(RunState(folder / "state.pt").load()["ema"]["average"]["weight"], wanted)


def stop(calls):
    raise KeyboardInterrupt


def test_other_images_settings_or_weights_are_refused(joined, newcomer, make_users, tmp_path, contents):
    other = make_users(tmp_path / "data", names=("New",), count=3) / "New"
    before = contents(joined.path)
    for images, training, what in ((other, TRAINING, "other images"), (newcomer, SHORT, "other settings")):
        message = refusal(lambda: enroll(joined, images, None, training, CPU))
        assert what in message and f"delete {joined.path / 'enrolled' / 'New'}" in message
    assert contents(joined.path) == before
    state = RunState(joined.path / "diffusion" / "state.pt")
    saved = state.load()
    saved["ema"]["average"]["conv_in.bias"] += 1.0
    state.save(saved)
    assert "other weights of the run" in refusal(lambda: enroll(joined, newcomer, None, TRAINING, CPU))
    assert "was enrolled for the weights" in refusal(
        lambda: sample_users(joined, tmp_path / "s", per_user=1, users=["New"]))


def test_images_of_an_earlier_enrolment_are_not_mixed_with_those_of_a_later(joined, newcomer, tmp_path):
    sample_users(joined, tmp_path / "s", per_user=1, users=["New"])
    shutil.rmtree(joined.path / "enrolled" / "New")
    enroll(joined, newcomer, None, SHORT, CPU)
    assert "--overwrite" in refusal(lambda: sample_users(joined, tmp_path / "s", per_user=2, users=["New"]))
    sample_users(joined, tmp_path / "s", per_user=1, users=["New"], overwrite=True)
    assert len(read_manifest(tmp_path / "s")) == 1


def a_whole_data_folder(folder):
    (folder / "ID_2").mkdir()


def one_image(folder):
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize("change, name, parts", [
    (None, "ID_2", ["ID_2 is one of those", "--user NAME"]), (None, "id_2", ["differ only in case"]),
    (None, "a/b", ["no name for a folder"]), (one_image, None, ["has 1 image", "at least 2"]),
    (lambda folder: (folder / "w1.png").write_text("mine"), None, ["1 of 6 images cannot be used", "w1.png"]),
    (shutil.rmtree, None, ["cannot be read"]),
    (a_whole_data_folder, None, ["has folders of ID_2, whom the run knows", "the folder of one person"]),
    (lambda folder: [path.unlink() for path in folder.iterdir()], None, ["holds no images"]),
])
def test_what_cannot_be_enrolled_is_refused_and_leaves_no_trace(trained, newcomer, tmp_path, contents, change, name,
                                                                parts):
    images = shutil.copytree(newcomer, tmp_path / "New")
    if change:
        change(images)
    before = contents(trained)
    message = refusal(lambda: enroll(RunFolder.open(trained), images, name, TRAINING, CPU))
    assert all(part in message for part in parts), message
    assert contents(trained) == before


def test_the_command_line(run_script, tiny_run, newcomer, line_of, tmp_path):
    command = ["enroll", tiny_run, "--images", newcomer, "--user", "N 1", "--set", "enroll_training.steps=2"]
    for _ in range(2):
        outcome = run_script("train.py", *command)
        assert outcome.status == 0 and "enrolled N 1: error" in outcome.out, outcome
    outcome = run_script("sample.py", tiny_run, "--users", "N 1", "--samples-per-user", 1)
    assert outcome.status == 0 and len(read_manifest(tiny_run / "samples_enrolled")) == 1, outcome
    assert not (tiny_run / "samples").exists()


@pytest.mark.parametrize("argv, parts", [
    (["enroll"], ["RUN is missing"]), (["enroll", "RUN"], ["--images DIR is missing"]),
    (["enroll", "RUN", "--images", "x", "--output-dir", "y"], ["makes no use of --output-dir"]),
    (["enroll", "RUN", "--images", "x", "--init-from", "y"], ["makes no use of --init-from"]),
    (["enroll", "RUN", "--images", "x", "--set", "unet.dropout=0"], ["--set unet.dropout=0 changes nothing"]),
    (["vae", "RUN"], ["makes no use of RUN", "--output-dir"]), (["--user", "x"], ["makes no use of --user"]),
])
def test_flags_that_would_do_nothing_are_refused(run_script, trained, line_of, argv, parts):
    line = line_of(run_script("train.py", *(trained if word == "RUN" else word for word in argv)), 2)
    assert all(part in line.replace(str(trained), "RUN") for part in parts), line
