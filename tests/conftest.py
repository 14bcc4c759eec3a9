"""Shared by all tests: a tiny tree of users, the real scripts called in process, and one tiny trained run."""

import contextlib
import importlib
import io
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen import commandline
from mdgen.data.colormap import to_color

torch.set_num_threads(1)   # on networks as small as the tests' a second thread costs more than it brings
os.environ["OMP_NUM_THREADS"] = "1"   # so too in processes that tests start: results are compared to the bit

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("vae.kl_weight=1e-5", "vae_training.learning_rate=2e-3",
            "vae_training.precision=off", "diffusion_training.precision=off",
            "diffusion_training.learning_rate=2e-3", "diffusion_training.optimizer=adamw",   # on tiny layers the faster
            "vae.width=16", "vae.blocks=1", "vae.latent_channels=4", "vae_training.steps=60",
            "vae_training.batch_size=8", "vae_training.preview_every=0", "vae_training.save_every=50",
            "unet.channels=[16,32]", "unet.blocks=1", "unet.embedding_dim=32",
            "diffusion_training.steps=130", "diffusion_training.batch_size=8",
            "diffusion_training.preview_every=0", "diffusion_training.save_every=50",
            "sampling.steps=6", "sampling.autoguidance_scale=1", "sampling.cfg_interval=[0,1]",
            "diffusion_training.ema_decay=0.95", "joint.in_all=false")
FLAGS = ["--preset", "small", "--resolution", "32", "--device", "cpu",
         *(word for setting in SETTINGS for word in ("--set", setting))]


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


def call_script(name, *argv):
    """`python <name> <argv>` without a new process: exit status and what it printed."""
    command = importlib.import_module(f"mdgen.commands.{name.removesuffix('.py')}")
    out, err, argv0 = io.StringIO(), io.StringIO(), sys.argv[0]
    sys.argv[0] = name
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = commandline.run(command.main, [str(word) for word in argv])
    except SystemExit as stopped:
        status = stopped.code
    finally:
        sys.argv[0] = argv0
    return Outcome(status, out.getvalue(), err.getvalue())


def walk_image(user, index, size=32):
    """A band whose row and swing belong to the user and whose phase to the image, in jet."""
    rng = np.random.default_rng([user, index])
    rows, columns = np.mgrid[:size, :size] / size
    centre = 0.25 + 0.2 * user + 0.06 * (user + 1) * np.sin(2 * np.pi * (2 * columns + rng.random()))
    level = np.exp(-((rows - centre) / 0.08) ** 2) + 0.05 * rng.random((size, size))
    return to_color(level.clip(0, 1), "jet")


def write_users(root, names=("ID_1", "ID_2", "ID_10"), count=12, size=32):
    for user, name in enumerate(names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.fromarray(walk_image(user, index, size)).save(root / name / f"w{index}.png")
    return root


@pytest.fixture(scope="session")
def run_script():
    return call_script


@pytest.fixture(scope="session")
def make_users():
    return write_users


@pytest.fixture(scope="session")
def tiny_flags():
    """Flags of train.py for a run of seconds: 32 px, UNet of 16 and 32 channels."""
    return list(FLAGS)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """Three users of 12 images; never written to."""
    return write_users(tmp_path_factory.mktemp("tiny_data"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tiny_data):
    """The run that `train.py` with `tiny_flags` makes of `tiny_data`; never written to."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    outcome = call_script("train.py", *FLAGS, "--data-dir", tiny_data, "--output-dir", folder)
    assert outcome.status == 0, outcome.err
    return folder


@pytest.fixture
def tiny_run(trained, tmp_path):
    """A copy of the trained run to do anything to."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="session")
def contents():
    """contents(folder) -> {relative path: bytes} of all files below it."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*"))
                           if p.is_file()}


@pytest.fixture
def train(tiny_data, tmp_path):
    """train(*argv, data=…, output=…): train.py with the tiny settings."""
    def call(*argv, data=tiny_data, output=tmp_path / "out"):
        return call_script("train.py", *FLAGS, "--data-dir", data, "--output-dir", output, *argv)
    return call


@pytest.fixture
def empty_hub(tmp_path):
    """Torch hub's folder for one test, with nothing in it."""
    previous = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield
    torch.hub.set_dir(previous)


@pytest.fixture(scope="session")
def line_of():
    """line_of(outcome, status) -> the one line with which a script has refused; fails if it is not one."""
    def check(outcome, status):
        names = ("train.py", "sample.py", "evaluate.py")
        errors = [line for line in outcome.err.splitlines() if line.split(": ")[0] in names]
        assert outcome.status == status and len(errors) == 1, outcome
        assert outcome.err.endswith(errors[0] + "\n") and "Traceback" not in outcome.err, outcome.err
        assert "unexpected" not in errors[0]
        return errors[0]
    return check


@pytest.fixture(scope="session")
def states():
    """states(run) -> the saved states of the VAE and of the diffusion stage."""
    return lambda folder: [torch.load(folder / stage / "state.pt", weights_only=True)
                           for stage in ("vae", "diffusion")]
