"""The only training loop: explicit accumulation, one object that holds all state, randomness from (seed, rank, step).

A task says what is trained and what its loss is; the loop knows nothing else about it.
"""

import functools
import hashlib
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from mdgen.config import TrainingConfig
from mdgen import distributed
from mdgen.training.amp import MixedPrecision
from mdgen.training.ema import EMA
from mdgen.training.interrupt import InterruptGuard
from mdgen.training.log import Logger
from mdgen.training.lr_schedule import learning_rate
from mdgen.training.optimizer import make_optimizer
from mdgen.training.patience import Patience
from mdgen.runs.checkpoint import RunState, check_bound

LOG_EVERY = 10   # steps that one line of log.jsonl averages


class Interrupted(KeyboardInterrupt):
    """Training stopped at a signal; its state is on disk."""


class Task(Protocol):
    """What a stage brings to the loop."""

    name: str               # of the stage and of its log lines
    network: nn.Module      # its parameters are trained
    num_samples: int
    step: int               # optimiser steps taken so far, set by the loop before every loss
    opponents: list         # may be absent; see training/stages/adversary.py for what each has

    def loss(self, indices, generator):
        """indices: [B] int64 into the training images. Returns the scalar loss and a dict of scalar metrics."""

    def validate(self, network) -> dict:
        """Scalar metrics of the averaged network on held-out images; "error" among them where patience is asked for."""

    def preview(self, network, path: Path) -> None:
        """Write a picture of what the averaged network does; follows `validate` of the same network."""


