"""A sound run passes; of a run with one planted fault exactly the lines fail that the fault concerns."""

import itertools
import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from mdgen.config import DiffusionConfig
from mdgen.diffusion.objective import make_schedule
from mdgen.errors import RequestError
from mdgen.runs.checkpoint import RunState, fingerprint
from mdgen.runs.draw import sample_users
from mdgen.runs.folder import RunFolder
from mdgen.validation.checks.functional import Parts, objective
from mdgen.validation.checks.run import CHECKS, check_run, check_summary

VAE, LATENTS, UNET = "vae/state.pt", "latents/latents.pt", "diffusion/state.pt"
NEED_VAE = {"latents made by", "unet trained on", "generation", "encoding", "reconstruction"}
NEED_UNET = {"unet trained on", "objective", "generation"}
NEED_LATENTS = {"objective", "generation", "encoding"}


def edit(path, change):
    """Pass a saved state through change(state)."""
    file = RunState(path)
    state = file.load()
    change(state)
    file.save(state)


def edit_json(path, change):
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def cut(path):
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def spoil(state, part="ema"):
    weights = state["ema"]["average"] if part == "ema" else state
    next(value for value in weights.values() if torch.is_tensor(value) and value.ndim == 4)[0, 0, 0, 0] = float("nan")


def failures(run):
    """{name: detail} of what fails, and the names of what was left out; each failure is one line with a remedy."""
    findings = check_run(run)
    failed = {f.name: f.detail for f in findings if not f.ok}
    lines = check_summary(findings).splitlines()
    left_out = set(CHECKS) - {f.name for f in findings}
    assert len(lines) == len(findings) + bool(left_out)
    assert [line[:4] for line in lines[:len(findings)]] == ["ok  " if f.ok else "FAIL" for f in findings]
    assert all("Traceback" not in line and "\n" not in line for line in failed.values())
    return failed, left_out


def test_a_sound_run_passes_every_check(tiny_run, contents):
    before = contents(tiny_run)
    findings = check_run(tiny_run)
    assert [f.name for f in findings] == list(CHECKS) and all(f.ok for f in findings), check_summary(findings)
    assert {f.name: f.detail for f in findings}["samples"] == "none generated yet"
    assert contents(tiny_run) == before


def other_vae(state):
    state["vae_hash"] = "0" * 16


def other_latents(state):
    state["bound_to"] = "0" * 16


def other_scale(state):
    state |= {"means": 0.5 * state["means"], "deviations": 0.5 * state["deviations"]}


def other_statistics(state):
    state["deviation"] = 1.3 * state["deviation"]


def smaller(state):
    state |= {"means": state["means"][..., ::2, ::2], "deviations": state["deviations"][..., ::2, ::2]}


def without_a_name(state):
    state["user_names"] = state["user_names"][:2]


def without_a_user(state):
    state["users"].clamp_(max=1)


def more_classes(state):
    weights = state["ema"]["average"]
    weights["user_embedding.weight"] = torch.cat([weights["user_embedding.weight"]] * 2)


def narrower(state):
    weights = state["ema"]["average"]
    weights["conv_out.weight"] = weights["conv_out.weight"][:2]


