"""The scripts as a user runs them: train, stop, resume, draw, dry run, help."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config import Config
from mdgen.runs.draw import read_manifest

ROOT = Path(__file__).resolve().parents[1]


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def test_a_demo_run_of_the_users_own_images_goes_on_with_these(run_script, tiny_flags, tiny_data, tmp_path):
    flags = ["demo" if word == "small" else word for word in tiny_flags]
    begun = run_script("train.py", "vae", *flags, "--data-dir", tiny_data, "--output-dir", tmp_path / "run",
                       "--set", "vae_training.steps=2")
    again = run_script("train.py", "vae", "--output-dir", tmp_path / "run", "--set", "vae_training.steps=2",
                       "--device", "cpu")
    assert (begun.status, again.status) == (0, 0) and "3 users" in again.out
    assert not (tmp_path / "run" / "demo_users").exists()   # nobody was simulated


def test_sigterm_saves_and_the_same_command_ends_where_an_uninterrupted_one_does(train, tiny_flags, tiny_data,
                                                                                 trained, tmp_path, states):
    command = [sys.executable, ROOT / "train.py", *tiny_flags, "--data-dir", tiny_data, "--output-dir",
               tmp_path / "out"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                               cwd=tmp_path)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("diffusion "):
            process.send_signal(signal.SIGTERM)
            break
    lines += process.stderr.readlines()
    process.stderr.close()
    assert process.wait() == 130 and "Traceback" not in "".join(lines), lines
    assert lines[-1].startswith("train.py: stopped at diffusion step ")
    assert "the same command continues" in lines[-1]
    assert 0 < states(tmp_path / "out")[1]["step"] < states(trained)[1]["step"]
    assert train().status == 0
    assert same(states(tmp_path / "out"), states(trained))
    entries = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    steps = [(entry["stage"], entry["step"]) for entry in entries if "loss" in entry]
    assert len(steps) == len(set(steps)) and steps[-1] == ("diffusion", states(trained)[1]["step"])


def test_a_finished_run_is_left_as_it_is(train, tiny_run, contents):
    before = contents(tiny_run)
    assert train(output=tiny_run).status == 0
    assert contents(tiny_run) == before


def test_odd_names_sizes_and_modes_go_through_training_and_sampling(run_script, train, make_users, tmp_path):
    names = ["a b", "Zoë 'q' \"x\"", "李,四;%s{}"]
    data = make_users(tmp_path / "dätä \"1\"", names=names, count=4, size=40)
    for image, mode in zip(sorted((data / names[1]).glob("*.png")), ("L", "RGBA", "P", "RGB")):
        grey = Image.open(image).resize((70, 33))
        (grey.convert("L") if mode == "L" else grey.convert(mode)).save(image)
    short = ["--set", "vae_training.steps=2", "--set", "diffusion_training.steps=2"]
    outcome = train(*short, data=data, output=tmp_path / "o ü'")
    assert outcome.status == 0, outcome.err
    outcome = run_script("sample.py", tmp_path / "o ü'", "--samples-per-user", 2, "--users", names[2],
                         names[0])
    assert outcome.status == 0, outcome.err
    rows = read_manifest(tmp_path / "o ü'" / "samples")
    assert [row.user for row in rows] == [names[0]] * 2 + [names[2]] * 2
    assert all(np.asarray(Image.open(tmp_path / "o ü'" / "samples" / row.file)).shape == (40, 40, 3)
               for row in rows)   # the size of most files, whatever is learnt


def test_sample_takes_its_settings_from_the_command_line_and_the_run(run_script, tiny_run, tmp_path, line_of):
    argv = ["--samples_per_user", 1, "--output_dir", tmp_path / "s", "--users", "ID_2", "--sampler", "ddim",
            "--steps",
            "3", "--condition_scale", "2.5"]
    outcome = run_script("sample.py", "--model_dir", tiny_run, *argv)
    assert outcome.status == 0 and "1 images of 1 users" in outcome.out
    row = read_manifest(tmp_path / "s")[0]
    assert (row.user, row.sampler.split()[:2], row.steps, row.guidance) == ("ID_2", ["ddim", "levels"], 3, 2.5)
    assert line_of(run_script("sample.py", tiny_run, *argv[:-2]), 2).count("--overwrite") == 1


def test_sample_generates_with_the_average_or_the_last_weights(run_script, trained, tmp_path):
    hashes = set()
    for name in ("ema", "raw"):
        outcome = run_script("sample.py", trained, "--samples-per-user", 1, "--users", "ID_2", "--weights", name,
                             "--output-dir", tmp_path / name)
        assert outcome.status == 0, outcome.err
        hashes.add(read_manifest(tmp_path / name)[0].run)
    assert len(hashes) == 2


def test_condition_scale_is_kept_as_samplings_default(train, tmp_path):
    short = ["--set", "vae_training.steps=1", "--set", "diffusion_training.steps=1", "--condition_scale",
             "2"]
    outcome = train(*short)
    assert outcome.status == 0
    assert Config.from_json((tmp_path / "out" / "config.json").read_text()).sampling.cfg_scale == 2
    notes = [line for line in outcome.err.splitlines() if line.startswith("note:")]
    assert len(notes) == 1 and "guidance scale 2 is weaker than the 3 of preset small" in notes[0]


def test_a_smaller_batch_keeps_the_images_per_step(run_script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run_script("train.py", "--preset", "demo", "--dry-run", "--batch-size", 12, "--resolution", 16)
    assert outcome.status == 0 and outcome.out.count("steps of 12 x 3 images") == 2, outcome
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("preset", ["demo", "small"])
def test_dry_run_of_the_cpu_presets(run_script, preset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run_script("train.py", "--preset", preset, "--dry-run")
    config = Config.from_json(outcome.out[:outcome.out.index("\n}") + 2])
    assert outcome.status == 0 and config.preset == preset
    assert f"{8 if preset == 'demo' else 10} users (ID_1" in outcome.out
    assert f"1 x 64 x 64   latents {config.vae.latent_channels} x 16 x 16" in outcome.out
    assert not list(tmp_path.iterdir())


def test_dry_run_reads_the_users_and_writes_nothing(run_script, tiny_flags, tiny_data, tmp_path):
    outcome = run_script("train.py", *tiny_flags, "--data-dir", tiny_data, "--output-dir", tmp_path / "out",
                         "--dry-run")
    assert outcome.status == 0 and "users       ID_1, ID_2, ID_10\n" in outcome.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["train.py", "sample.py", "evaluate.py"])
def test_help_comes_without_loading_torch(name):
    code = (f"import runpy, sys; sys.argv = [{name!r}, '--help']\n"
            f"try: runpy.run_path({str(ROOT / name)!r}, run_name='__main__')\n"
            "finally: sys.stderr.write('torch' if 'torch' in sys.modules else 'light')")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0 and result.stderr == "light" and "examples:" in result.stdout


def test_a_further_stage_needs_only_the_run(run_script, tiny_run):
    """What the run was begun with is read from it, and what is asked for beside must be the same."""
    outcome = run_script("train.py", "classifier", "--output-dir", tiny_run, "--device", "cpu", "--set",
                         "classifier_training.steps=2")
    assert outcome.status == 0, outcome.err
    assert (tiny_run / "classifier" / "state.pt").exists()
    wrong = run_script("train.py", "classifier", "--output-dir", tiny_run, "--set", "vae.width=24")
    assert wrong.status == 2 and "holds a run with vae.width = 16" in wrong.err
