import json
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from mdgen.config import TrainingConfig
from mdgen.errors import RequestError, RunError
from mdgen.files import named_seed
from mdgen.runs.checkpoint import Checkpoint, RunState
from mdgen.training.loop import Interrupted, Task, batch_indices, train

CONFIG = TrainingConfig(steps=24, batch_size=4, accumulation=2, learning_rate=0.01, warmup_steps=3,
                        preview_every=8,
                        save_every=5, precision="off")
CPU = torch.device("cpu")


class Regression(Task):
    """Fit a fixed random map with dropout and noisy inputs; all that a real stage has, in microseconds."""

    name, num_samples = "toy", 19

    def __init__(self, dropout=0.3, noise=0.1, stop_at=None, fail_at=None, seed=0):
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.SiLU(), nn.Dropout(dropout),
                                     nn.Conv2d(8, 1, 3))
        draw = torch.Generator().manual_seed(5)
        self.x, self.y = torch.randn(19, 1, 6, 6, generator=draw), torch.randn(19, 1, 4, 4, generator=draw)
        self.noise, self.stop_at, self.fail_at = noise, stop_at, fail_at
        self.calls, self.seen, self.previews = 0, [], []

    def loss(self, indices, generator):
        self.calls += 1
        self.seen.append(indices)
        if self.calls == self.stop_at:
            signal.raise_signal(signal.SIGTERM)
        x = self.x[indices]
        x = x + self.noise * torch.randn(x.shape, generator=generator)
        error = (self.network(x) - self.y[indices]).square().mean()
        return (error * float("nan") if self.calls == self.fail_at else error), {"error": error.detach()}

    def validate(self, network):
        return {"error": (network(self.x) - self.y).square().mean().item()}

    def preview(self, network, path):
        self.previews.append(path.name)


def saved(folder):
    return RunState(folder / "toy" / "state.pt").load()


