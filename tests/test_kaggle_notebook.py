"""examples/kaggle.ipynb runs from its first cell to its last, with tiny settings in place of its own."""

import json
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = json.loads((ROOT / "examples" / "kaggle.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
TINY = ("--preset demo --resolution 32 --set vae.width=16 --set vae_training.steps=4 --set unet.channels=[16,32] "
        "--set unet.embedding_dim=32 --set diffusion_training.steps=5 --set sampling.steps=2 "
        "--set evaluation.classifier_steps=5 --set evaluation.siamese_steps=5 --set evaluation.usefulness_seeds=0")


def expanded(command, variables):
    """{NAME} in a command line as IPython replaces it."""
    return re.sub(r"{(\w+)}", lambda found: str(variables[found[1]]), command)


def run_cell(source, variables, shell):
    """Run the `!` lines of a cell by `shell`, and its Python as IPython does: the last expression is its value."""
    lines = source.splitlines()
    if lines and lines[0].startswith("!"):
        for line in lines:
            shell(expanded(line.removeprefix("!"), variables))
        return None
    *before, last = source.strip().rsplit("\n", 1)
    exec("\n".join(before), variables)
    if re.match(r"\w+ = |import |from ", last):
        return exec(last, variables)
    return eval(last, variables)


@pytest.fixture
def machine(tmp_path, monkeypatch, run_script):
    """A folder to work in, where `python` is this one and does not install: shell(command) runs a line there.

    The three scripts run in this process: starting torch three times takes longer than they do.
    """
    python, log = tmp_path / "bin" / "python", tmp_path / "pip.log"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nif [ "$2" = pip ]; then echo "$@" >> {shlex.quote(str(log))}; exit; fi\n'
                      f'exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
                   "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

    def shell(command):
        words = shlex.split(command)
        if words[0] == "python" and words[1].endswith(".py"):
            outcome = run_script(Path(words[1]).name, *words[2:])
            assert outcome.status == 0, outcome.err
            return
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    monkeypatch.chdir(tmp_path)
    return types.SimpleNamespace(folder=tmp_path, shell=shell, pip_log=log)


def test_it_is_a_plain_notebook_of_format_4_without_outputs():
    assert NOTEBOOK["nbformat"] == 4
    assert {cell["cell_type"] for cell in NOTEBOOK["cells"]} == {"code", "markdown"}
    assert all(cell["outputs"] == [] and cell["execution_count"] is None
               for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")


def test_all_cells_run_and_the_last_shows_the_contact_sheet(machine, monkeypatch):
    shown = types.ModuleType("IPython.display")
    shown.Image = lambda filename: Path(filename).read_bytes()
    around = types.ModuleType("IPython")
    around.version_info, around.get_ipython = (8, 24, 0, ""), lambda: None   # Matplotlib asks for both
    monkeypatch.setitem(sys.modules, "IPython", around)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    variables = {}
    exec(CODE[0], variables)
    asked = {"CLONE": str(ROOT), "TRAIN": TINY, "SAMPLES_PER_USER": 3,
             "SIMULATED": "--users 2 --images-per-user 8 --size 32 --workers 1"}
    assert set(asked) < set(variables)   # names that the first cell has
    variables |= asked
    *cells, picture = CODE[1:]
    for source in cells:
        run_cell(source, variables, machine.shell)
    assert run_cell(picture, variables, machine.shell).startswith(b"\x89PNG")
    assert f"pip install --quiet -e {ROOT}" in machine.pip_log.read_text()
    assert len(list((machine.folder / variables["RUN"] / "samples").glob("*/*.png"))) == 2 * 3


@pytest.mark.parametrize("gpus, start", [(0, "python"), (1, "python"), (2, "torchrun --nproc-per-node 2")])
def test_two_gpus_are_used_by_torchrun(gpus, start, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    variables, cell = {}, next(source for source in CODE if "device_count" in source)
    exec(cell, variables)
    assert variables["START"] == start


def test_training_sampling_and_judging_all_start_that_way():
    started = [line for source in CODE for line in source.splitlines() if line.startswith("!{START}")]
    assert [re.search(r"(\w+)\.py", line)[1] for line in started] == ["train", "sample", "evaluate"]