def step_seed(seed: int, *where: int) -> int:
    """A seed of its own for every (rank, step, micro-batch), so that a resumed step is the same step."""
    digest = hashlib.sha256("/".join(map(str, (seed, *where))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@functools.lru_cache(maxsize=2)
def epoch_order(num_samples: int, seed: int, epoch: int):
    return torch.randperm(num_samples, generator=torch.Generator().manual_seed(step_seed(seed, epoch)))


def batch_indices(num_samples: int, batch_size: int, position: int, seed: int):
    """The position-th batch of the endless sequence of shuffled epochs: [batch_size] int64."""
    start = position * batch_size
    return torch.stack([epoch_order(num_samples, seed, i // num_samples)[i % num_samples]
                        for i in range(start, start + batch_size)])


class Player:
    """A network with what trains it. Most stages have one; an adversary is another, who steps in turn."""

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

    def __init__(self, network, config: TrainingConfig, device, path: Path, bound_to: str = "", opponents=()):
        self.config, self.file, self.bound_to = config, RunState(path), bound_to
        self.player, *self.opponents = (Player(n, config, device) for n in (network, *opponents))
        self.ema = EMA(network, config.ema_decay)
        self.extra_emas = {f"{decay}": EMA(network, decay) for decay in config.extra_ema_decays}
        self.patience = Patience(config.patience)
        self.step = 0

    @property
    def finished(self) -> bool:
        return self.step >= self.config.steps or self.patience.ended

    def save(self) -> None:
        if distributed.is_main():
            self.file.save({"step": self.step, "bound_to": self.bound_to, **self.player.state_dict(),
                            "ema": self.ema.state_dict(), "patience": self.patience.state_dict(),
                            "extra_emas": {decay: ema.state_dict() for decay, ema in self.extra_emas.items()},
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
        state = self.file.load()
        check_bound(self.file.path, state, self.bound_to)
        with self.file.must_fit():
            self.player.load_state_dict(state)
            self.ema.load_state_dict(state["ema"])
            for opponent, saved in zip(self.opponents, state.get("opponents", []), strict=True):
                opponent.load_state_dict(saved)
            for decay, ema in self.extra_emas.items():
                ema.load_state_dict(state["extra_emas"][decay])
            if self.patience.limit:
                self.patience.load_state_dict(state["patience"])
            self.step = state["step"]


def optimiser_step(task: Task, state: TrainingState, seed: int, device) -> dict:
    """One optimiser step of every player over all micro-batches; returns their metrics as floats."""
    config, rank, world = state.config, distributed.rank(), distributed.world_size()
    rate = learning_rate(state.step, peak=config.learning_rate, warmup_steps=config.warmup_steps,
                         total_steps=config.steps, schedule=config.schedule)
    opponents = [(adversary, player) for adversary, player in zip(getattr(task, "opponents", ()), state.opponents)
                 if state.step >= adversary.first_step]
    task.step, sums = state.step, {}
    for micro in range(config.accumulation):
        position = (state.step * config.accumulation + micro) * world + rank
        indices = batch_indices(task.num_samples, config.batch_size, position, seed)
        torch.manual_seed(step_seed(seed, rank, state.step, micro))               # dropout
        generator = torch.Generator(device).manual_seed(step_seed(seed, rank, state.step, micro, 1))
        metrics = state.player.backward(task.loss, indices, generator)
        for adversary, player in opponents:
            found = player.backward(adversary.loss, indices, generator)
            metrics |= {f"{adversary.name}_{key}": value for key, value in found.items()}
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + float(value) / config.accumulation
    norm, stepped = state.player.update(rate)
    for adversary, player in opponents:
        player.update(adversary.learning_rate)
    if stepped:
        for ema in (state.ema, *state.extra_emas.values()):
            ema.update()
    state.step += 1
    return {**sums, "gradient_norm": float(norm), "learning_rate": rate}


def train(task: Task, config: TrainingConfig, folder: Path, *, seed: int, device, bound_to: str = "") -> nn.Module:
    """Train `task.network` to config.steps, or until its patience ends, resuming from folder/<stage>/state.pt.

    Returns the averaged network.

    folder: the run folder; receives log.jsonl and previews/.  bound_to: hash of what the weights depend on; a saved
    state is good for no other.  Raises Interrupted after a signal, with all saved;
    RunError if the loss stops being finite or the disk is full.
    """
    opponents = [adversary.network for adversary in getattr(task, "opponents", ())]
    state = TrainingState(task.network, config, device, folder / task.name / "state.pt", bound_to, opponents)
    state.resume()
    if config.steps == 0:
        state.save()   # weights of another run, kept as they are
    task.network.train()
    recent: list[dict] = []
    snapshot_step = config.snapshot_step   # 0 once it is kept
    logger = Logger(folder / "log.jsonl", task.name, config.steps, resume_step=state.step)
    with InterruptGuard() as interrupt, logger:
        while not state.finished:
            recent.append(optimiser_step(task, state, seed, device))
            logger.tick(state.step)
            if snapshot_step and state.step >= snapshot_step:   # past it where training was begun with other settings
                state.keep_early()
                snapshot_step = 0
            last = state.step == config.steps
            if last or state.step % LOG_EVERY == 0:
                logger.log(state.step, **{key: sum(m[key] for m in recent) / len(recent) for key in recent[0]})
                recent.clear()
            stop = distributed.any_process(interrupt.requested)
            reported = last or config.preview_every and state.step % config.preview_every == 0
            if reported:
                measure(task, state, logger)
            if reported or stop or state.step % config.save_every == 0:
                state.save()   # before the preview: a disk too full for the picture must not cost the steps
            if reported and distributed.is_main():
                task.preview(state.ema.average, folder / "previews" / f"{task.name}_{state.step:06d}.png")
            if stop:
                raise Interrupted(f"stopped at {task.name} step {state.step} of {config.steps}; all is saved, "
                                  "and the same command continues")
    return state.ema.average


def measure(task: Task, state: TrainingState, logger: Logger) -> None:
    """Log the averaged network's held-out metrics, and what they mean for the patience."""
    if distributed.is_main():
        metrics = task.validate(state.ema.average)
        logger.log(state.step, **{f"validation_{key}": value for key, value in metrics.items()})
        if state.step > state.config.snapshot_step:   # weights that draw are to be later than those guided away from
            state.patience.observe(state.step, metrics, state.ema.average)
        if state.patience.ended:
            logger.log(state.step, ended=state.patience.reason())
    state.patience.ended = distributed.any_process(state.patience.ended)   # only the main process has measured
