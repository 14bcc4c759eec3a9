"""Planted autoencoders through the whole check: lossless, blurred, mute, with a dead channel; and a trained one."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import Config, DataConfig, EvaluationConfig, VAEConfig
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError
from mdgen.losses.perceptual import LPIPS, WEIGHTS_VARIABLE
from mdgen.runs.checkpoint import RunState
from mdgen.runs.folder import RunFolder, Users
from mdgen.training.log import read_log
from mdgen.validation.evaluate_vae import evaluate_vae, vae_summary

ROWS = {"ID_1": 8, "ID_2": 20, "ID_10": 32}   # where each user's stripe lies
JUDGE = EvaluationConfig(classifier_steps=60)


@pytest.fixture(autouse=True)
def no_weights_of_this_machine(tmp_path, monkeypatch):
    previous = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    yield
    torch.hub.set_dir(previous)


def new_run(folder, data, latent_channels):
    config = Config(data=DataConfig(height=48, width=48, validation_fraction=0.3), evaluation=JUDGE,
                    vae=VAEConfig(latent_channels=latent_channels, width=8, blocks=1))
    return RunFolder.create_or_resume(folder, config, Users(list(ROWS), str(data), "intensity", "gray"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("autoencoders"), np.random.default_rng(0)
    for name, row in ROWS.items():
        (folder / "real" / name).mkdir(parents=True)
        for index in range(36):
            image = rng.integers(0, 100, (48, 48), dtype=np.uint8)
            image[row:row + 4] += rng.integers(80, 140, dtype=np.uint8)
            Image.fromarray(image).save(folder / "real" / name / f"{index}.png")
    return new_run(folder / "run", folder / "real", latent_channels=12)


def split_of(run):
    data = run.config.data
    folders = UserFolders(run.users.data_dir, height=data.height, width=data.width, channels=run.users.channels,
                          colormap=run.users.colormap)
    return Split.of(folders, data)


def plant(run, change=lambda vae: None):
    """The run's VAE becomes the closed-form one, changed as asked."""
    vae, split = run.new_vae(), split_of(run)
    vae.fit_patch_basis(split.train_images(torch.arange(len(split.train))))
    with torch.no_grad():
        change(vae)
    RunState(run.path / "vae" / "state.pt").save({"ema": {"average": dict(vae.state_dict())},
                                                  "step": run.config.vae_training.steps})
    return vae


def evaluate(run, report="report", real=None, **options):
    return evaluate_vae(run, real or run.users.data_dir, run.path.parent / report, device=torch.device("cpu"),
                        command="evaluate.py vae runs/x", **options)


def failed(results):
    return [check["name"] for check in results["verdict"] if not check["passed"]]


def test_an_untrained_one_is_its_own_baseline_and_no_better(run):
    plant(run)
    found = evaluate(run)
    assert found["vae"] == found["pca"] and failed(found) == ["psnr_over_pca_db", "fine_power"]
    assert found["verdict"][0]["value"] == 0
    assert found["originals"]["recognition"]["accuracy"] > 0.9


def test_the_baseline_is_principal_components_by_another_route(run):
    plant(run)
    split = split_of(run)

    def patches(indices):
        images = split.folders.images[indices].double().numpy()[:, 0] / 255
        return images.reshape(len(images), 12, 4, 12, 4).swapaxes(2, 3).reshape(-1, 16)

    training, held_out = patches(split.train), patches(split.validation)
    basis = np.linalg.svd(training - training.mean(axis=0), full_matrices=False)[2][:12]
    shown = (held_out - training.mean(axis=0)) @ basis.T @ basis + training.mean(axis=0)
    expected = -10 * np.log10(((shown.clip(0, 1) - held_out) ** 2).mean())
    found = evaluate(run)
    assert found["pca"]["psnr_of_mean_error_db"] == pytest.approx(expected, abs=0.01)
    assert found["latents"]["numbers"] == 12 * 12 * 12 and found["latents"]["image_numbers"] == 48 * 48


def test_a_lossless_one_passes_without_nan_or_infinity_in_the_report(run):
    lossless = new_run(run.path.parent / "lossless", run.users.data_dir, latent_channels=16)
    shutil.copytree(run.path / "report", lossless.path / "report", dirs_exist_ok=True)
    plant(lossless)
    found = evaluate(lossless, report="lossless_report")
    vae = found["vae"]
    assert vae["identical"] == found["images"]["held_out"] and vae["psnr_db"]["overall"] is None
    assert vae["ssim"]["overall"] == pytest.approx(1) and vae["envelope_rows"]["overall"] == 0
    assert vae["fine_power"]["overall"] == pytest.approx(1)
    assert vae["perceptual_user_classifier"]["overall"] == 0
    assert vae["recognition"].items() <= found["originals"]["recognition"].items() and failed(found) == []
    text = (run.path.parent / "lossless_report" / "vae.json").read_text(encoding="utf-8")
    assert json.loads(text) == found and not re.search("NaN|Infinity", text)
    assert "passed: psnr_over_pca_db" in vae_summary(found)


def test_blur_is_found_in_the_fine_power_and_beside_the_baseline(run):
    plant(run, lambda vae: vae.synthesis.weight[:, 1:].zero_())     # only the patches' first component is drawn
    found = evaluate(run)
    assert {"psnr_over_pca_db", "fine_power"} <= set(failed(found))
    assert found["vae"]["fine_power"]["overall"] < 0.3 < 0.5 < found["pca"]["fine_power"]["overall"]
    for key, worse in [("psnr_db", np.less), ("ssim", np.less), ("perceptual_user_classifier", np.greater)]:
        assert worse(found["vae"][key]["overall"], found["pca"][key]["overall"])
    assert found["vae"]["recognition"]["accuracy"] > 0.6            # the stripes are still where they were