@pytest.mark.parametrize("file, change, failed, left_out, says", [
    (LATENTS, other_vae, "latents made by", {"encoding"}, "delete the run's latents/ and diffusion/"),
    (LATENTS, other_scale, "latents", NEED_LATENTS, "deviations from 0.50 to 0.50"),
    (LATENTS, other_statistics, "encoding", set(), "Delete latents/"),
    (LATENTS, smaller, "latents", NEED_LATENTS, "(18, 4, 4, 4); the run's VAE makes (18, 4, 8, 8)"),
    (LATENTS, lambda state: spoil(state, "latents"), "latents", NEED_LATENTS, "means in "),
    (LATENTS, without_a_name, "latents of users", set(), "belong to users ID_1, ID_2, but this run has"),
    (LATENTS, without_a_user, "latents of users", {"encoding"}, "18 latents, of the users numbered [0, 1]"),
    (LATENTS, lambda state: state.pop("means"), "latents", NEED_LATENTS | {"latents made by", "latents of users"},
     "restore a copy"),
    (LATENTS, lambda state: state.update(means="gone"), "latents",
     NEED_LATENTS, "or train into a new folder"),
    (VAE, spoil, "vae", NEED_VAE, "is not finite; restore a copy"),
    (VAE, lambda state: state.update(step=3), "vae", NEED_VAE, "is at step 3 of 60; run train.py vae"),
    (UNET, spoil, "unet", NEED_UNET - {"unet trained on"}, "is not finite; restore a copy"),
    (UNET, other_latents, "unet trained on", set(), "restore that VAE, or delete diffusion/"),
    (UNET, more_classes, "unet", NEED_UNET, "has 8 classes; expected 4, for the 3 users"),
    (UNET, narrower, "unet", NEED_UNET - {"unet trained on"}, "restore a copy"),
])
def test_a_planted_fault_fails_its_own_line(tiny_run, file, change, failed, left_out, says):
    edit(tiny_run / file, change)
    found, missing = failures(tiny_run)
    assert list(found) == [failed] and missing == left_out, found
    assert says in found[failed]


@pytest.mark.parametrize("file, failed, left_out", [
    (VAE, "vae", NEED_VAE), (UNET, "unet", NEED_UNET),
    (LATENTS, "latents", NEED_LATENTS | {"latents made by", "latents of users"}),
    ("config.json", "run folder", set(CHECKS) - {"run folder"}),
    ("users.json", "run folder", set(CHECKS) - {"run folder"}),
])
@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink()])
def test_a_cut_or_missing_file_fails_one_line_that_names_it(tiny_run, file, failed, left_out, damage):
    damage(tiny_run / file)
    found, missing = failures(tiny_run)
    assert list(found) == [failed] and missing == left_out, found
    assert file in found[failed]


@pytest.mark.parametrize("change, failed, says", [
    (lambda c: c["diffusion"].update(prediction="x0"), {"objective"}, "Restore the config.json"),
    (lambda c: c["sampling"].update(steps=2, spacing="leading"), {"noise schedule"}, "at timestep 500"),
    (lambda c: c["data"].update(channels="rgb"), {"run folder"}, "data.channels = rgb, but users.json says intensity"),
    (lambda c: c["vae"].update(width=24), {"vae"}, "another network"),
    (lambda c: c["unet"].update(channels=[16, 48]), {"unet"}, "another network"),
])
def test_an_edited_configuration_is_found(tiny_run, change, failed, says):
    edit_json(tiny_run / "config.json", change)
    found, _ = failures(tiny_run)
    assert set(found) == failed and says in found.popitem()[1]


ALIKE = {("linear", "x0"), ("scaled_linear", "x0")}   # x0 shows t least: these two differ by less than the margin
READINGS = list(itertools.product(("cosine", "linear", "scaled_linear"), ("v", "eps", "x0")))


@pytest.mark.parametrize("trained", READINGS)
def test_only_the_reading_that_a_network_was_trained_with_passes(trained):
    """The optimal denoiser of a Gaussian with variances s, which knows alpha-bar from t alone, stands for the UNet."""
    s = torch.logspace(-2, 0.7, 64).reshape(1, 8, 8)
    latents = SimpleNamespace(means=s.sqrt() * torch.randn((80, 1, 8, 8), generator=torch.Generator().manual_seed(0)),
                              users=torch.zeros(80, dtype=torch.int64))

    def config(schedule, prediction):
        return DiffusionConfig(schedule=schedule, prediction=prediction, zero_terminal_snr=False)

    def network(x_t, t, user):
        levels = make_schedule(config(*trained))
        a = levels.alpha_bar(t, x_t)
        x0 = a.sqrt() * s / (a * s + 1 - a) * x_t
        return {"x0": x0, "eps": (noise := (x_t - a.sqrt() * x0) / (1 - a).sqrt()),
                "v": levels.velocity(x0, noise, t)}[trained[1]]

    def passes(reading):
        run = SimpleNamespace(config=SimpleNamespace(diffusion=config(*reading)))
        try:
            return objective(Parts(run=run, device="cpu", latents=latents, denoiser=SimpleNamespace(network=network)))
        except RequestError as problem:
            assert f"as {trained[1]} on {trained[0]}" in str(problem)

    assert passes(trained)
    assert {reading for reading in READINGS if passes(reading)} <= {trained} | (ALIKE if trained in ALIKE else set())


