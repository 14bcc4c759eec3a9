import json
from dataclasses import replace

import pytest
import torch

from mdgen.config import override
from mdgen.config.presets import small
from mdgen.errors import RequestError, RunError
from mdgen.runs.checkpoint import RunState, fingerprint
from mdgen.runs.folder import RunFolder, Users

USERS = Users(["ID_1", "ID_2"], "/data", "intensity", "jet")
CONFIG = override(small(), ["vae.width=8", "vae.blocks=1", "vae.latent_channels=8", "unet.channels=[8,16]",
                            "unet.blocks=1", "unet.dropout=0.1", "data.gap=4", "vae_training.steps=1500",
                            "vae_training.learning_rate=0.002", "diffusion_training.batch_size=32"])


def refusal(make, kind=RequestError):
    with pytest.raises(kind) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_created_is_what_is_opened(tmp_path):
    users = replace(USERS, names=["Å ö", '"x"', "李四"])
    RunFolder.create_or_resume(tmp_path / "a" / "run", CONFIG, users)
    run = RunFolder.open(tmp_path / "a" / "run")
    assert run.config == CONFIG and run.users == users
    assert not list((tmp_path / "a" / "run").glob("*.part"))


@pytest.mark.parametrize("channels, expected", [("intensity", 1), ("rgb", 3)])
def test_networks_fit_the_runs_images_and_users(tmp_path, channels, expected):
    run = RunFolder(tmp_path, override(CONFIG, ["data.height=32", "data.width=64"]),
                    replace(USERS, channels=channels))
    assert run.image_channels == run.new_vae().in_channels == expected and run.latent_shape == (8, 8, 16)
    assert run.new_unet().num_users == 2


@pytest.mark.parametrize("assignment, key", [
    ("vae.width=16", "vae.width = 8, but this command asks for 16"), ("seed=1", "seed = 0"),
    ("unet.dropout=0.2", "unet.dropout = 0.1"), ("data.gap=3", "data.gap = 4"),
    ("diffusion_training.batch_size=7", "diffusion_training.batch_size = 32"),
    ("vae_training.steps=9", "vae_training.steps = 1500"),
    ("vae_training.learning_rate=0.5", "vae_training.learning_rate = 0.002"),
])
def test_other_settings_are_refused_and_leave_the_run_as_it_was(tmp_path, contents, assignment, key):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    before = contents(tmp_path)
    message = refusal(lambda: RunFolder.create_or_resume(tmp_path, override(CONFIG, [assignment]), USERS))
    assert key in message and "--output-dir" in message and contents(tmp_path) == before


def test_steps_previews_and_what_follows_training_may_change(tmp_path):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    changed = override(CONFIG, ["vae_training.save_every=9", "diffusion_training.save_every=3",
                                "sampling.cfg_scale=3",
                                "evaluation.classifier_steps=5", "diffusion_training.preview_every=2"])
    RunFolder.create_or_resume(tmp_path, changed, USERS)
    assert RunFolder.open(tmp_path).config == changed


def test_settings_of_the_joint_stage_may_change_until_it_has_weights(tmp_path, contents):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    asked = override(CONFIG, ["joint.noise_limit=0.7", "joint_training.steps=7"])
    RunFolder.create_or_resume(tmp_path, asked, USERS)
    (tmp_path / "joint").mkdir()
    (tmp_path / "joint" / "state.pt").touch()
    before = contents(tmp_path)
    message = refusal(lambda: RunFolder.create_or_resume(tmp_path, CONFIG, USERS))
    assert "joint.noise_limit = 0.7" in message and f"delete {tmp_path / 'joint'}" in message
    assert contents(tmp_path) == before
    kept = override(asked, ["joint.in_all=true", "joint_training.save_every=9"])
    assert RunFolder.create_or_resume(tmp_path, kept, USERS).config == kept


@pytest.mark.parametrize("change, parts", [
    ({"names": ["ID_2", "ID_1"]}, ["trained for ID_1, ID_2", "has ID_2, ID_1"]),
    ({"names": [f"ID_{k}" for k in range(1, 32)]}, ["31 users (ID_1 … ID_31)"]),
    ({"channels": "rgb", "colormap": None}, ["trained on intensity images (jet)", "gives rgb"]),
    ({"colormap": "parula"}, ["(jet)", "(parula)"]),
])
def test_other_users_or_colours_are_refused(tmp_path, contents, change, parts):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    before = contents(tmp_path)
    message = refusal(lambda: RunFolder.create_or_resume(tmp_path, CONFIG, replace(USERS, **change)))
    assert all(part in message for part in parts), message
    assert contents(tmp_path) == before


def test_the_data_may_move(tmp_path):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    RunFolder.create_or_resume(tmp_path, CONFIG, replace(USERS, data_dir="/elsewhere"))
    assert RunFolder.open(tmp_path).users.data_dir == "/elsewhere"


def test_a_first_start_that_was_cut_short_starts_again(tmp_path):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    (tmp_path / "config.json").rename(tmp_path / "config.json.part")   # a full disk, before anything was trained
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    assert RunFolder.open(tmp_path).config == CONFIG


def test_other_images_of_the_same_users_are_refused(tmp_path):
    RunFolder.create_or_resume(tmp_path, CONFIG, replace(USERS, training_images=["aa", "bb", "cc"]))
    RunFolder.create_or_resume(tmp_path, CONFIG, replace(USERS, training_images=["aa", "bb", "cc"]))
    for others in (["aa", "bb", "dd"], ["aa", "cc", "bb"], ["aa", "bb"]):
        message = refusal(lambda: RunFolder.create_or_resume(tmp_path, CONFIG, replace(USERS, training_images=others)))
        assert "trained on 3 images" in message and f"among {len(others)}" in message


