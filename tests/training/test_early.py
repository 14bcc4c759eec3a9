"""early.pt: the average at a share of the steps, kept once whatever interrupts or extends the training."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from mdgen.config import DiffusionTrainingConfig
from mdgen.runs.checkpoint import RunState
from mdgen.training.loop import Interrupted, Task, train

pytestmark = pytest.mark.usefixtures("constant_rate")
# the average is kept at step 5, which no save falls on
CONFIG = DiffusionTrainingConfig(steps=12, batch_size=4, learning_rate=0.05, warmup_steps=2,
                                 preview_every=0, save_every=3, precision="off", snapshot_at=0.4)


class Line(Task):
    name, num_samples = "toy", 8

    def __init__(self, stop_at=None):
        torch.manual_seed(0)
        self.network, self.stop_at, self.calls = nn.Linear(3, 1), stop_at, 0

    def loss(self, indices, generator):
        self.calls += 1
        if self.calls == self.stop_at:
            raise Interrupted   # as a kill: nothing is saved
        x = torch.randn(len(indices), 3, generator=generator)
        return (self.network(x) - x.sum(dim=1, keepdim=True)).square().mean(), {}

    def validate(self, network):
        return {}


def fit(folder, config=CONFIG, **options):
    return train(Line(**options), config, folder, seed=1, device=torch.device("cpu"), bound_to="0f")


def early(folder):
    return folder / "toy" / "early.pt"


@pytest.fixture
def whole(tmp_path_factory, constant_rate):
    folder = tmp_path_factory.mktemp("whole")
    fit(folder)
    return folder


def test_it_is_the_average_that_a_training_of_so_many_steps_ends_with(whole, tmp_path):
    found, average = RunState(early(whole)).load(), fit(tmp_path, replace(CONFIG, steps=5)).state_dict()
    assert (found["step"], found["bound_to"]) == (5, "0f")
    assert all(torch.equal(found["ema"]["average"][key], value) for key, value in average.items())
    last = RunState(whole / "toy" / "state.pt").load()["ema"]["average"]
    assert not torch.equal(last["weight"], average["weight"])


@pytest.mark.parametrize("stop_at", [5, 6, 8])
def test_a_killed_and_resumed_training_has_the_same(whole, tmp_path, stop_at):
    with pytest.raises(Interrupted):
        fit(tmp_path, stop_at=stop_at)
    fit(tmp_path)
    found, expected = (RunState(early(folder)).load() for folder in (tmp_path, whole))
    assert found["step"] == 5 and torch.equal(found["ema"]["average"]["weight"], expected["ema"]["average"]["weight"])


def test_a_longer_training_keeps_the_first_and_the_default_keeps_none(tmp_path):
    fit(tmp_path / "a")
    before = early(tmp_path / "a").read_bytes()
    fit(tmp_path / "a", replace(CONFIG, steps=40))                  # its share would be at step 16
    assert early(tmp_path / "a").read_bytes() == before
    fit(tmp_path / "b", replace(CONFIG, snapshot_at=0.0))
    assert not early(tmp_path / "b").exists()
    fit(tmp_path / "b", replace(CONFIG, steps=20))                  # step 8 is past
    assert RunState(early(tmp_path / "b")).load()["step"] == 13