def test_a_user_struck_from_the_list_is_missed_everywhere(tiny_run):
    edit_json(tiny_run / "users.json", lambda users: users.update(names=users["names"][:2]))
    found, _ = failures(tiny_run)
    assert set(found) == {"latents of users", "unet", "training images"}


def test_a_decoder_that_draws_one_colour_is_found(tiny_run):
    """Everything is bound to the emptied VAE, so that only what it makes can tell."""
    def empty(state):
        for name, value in state["ema"]["average"].items():
            if name.startswith(("synthesis", "decoder", "warp.synthesis")):   # the way back of the rows, too
                value.zero_()

    edit(tiny_run / VAE, empty)
    vae_hash = fingerprint(RunState(tiny_run / VAE).load()["ema"]["average"])
    edit(tiny_run / LATENTS, lambda state: state.update(vae_hash=vae_hash))
    edit(tiny_run / UNET, lambda state: state.update(bound_to=vae_hash))
    found, missing = failures(tiny_run)
    assert set(found) == {"generation", "reconstruction"} and not missing
    assert "least deviation 0.000" in found["generation"] and "one colour" in found["reconstruction"]


def use_data(run, tiny_data, folder):
    shutil.copytree(tiny_data, folder)
    edit_json(run / "users.json", lambda users: users.update(data_dir=str(folder)))
    return folder


def test_images_that_were_exchanged_are_found_and_absent_ones_are_no_fault(tiny_run, tiny_data, tmp_path):
    data = use_data(tiny_run, tiny_data, tmp_path / "data")
    shutil.copy(data / "ID_2" / "w0.png", data / "ID_1" / "w0.png")
    found, missing = failures(tiny_run)
    assert list(found) == ["training images"] and missing == {"encoding", "reconstruction"}
    assert "was trained on 18 images" in found["training images"]
    shutil.rmtree(data)
    assert failures(tiny_run) == ({}, {"encoding", "reconstruction"})
    assert "not there any more" in {f.name: f.detail for f in check_run(tiny_run)}["training images"]


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_samples_of_this_run_pass_and_those_of_another_do_not(tiny_run, weights):
    run = RunFolder.open(tiny_run)
    rows = sample_users(run, run.samples, per_user=1, weights=weights)
    assert failures(tiny_run) == ({}, set())
    (run.samples / rows[1].file).unlink()
    assert "1 are missing, such as ID_2/" in failures(tiny_run)[0]["samples"]
    edit(tiny_run / UNET, lambda state: [weights["conv_out.bias"].add_(0.001) for weights in
                                         (state["ema"]["average"], state["network"])])
    found, _ = failures(tiny_run)
    assert list(found) == ["samples"] and f"images of run {rows[0].run}" in found["samples"]


def test_a_cut_manifest_fails_its_line(tiny_run):
    run = RunFolder.open(tiny_run)
    run.samples.mkdir()
    (run.samples / "manifest.csv").write_text("file,user,se\nID_1/a.png,ID_1")
    found, _ = failures(tiny_run)
    assert list(found) == ["samples"] and "is damaged" in found["samples"]


def test_something_that_is_no_folder_is_a_wrong_request(tmp_path):
    with pytest.raises(RequestError, match="is not a folder"):
        check_run(tmp_path / "nothing")