def same(a, b):
    """Bitwise equality of nested states."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def entries(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    task = Regression()
    before = task.validate(task.network.eval())["error"]
    averaged = train(task, CONFIG, folder, seed=3, device=CPU)
    return folder, task, averaged, before


def test_training_lowers_the_loss_and_returns_the_average(whole):
    folder, task, averaged, before = whole
    assert task.validate(averaged)["error"] < 0.9 * before
    assert same(dict(averaged.state_dict()), dict(saved(folder)["ema"]["average"]))
    assert not same(dict(averaged.state_dict()), dict(task.network.state_dict()))
    assert saved(folder)["step"] == 24 and task.calls == 48


@pytest.mark.parametrize("stop_at", [1, 24, 25, 46])
def test_stopped_and_resumed_is_bitwise_the_same_as_never_stopped(whole, tmp_path, stop_at):
    with pytest.raises(Interrupted, match=f"stopped at toy step {(stop_at + 1) // 2} of 24"):
        train(Regression(stop_at=stop_at), CONFIG, tmp_path, seed=3, device=CPU)
    assert saved(tmp_path)["step"] == (stop_at + 1) // 2
    train(Regression(seed=99), CONFIG, tmp_path, seed=3, device=CPU)      # its first weights must not matter
    assert same(saved(tmp_path), saved(whole[0]))
    steps = [entry["step"] for entry in entries(tmp_path) if "loss" in entry]
    assert len(steps) == len(set(steps)) and steps[-1] == 24


def test_a_kill_between_two_saves_repeats_the_same_steps(whole, tmp_path):
    class Killed(Exception):
        pass

    task = Regression()
    loss, task.calls = task.loss, 0

    def dying(indices, generator):
        # step 24; the last save was at step 20
        if task.calls == 46:
            raise Killed
        return loss(indices, generator)

    task.loss = dying
    with pytest.raises(Killed):
        train(task, CONFIG, tmp_path, seed=3, device=CPU)
    assert saved(tmp_path)["step"] == 20
    train(Regression(), CONFIG, tmp_path, seed=3, device=CPU)
    assert same(saved(tmp_path), saved(whole[0]))
    strip = [{key: value for key, value in entry.items() if key != "time"} for entry in entries(tmp_path)]
    kept = [{key: value for key, value in entry.items() if key != "time"} for entry in entries(whole[0])]
    assert [e for e in strip if e["step"] != 24] == [e for e in kept if e["step"] != 24]
    assert [e["step"] for e in strip] == [e["step"] for e in kept]


def test_a_signal_in_the_last_step_is_not_lost(whole, tmp_path):
    with pytest.raises(Interrupted):
        train(Regression(stop_at=48), CONFIG, tmp_path, seed=3, device=CPU)
    assert same(saved(tmp_path), saved(whole[0]))


def test_a_finished_stage_is_loaded_and_not_trained(whole):
    task = Regression(seed=5)
    averaged = train(task, CONFIG, whole[0], seed=3, device=CPU)
    assert task.calls == 0 and same(dict(averaged.state_dict()), dict(whole[2].state_dict()))


def test_another_seed_is_another_training(whole, tmp_path):
    train(Regression(), CONFIG, tmp_path, seed=4, device=CPU)
    assert not same(saved(tmp_path)["network"], saved(whole[0])["network"])


def test_two_micro_batches_of_four_are_one_batch_of_eight(tmp_path):
    states, orders = [], []
    for batch_size, accumulation in ((4, 2), (8, 1), (4, 1)):
        task = Regression(dropout=0.0, noise=0.0)
        config = TrainingConfig(steps=12, batch_size=batch_size, accumulation=accumulation,
                                learning_rate=0.01,
                                precision="off", warmup_steps=0)
        train(task, config, tmp_path / f"{batch_size}x{accumulation}", seed=3, device=CPU)
        states.append(torch.cat([p.detach().flatten() for p in task.network.parameters()]))
        orders.append(torch.cat(task.seen))
    assert torch.equal(orders[0], orders[1])
    assert torch.allclose(states[0], states[1], atol=1e-5)
    assert not torch.allclose(states[0], states[2], atol=1e-3)


@pytest.mark.parametrize("num_samples, batch_size", [(19, 4), (8, 8), (3, 7), (1, 2)])
def test_every_epoch_visits_every_sample_once_in_its_own_order(num_samples, batch_size):
    epochs = 6
    positions = -(-num_samples * epochs // batch_size)
    indices = torch.cat([batch_indices(num_samples, batch_size, k, seed=0) for k in range(positions)])
    rows = indices[:num_samples * epochs].view(epochs, num_samples)
    assert torch.equal(rows.sort(dim=1).values, torch.arange(num_samples).expand(epochs, -1))
    if num_samples > 3:
        assert len({tuple(row.tolist()) for row in rows}) == epochs
        other = torch.cat([batch_indices(num_samples, batch_size, k, seed=1) for k in range(positions)])
        assert not torch.equal(indices, other)


def test_step_seeds_are_all_different_and_fit():
    places = {named_seed(seed, rank, step, micro, *more) for seed in range(3) for rank in range(3)
              for step in range(40)
              for micro in range(4) for more in ((), (1,))}
    assert len(places) == 3 * 3 * 40 * 4 * 2 and all(0 <= place < 2**63 for place in places)
    assert named_seed(1, 11) != named_seed(11, 1) != named_seed(1, 1, 1)


def test_the_log_has_rate_norm_and_metrics_and_averages_ten_steps(tmp_path):
    config = TrainingConfig(steps=20, batch_size=4, learning_rate=0.0, precision="off", warmup_steps=0, preview_every=0)
    task = Regression(dropout=0.0, noise=0.0)
    train(task, config, tmp_path, seed=3, device=CPU)
    training = [entry for entry in entries(tmp_path) if "loss" in entry]
    assert [entry["step"] for entry in training] == [10, 20] and task.previews == ["toy_000020.png"]
    task.network.eval()
    with torch.no_grad():
        losses = [float((task.network(task.x[i]) - task.y[i]).square().mean()) for i in task.seen]
    for entry, part in zip(training, (losses[:10], losses[10:])):
        assert entry["loss"] == pytest.approx(sum(part) / 10, rel=1e-5) and entry["error"] == entry["loss"]
        assert entry["learning_rate"] == 0.0 and entry["gradient_norm"] > 0
    held_out = [entry["validation_error"] for entry in entries(tmp_path) if "validation_error" in entry]
    assert held_out == [pytest.approx(task.validate(task.network)["error"], rel=1e-5)]


def test_previews_come_at_their_interval(whole):
    assert whole[1].previews == ["toy_000008.png", "toy_000016.png", "toy_000024.png"]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_state(tmp_path):
    with pytest.raises(RunError, match="the loss became nan at update 12"):
        train(Regression(fail_at=23), CONFIG, tmp_path, seed=3, device=CPU)
    state = saved(tmp_path)
    assert state["step"] == 10 and all(torch.isfinite(value).all() for value in state["network"].values())


def test_a_state_of_another_network_is_refused_and_stays(whole, tmp_path):
    file = tmp_path / "toy" / "state.pt"
    file.parent.mkdir()
    file.write_bytes((whole[0] / "toy" / "state.pt").read_bytes())
    task = Regression()
    task.network = nn.Linear(3, 3)
    with pytest.raises(RunError, match="another network or stage"):
        train(task, CONFIG, tmp_path, seed=3, device=CPU)
    assert file.read_bytes() == (whole[0] / "toy" / "state.pt").read_bytes()


def test_a_state_that_depends_on_something_else_is_refused_and_stays(tmp_path):
    with pytest.raises(Interrupted):
        train(Regression(stop_at=3), CONFIG, tmp_path, seed=3, device=CPU, bound_to="a" * 16)
    before = (tmp_path / "toy" / "state.pt").read_bytes()
    with pytest.raises(RequestError, match="a{16}.*b{16}"):
        train(Regression(), CONFIG, tmp_path, seed=3, device=CPU, bound_to="b" * 16)
    assert (tmp_path / "toy" / "state.pt").read_bytes() == before
    train(Regression(), CONFIG, tmp_path, seed=3, device=CPU, bound_to="a" * 16)


def test_a_state_that_ended_early_in_version_0_1_is_finished_and_its_best_average_generates(tmp_path):
    train(Regression(), replace(CONFIG, steps=4), tmp_path, seed=3, device=CPU)
    path = tmp_path / "toy" / "state.pt"
    best = {name: value + 1 for name, value in saved(tmp_path)["ema"]["average"].items()}
    RunState(path).save({**saved(tmp_path), "patience": {"waited": 2, "ended": True, "best": {"average": best}}})
    assert same(Checkpoint.read(path).weights(), best) and Checkpoint.read(path).finished(CONFIG.steps)
    again, before = Regression(), path.read_bytes()
    train(again, CONFIG, tmp_path, seed=3, device=CPU)
    assert again.calls == 0 and path.read_bytes() == before


def test_weights_are_the_average_or_the_last_ones_and_nothing_else(whole):
    found = Checkpoint.read(whole[0] / "toy" / "state.pt")
    assert same(found.weights("raw"), found.state["network"]) and same(found.weights(), found.state["ema"]["average"])
    with pytest.raises(RequestError, match="--weights is best; this run has raw, ema"):
        found.weights("best")