@pytest.mark.parametrize("name", ["../evil", "..", "", "a/b", "a\\b", "x" * 201])
def test_a_user_who_is_no_folder_is_refused(tmp_path, name):
    RunFolder.create_or_resume(tmp_path, CONFIG, replace(USERS, names=["ID_1", name]))
    assert "users.json is damaged" in refusal(lambda: RunFolder.open(tmp_path))


@pytest.mark.parametrize("name", ["config.json", "users.json"])
@pytest.mark.parametrize("damage",
                         [lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b"\xff\xfe\x00" + b, None])
def test_a_missing_or_half_written_file_is_named_and_stays(tmp_path, contents, name, damage):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    RunState(tmp_path / "vae" / "state.pt").save({"step": 1})   # something to lose
    file = tmp_path / name
    file.unlink() if damage is None else file.write_bytes(damage(file.read_bytes()))
    before = contents(tmp_path)
    for attempt in (lambda: RunFolder.open(tmp_path),
                    lambda: RunFolder.create_or_resume(tmp_path, CONFIG, USERS)):
        message = refusal(attempt)
        assert name in message and str(tmp_path) in message and contents(tmp_path) == before


@pytest.mark.parametrize("text",
                         ["[]", "5", '{"names": ["a"]}', '{"names": "ab", "data_dir": "", "channels": "rgb", '
                                  '"colormap": null}',
                          '{"names": [], "data_dir": "", "channels": "cmyk", "colormap": null}'])
def test_a_user_list_of_another_form_is_refused(tmp_path, text):
    RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    (tmp_path / "users.json").write_text(text)
    assert "users.json is damaged" in refusal(lambda: RunFolder.open(tmp_path))


def test_something_that_is_no_run_is_refused(tmp_path):
    assert "has no config.json" in refusal(lambda: RunFolder.open(tmp_path))
    assert "has no config.json" in refusal(lambda: RunFolder.open(tmp_path / "nothing"))
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "inside"):
        message = refusal(lambda: RunFolder.create_or_resume(path, CONFIG, USERS))
        assert f"{tmp_path / 'file'} is a file" in message
    assert (tmp_path / "file").read_text() == "mine"


def test_an_untrained_stage_names_the_command_that_trains_it(tmp_path):
    run = RunFolder.create_or_resume(tmp_path, CONFIG, USERS)
    assert "no trained vae yet" in refusal(run.load_vae) and "train.py vae" in refusal(run.load_vae)
    assert "train.py diffusion" in refusal(run.load_denoiser)


def test_the_trained_parts_load_as_they_were_saved(trained):
    run = RunFolder.open(trained)
    vae, vae_hash = run.load_vae()
    state = torch.load(trained / "vae" / "state.pt", weights_only=True)
    assert vae_hash == fingerprint(state["ema"]["average"]) and not vae.training
    raw, averaged = (run.load_denoiser(weights=weights).network.state_dict()
                     for weights in ("raw", "ema"))
    state = torch.load(trained / "diffusion" / "state.pt", weights_only=True)
    assert all(torch.equal(raw[key], value) for key, value in state["network"].items())
    assert all(torch.equal(averaged[key], value) for key, value in state["ema"]["average"].items())
    assert any(not torch.equal(raw[key], averaged[key]) for key in raw)
    assert run.load_latents(vae_hash).users.tolist() == sorted(run.load_latents(vae_hash).users.tolist())
    assert "made by VAE" in refusal(lambda: run.load_latents("0" * 16))
    other = replace(run, users=replace(run.users, names=["ID_1", "ID_2", "ID_3"]))
    assert "belong to users ID_1, ID_2, ID_10" in refusal(lambda: other.load_latents(vae_hash))


@pytest.mark.parametrize("part, load", [
    ("vae/state.pt", lambda run: run.load_vae()), ("diffusion/state.pt", lambda run: run.load_denoiser()),
    ("latents/latents.pt", lambda run: run.load_latents("x")),
])
def test_a_half_written_state_is_named_and_stays(tiny_run, part, load):
    file = tiny_run / part
    half = file.read_bytes()[:file.stat().st_size // 2]
    file.write_bytes(half)
    message = refusal(lambda: load(RunFolder.open(tiny_run)), RunError)
    assert str(file) in message and "not a complete saved state" in message and file.read_bytes() == half


@pytest.mark.parametrize("part, load", [
    ("diffusion/state.pt", lambda run: run.load_denoiser()),
    ("latents/latents.pt", lambda run: run.load_latents("x")),
])
def test_the_state_of_another_stage_is_refused(tiny_run, part, load):
    (tiny_run / part).write_bytes((tiny_run / "vae" / "state.pt").read_bytes())
    message = refusal(lambda: load(RunFolder.open(tiny_run)), RunError)
    assert part in message and "another network or stage" in message


def test_users_are_written_as_plain_json(trained, tiny_data):
    users = json.loads((trained / "users.json").read_text(encoding="utf-8"))
    digests = users.pop("training_images")
    assert users == {"names": ["ID_1", "ID_2", "ID_10"], "data_dir": str(tiny_data.resolve()),
                     "channels": "intensity", "colormap": "jet",
                     "files": {"kind": "PNG", "height": 32, "width": 32, "mode": "RGB", "tables": [],
                               "subsampling": 0, "depth": 16,
                               "lossless": True}}
    assert len(digests) == len(set(digests)) == 18   # 6 of 12 per user: 4 fall into the gap, 2 are held out