def test_an_identity_that_is_lost_is_found_by_the_judge_and_the_outline(run):
    plant(run, lambda vae: vae.synthesis.weight.zero_())            # every image becomes the mean patch
    found = evaluate(run)
    assert "judge_accuracy_drop" in failed(found)
    assert found["vae"]["recognition"]["accuracy"] == pytest.approx(1 / 3, abs=0.05)
    vae, pca = found["vae"], found["pca"]
    assert vae["envelope_rows"]["overall"] is None or vae["envelope_rows"]["overall"] > pca["envelope_rows"]["overall"]
    assert vae["envelope_missed"]["overall"] > pca["envelope_missed"]["overall"]


def test_a_judge_that_guesses_says_nothing_of_what_is_lost(run):
    plant(run)
    guessing = replace(run, config=replace(run.config, evaluation=EvaluationConfig(classifier_steps=1)))
    found = evaluate(guessing, report="guessing")
    row = {check["name"]: check for check in found["verdict"]}["judge_accuracy_drop"]
    assert row["passed"] is None and "guessing gives 0.33" in row["reason"]
    assert "not measured: judge_accuracy_drop" in vae_summary(found) and "judge_accuracy_drop" in failed(found)


def test_a_dead_channel_is_named(run):
    plant(run, lambda vae: vae.analysis.weight[3].zero_())
    found = evaluate(run)
    assert found["latents"]["dead"] == [3] and found["latents"]["dead_share"] == pytest.approx(1 / 12)
    assert "dead_channels" in failed(found) and "1 dead channels" in vae_summary(found)


def test_lpips_is_named_only_where_its_weights_are(run, tmp_path):
    plant(run)
    network = LPIPS("alexnet")
    torch.save({f"features.{name}": value for name, value in network.features.state_dict().items()},
               tmp_path / "alexnet_features.pth")
    torch.save({f"lin{i}.model.1.weight": head.weight.abs() for i, head in enumerate(network.heads)},
               tmp_path / "lpips_alexnet.pth")
    found = evaluate(run, lpips_weights=tmp_path)
    assert found["perceptual"] == "lpips_alexnet" and found["vae"]["lpips_alexnet"]["overall"] > 0
    assert "perceptual_user_classifier" not in found["vae"]
    without = evaluate(run)
    assert without["perceptual"] == "perceptual_user_classifier"
    assert "lpips" not in json.dumps(without) + vae_summary(without)
    assert found["hashes"]["perceptual"] != without["hashes"]["perceptual"] == without["hashes"]["judge"]
    with pytest.raises(RequestError, match="--lpips-weights"):
        evaluate(run, lpips_weights=tmp_path / "nowhere")


def test_a_trained_run_is_only_read_and_its_report_says_what_training_logged(tiny_run, contents):
    run = RunFolder.open(tiny_run)
    run = replace(run, config=replace(run.config, evaluation=JUDGE))
    before = contents(tiny_run)
    found = evaluate(run, report="run/report")
    after = contents(tiny_run)
    assert json.loads(after["report/vae.json"]) == found
    with Image.open(tiny_run / "report" / "vae.png") as picture:
        width, height = picture.size
    assert (width, height) == (3 * (32 * 4 + 2) + 2,) * 2           # three users by three rows, 32 px magnified by 4
    assert all(after[name] == content for name, content in before.items())
    assert all(name.startswith(("report/", "cache/")) for name in after.keys() - before.keys())
    logged = [e["validation_psnr_db"] for e in read_log(tiny_run / "log.jsonl", "vae") if "validation_psnr_db" in e]
    assert found["vae"]["psnr_of_mean_error_db"] == pytest.approx(logged[-1], abs=0.05)
    assert found["verdict"][0]["value"] > 0 and found["images"]["small_n"]
    assert found["latents"]["deviation"] == pytest.approx([1] * 4, abs=0.4)
    assert len(found["vae"]["psnr_db"]["per_user"]) == 3 and found["hashes"]["vae"] == run.load_vae()[1]


def test_what_does_not_fit_is_refused_in_one_line(run, tmp_path):
    plant(run)

    def refused(pattern, run, **options):
        with pytest.raises(RequestError) as caught:
            evaluate(run, **options)
        assert re.search(pattern, str(caught.value)) and "\n" not in str(caught.value)

    shutil.copytree(run.users.data_dir, tmp_path / "others")
    (tmp_path / "others" / "ID_10").rename(tmp_path / "others" / "ID_3")
    refused("was trained for ID_1, ID_2, ID_10; give --real", run, real=tmp_path / "others")
    refused("--real", run, real=tmp_path / "nowhere")

    learnt = replace(run, users=replace(run.users, training_images=split_of(run).training_digests()))
    shutil.copytree(run.users.data_dir, tmp_path / "shorter")
    for user in ROWS:
        for index in range(18, 36):
            (tmp_path / "shorter" / user / f"{index}.png").unlink()
    refused("of the 15 held-out images .* was trained on", learnt, real=tmp_path / "shorter")

    untrained = new_run(tmp_path / "untrained", run.users.data_dir, latent_channels=12)
    refused("has no trained vae yet", untrained)
