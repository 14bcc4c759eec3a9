"""The training loop of every stage: explicit accumulation, one object for all state, seeds by (rank, step).

A task says what is trained and what its loss is; the loop knows nothing else about it.
"""

import contextlib
import functools
from pathlib import Path

import torch
from torch import nn

from mdgen import distributed
from mdgen.config import TrainingConfig
from mdgen.files import named_seed
from mdgen.runs.checkpoint import Checkpoint, RunState
from mdgen.training.amp import MixedPrecision
from mdgen.training.ema import EMA
from mdgen.training.gradient_checkpointing import checkpoint_blocks
from mdgen.training.interrupt import InterruptGuard
from mdgen.training.log import Logger
from mdgen.training.lr_schedule import learning_rate
from mdgen.training.optimizer import make_optimizer

LOG_EVERY = 10   # steps that one line of log.jsonl averages


class Interrupted(KeyboardInterrupt):
    """Training stopped at a signal; its state is on disk."""


class Task:
    """What a stage brings to the loop."""

    name: str               # of the stage and of its log lines
    network: nn.Module      # its parameters are trained
    num_samples: int
    step = 0                # optimiser steps taken so far, set by the loop before every loss
    opponents = ()          # what trains beside the network; see training/stages/adversary.py for what each has

    def loss(self, indices, generator):
        """indices: [B] int64 into the training images. Returns the scalar loss and a dict of scalar metrics."""

    def validate(self, network) -> dict:
        """Scalar metrics of the averaged network on held-out images."""

    def preview(self, network, path: Path) -> None:
        """Write a picture of the images that the averaged network makes, if any; follows its `validate`."""


@functools.lru_cache(maxsize=2)
def epoch_order(num_samples: int, seed: int, epoch: int):
    return torch.randperm(num_samples, generator=torch.Generator().manual_seed(named_seed(seed, epoch)))


