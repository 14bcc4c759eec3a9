"""What a run would be: its configuration, sizes, memory and steps, and one real step of every stage.

Nothing is read but the user folders (if given), and nothing is written.
"""

import resource
import sys
import time
from pathlib import Path

import torch

from mdgen.config import Config, TrainingConfig
from mdgen.data.latents import LatentCache, LatentStatistics
from mdgen.runs.folder import RunFolder, Users, listing
from mdgen.training.log import duration
from mdgen.training.loop import TrainingState, optimiser_step
from mdgen.training.stages.diffusion import DiffusionTask
from mdgen.training.stages.image_loss import joint_image_loss, vae_image_loss
from mdgen.training.stages.joint import JointTask
from mdgen.training.stages.vae import VAETask

ASSUMED_USERS = 10


def dry_run(config: Config, users: Users | None, num_users: int | None, device) -> list[str]:
    """Lines that describe the run, after one step of each stage on random images of the right shape.

    users: of the data folder; None if none was given, then `num_users` (or 10) are assumed and colour channels
    "auto" count as one intensity channel.
    """
    names = users.names if users else [f"ID_{i + 1}" for i in range(num_users or assumed_users(config))]
    channels = users.channels if users else config.data.channels.replace("auto", "intensity")
    run = RunFolder(Path("."), config, Users(names, "", channels, None))
    image = run.image_shape
    lines = [config.to_json(), f"users       {listing(names)}{'' if users else ' (assumed: no --data-dir)'}",
             f"images      {shape(image)}   latents {shape(run.latent_shape)}   device {device}"]
    return lines + [stage_line(task, training, device) for task, training in stage_tasks(run, device)]


def stage_tasks(run: RunFolder, device):
    """Yield (a task on random images, its TrainingConfig) of every stage that `train.py` trains unless told which."""
    image, config = run.image_shape, run.config
    stages = [(vae_task, config.vae_training), (diffusion_task, config.diffusion_training)]
    if config.joint.in_all:
        stages.append((joint_task, config.joint_training))
    for make_task, training in stages:
        if training.steps:   # none for an autoencoder that is kept as another run has made it
            yield make_task(run, image, device), training


def assumed_users(config: Config) -> int:
    """How many users a run without a data folder has: for the demo those it would simulate."""
    if config.preset != "demo":
        return ASSUMED_USERS
    from mdgen.data.demo import NUM_USERS  # the simulator loads only for those who need it
    return NUM_USERS


class RandomImages:
    """Stands for a split: random images of the right shape, all of the first user."""

    def __init__(self, image: tuple, count: int):
        self.image, self.train, self.train_users = image, torch.arange(count), torch.zeros(count, dtype=torch.int64)

    def train_images(self, indices):
        return torch.rand(len(indices), *self.image) * 2 - 1


def vae_task(run: RunFolder, image, device) -> VAETask:
    vae = run.new_vae().to(device, memory_format=torch.channels_last)
    images = RandomImages(image, run.config.vae_training.batch_size)
    return VAETask(run, images, vae, vae_image_loss(run, device, trained=False), device)


def diffusion_task(run: RunFolder, image, device) -> DiffusionTask:
    count = run.config.diffusion_training.batch_size
    statistics = LatentStatistics(*torch.tensor([0.0, 1.0]).expand(run.latent_shape[0], 2).T[:, :, None, None])
    latents = torch.randn(count, *run.latent_shape)
    images = RandomImages(image, count)
    cache = LatentCache(latents, torch.full_like(latents, 0.1), images.train_users, statistics, "", run.users.names)
    return DiffusionTask(run, images, run.new_vae().to(device), cache, device)


def joint_task(run: RunFolder, image, device) -> JointTask:
    base = diffusion_task(run, image, device)
    return JointTask(run, base.split, base.vae, base.cache, device, base.network, joint_image_loss(run, device))


def stage_line(task, config: TrainingConfig, device) -> str:
    """Size, time of a real step and peak memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds, precision = step_seconds(task, config, device)
    parameters = sum(p.numel() for p in task.network.parameters())
    return (f"{task.name:<12}{parameters / 1e6:.2f} M parameters   {config.steps} steps of {config.batch_size} x "
            f"{config.accumulation} images   precision {precision}   {seconds:.2f} s a step, about "
            f"{duration(seconds * config.steps)} in all   peak memory {peak_memory_gib(device):.2f} GiB")


def step_seconds(task, config: TrainingConfig, device) -> tuple[float, str]:
    """Take two optimiser steps, of which the first warms up: seconds of the second, and the mode of precision."""
    task.network.train()
    state = TrainingState(task, config, device, Path("unused"))
    for _ in range(2):
        state.step = config.steps - 1   # when all losses count
        began = time.perf_counter()
        optimiser_step(task, state, 0, device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - began
    return seconds, state.main.precision.mode


def peak_memory_gib(device) -> float:
    """Largest memory so far: of the GPU's allocator, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def shape(size) -> str:
    return " x ".join(map(str, size))
