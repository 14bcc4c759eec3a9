"""Two real processes that exchange gradients by gloo on the CPU, as torchrun starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mdgen import distributed
from mdgen.config import TrainingConfig
from mdgen.runs.draw import read_manifest
from mdgen.training.loop import Task, train

ROOT = Path(__file__).resolve().parents[1]

TOY = """
class Toy(Task):
    name, num_samples = "toy", 16

    def __init__(self, stop_at=None):
        torch.manual_seed(0)
        self.network, self.stop_at, self.calls = torch.nn.Linear(4, 3), stop_at, 0
        draw = torch.Generator().manual_seed(1)
        self.x, self.y = torch.randn(16, 4, generator=draw), torch.randn(16, 3, generator=draw)

    def loss(self, indices, generator):
        self.calls += 1
        if self.calls == self.stop_at and rank == 1:
            signal.raise_signal(signal.SIGTERM)              # only this process hears of it
        return (self.network(self.x[indices]) - self.y[indices]).square().mean(), {}

    def validate(self, network):
        return {}
"""

PROGRAM = """
import os, signal, sys
import torch
import train, sample
from mdgen import commandline
from mdgen.config import TrainingConfig
from mdgen import distributed
from mdgen.training.loop import Interrupted, Task, train as train_loop
from pathlib import Path

folder, train_argv, rank = Path(sys.argv[1]), sys.argv[2:], int(os.environ["RANK"])
torch.set_num_threads(1)
device = distributed.init_from_environment("cpu")


%s

config = TrainingConfig(steps=8, batch_size=4, accumulation=1, learning_rate=0.05, warmup_steps=0,
                        precision="off")
task = Toy()
train_loop(task, config, folder / "loop", seed=0, device=device)
torch.save(task.network.state_dict(), folder / f"loop_{rank}.pt")
try:
    train_loop(Toy(stop_at=3), config, folder / "stopped", seed=0, device=device)
except Interrupted as stopped:
    (folder / f"stopped_{rank}").write_text(str(stopped))
statuses = [commandline.run(train.main, train_argv)]
os.environ["MASTER_PORT"] = os.environ["SECOND_PORT"]   # a new script, so a new meeting place
statuses.append(commandline.run(sample.main, [train_argv[-1], "--samples-per-user", "3", "--batch-size", "2",
                                              "--device", "cpu"]))
(folder / f"status_{rank}").write_text(str(statuses))
""" % TOY


@pytest.fixture(scope="module")
def pair(tmp_path_factory, tiny_flags, tiny_data):
    """The folder that two processes have worked in."""
    folder = tmp_path_factory.mktemp("pair")
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0)), second.bind(("127.0.0.1", 0))
        ports = [str(free.getsockname()[1]) for free in (first, second)]
    short = ["--set", "vae_training.steps=12", "--set", "diffusion_training.steps=12",
             "--set", "diffusion_training.optimizer=muon"]
    argv = [*tiny_flags, *short, "--data-dir", str(tiny_data), "--output-dir", str(folder / "run")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": ports[0],
                   "SECOND_PORT": ports[1], "WORLD_SIZE": "2"}
    processes = []
    for rank in ("0", "1"):
        with open(folder / f"stderr_{rank}", "w") as errors:
            processes.append(subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), *argv], cwd=folder,
                                              env={**environment, "RANK": rank, "LOCAL_RANK": rank},
                                              stdout=subprocess.DEVNULL, stderr=errors))
    try:
        statuses = [process.wait(timeout=90) for process in processes]
    finally:
        for process in processes:
            process.kill()
    errors = "".join((folder / f"stderr_{rank}").read_text() for rank in (0, 1))
    assert statuses == [0, 0] and "Traceback" not in errors, errors
    assert {(folder / f"status_{rank}").read_text() for rank in (0, 1)} == {"[0, 0]"}, errors
    return folder


def test_both_processes_have_the_weights_of_one_with_twice_the_accumulation(pair, tmp_path):
    names = {"torch": torch, "signal": signal, "Task": Task, "rank": 0}
    exec(TOY, names)
    first, second = (torch.load(pair / f"loop_{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)
    task = names["Toy"]()
    config = TrainingConfig(steps=8, batch_size=4, accumulation=2, learning_rate=0.05, warmup_steps=0,
                            precision="off")
    train(task, config, tmp_path, seed=0, device=torch.device("cpu"))
    assert all(torch.allclose(first[key], value, atol=1e-5)
               for key, value in task.network.state_dict().items())


def test_a_signal_to_one_process_stops_both_at_the_same_step(pair):
    messages = {(pair / f"stopped_{rank}").read_text() for rank in (0, 1)}
    assert len(messages) == 1 and messages.pop().startswith("stopped at toy step 3 of 8")
    assert torch.load(pair / "stopped" / "toy" / "state.pt", weights_only=True)["step"] == 3


def test_the_scripts_train_one_run_and_share_the_drawing(pair, run_script, tmp_path):
    run = pair / "run"
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [(entry["stage"], entry["step"]) for entry in entries if "loss" in entry]
    assert steps == [("vae", 10), ("vae", 12), ("diffusion", 10), ("diffusion", 12)]
    rows = read_manifest(run / "samples")
    assert len(rows) == 9 and all((run / "samples" / row.file).exists() for row in rows)
    assert not list(run.rglob("*.part*"))
    outcome = run_script("sample.py", run, "--samples-per-user", 3, "--output-dir", tmp_path / "alone")
    assert outcome.status == 0, outcome.err
    assert read_manifest(tmp_path / "alone") == rows


def test_alone_everything_is_the_identity():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.full((3,), 2.0)
    distributed.average_gradients([parameter])
    distributed.barrier()
    assert parameter.grad.tolist() == [2, 2, 2]
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
    assert distributed.any_process(True) is True and distributed.any_process(False) is False
    assert distributed.init_from_environment("cpu") == torch.device("cpu")