def batch_indices(num_samples: int, batch_size: int, position: int, seed: int):
    """The position-th batch of the endless sequence of shuffled epochs: [batch_size] int64."""
    start = position * batch_size
    return torch.stack([epoch_order(num_samples, seed, i // num_samples)[i % num_samples]
                        for i in range(start, start + batch_size)])


class TrainedNetwork:
    """A network with what trains it. Most stages have one; an adversary is another, which steps in turn."""

    def __init__(self, network, config: TrainingConfig, device):
        self.network, self.config = network, config
        self.optimizer = make_optimizer(network, config)
        self.precision = MixedPrecision(config.precision, device)

    def backward(self, loss, indices, generator) -> dict:
        """Add the gradients of one micro-batch's share of loss(indices, generator); returns the loss and metrics."""
        with self.precision.autocast():
            value, metrics = loss(indices, generator)
        self.precision.backward(value / self.config.accumulation)
        return {"loss": value.detach(), **metrics}

    def update(self, rate: float) -> tuple[float, bool]:
        """Step with the gradients of all processes: (their norm before clipping, whether weights changed)."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        parameters = list(self.network.parameters())
        distributed.average_gradients(parameters)
        norm, stepped = self.precision.step(self.optimizer, parameters, self.config.gradient_clip)
        self.optimizer.zero_grad(set_to_none=True)
        return norm, stepped

    def state_dict(self) -> dict:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
                "precision": self.precision.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        for name in ("network", "optimizer", "precision"):
            getattr(self, name).load_state_dict(state[name])


class TrainingState:
    """Everything that a resumed stage needs, saved and loaded as one."""

    def __init__(self, task: Task, config: TrainingConfig, device, path: Path, bound_to: str = ""):
        self.config, self.file, self.bound_to = config, RunState(path), bound_to
        if config.gradient_checkpointing:
            checkpoint_blocks(task.network)
        self.main = TrainedNetwork(task.network, config, device)
        self.opponents = [TrainedNetwork(opponent.network, config, device) for opponent in task.opponents]
        self.ema = EMA(task.network, config.ema_decay)
        self.step = 0

    def save(self) -> None:
        if distributed.is_main():
            self.file.save({"step": self.step, "bound_to": self.bound_to, **self.main.state_dict(),
                            "ema": self.ema.state_dict(),
                            "opponents": [opponent.state_dict() for opponent in self.opponents]})
        distributed.barrier()

    def keep_early(self) -> None:
        """Write the average as it is now, autoguidance's weak model, to early.pt; what is there already stays."""
        early = RunState(self.file.path.with_name("early.pt"))
        if distributed.is_main() and not early.exists():
            early.save({"step": self.step, "bound_to": self.bound_to, "ema": self.ema.state_dict()})

    def resume(self) -> None:
        if not self.file.exists():
            return
        saved = Checkpoint.read(self.file.path, self.bound_to)
        with self.file.must_fit():
            self.main.load_state_dict(saved.state)
            self.ema.load_state_dict(saved.state["ema"])
            for opponent, state in zip(self.opponents, saved.state.get("opponents", []), strict=True):
                opponent.load_state_dict(state)
            self.step = self.config.steps if saved.finished(self.config.steps) else saved.step


def optimiser_step(task: Task, state: TrainingState, seed: int, device) -> dict:
    """One optimiser step of every network over all micro-batches; returns their metrics as floats."""
    config, rank, world = state.config, distributed.rank(), distributed.world_size()
    rate = learning_rate(state.step, peak=config.learning_rate, warmup_steps=config.warmup_steps,
                         total_steps=config.steps)
    opponents = list(zip(task.opponents, state.opponents))
    task.step, sums = state.step, {}
    for micro in range(config.accumulation):
        position = (state.step * config.accumulation + micro) * world + rank
        indices = batch_indices(task.num_samples, config.batch_size, position, seed)
        torch.manual_seed(named_seed(seed, rank, state.step, micro))               # dropout
        generator = torch.Generator(device).manual_seed(named_seed(seed, rank, state.step, micro, 1))
        metrics = state.main.backward(task.loss, indices, generator)
        for adversary, opponent in opponents:
            found = opponent.backward(adversary.loss, indices, generator)
            metrics |= {f"{adversary.name}_{key}": value for key, value in found.items()}
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + float(value) / config.accumulation
    norm, stepped = state.main.update(rate)
    for adversary, opponent in opponents:
        opponent.update(adversary.learning_rate)
    if stepped:
        state.ema.update()
    state.step += 1
    return {**sums, "gradient_norm": float(norm), "learning_rate": rate}


def train(task: Task, config: TrainingConfig, folder: Path, *, seed: int, device, bound_to: str = "") -> nn.Module:
    """Train `task.network` to config.steps, resuming from folder/<stage>/state.pt. Returns the averaged network.

    folder: the run folder; receives log.jsonl and previews/.  bound_to: hash of what the weights depend on; a saved
    state is good for no other.  Raises Interrupted after a signal, with all saved;
    RunError if the loss stops being finite or the disk is full.
    """
    state = TrainingState(task, config, device, folder / task.name / "state.pt", bound_to)
    state.resume()
    if config.steps == 0:
        state.save()   # weights of another run, kept as they are
    task.network.train()
    recent: list[dict] = []
    logger = Logger(folder / "log.jsonl", task.name, config.steps, resume_step=state.step)
    with InterruptGuard() as interrupt, contextlib.closing(logger):
        while state.step < config.steps:
            recent.append(optimiser_step(task, state, seed, device))
            logger.tick(state.step)
            # also past it, where training was begun with other settings
            if config.snapshot_at and state.step >= round(config.snapshot_at * config.steps):
                state.keep_early()
            last = state.step == config.steps
            if last or state.step % LOG_EVERY == 0:
                logger.log(state.step, **{key: sum(m[key] for m in recent) / len(recent) for key in recent[0]})
                recent.clear()
            stop = distributed.any_process(interrupt.requested)
            reported = last or config.preview_every and state.step % config.preview_every == 0
            if reported and distributed.is_main():
                metrics = task.validate(state.ema.average)
                logger.log(state.step, **{f"validation_{key}": value for key, value in metrics.items()})
            if reported or stop or state.step % config.save_every == 0:
                state.save()   # before the preview: a disk too full for the picture must not cost the steps
            if reported and distributed.is_main():
                task.preview(state.ema.average, folder / "previews" / f"{task.name}_{state.step:06d}.png")
            if stop:
                raise Interrupted(f"stopped at {task.name} step {state.step} of {config.steps}; all is saved, "
                                  "and the same command continues")
    return state.ema.average
