"""What a run would be: its configuration, sizes, memory and steps, and one real step of every stage.

Nothing is read but the user folders (if given), and nothing is written.
"""

import resource
import sys
import time
from pathlib import Path

import torch

from mdgen.config import Config, TrainingConfig
from mdgen.diffusion.objective import diffusion_loss, make_schedule
from mdgen.losses.autoencoder import kl_divergence, reconstruction_error
from mdgen.models import VAE
from mdgen.run_folder import RunFolder, Users, listing
from mdgen.training.gradient_checkpointing import checkpointed
from mdgen.training.logger import duration
from mdgen.training.loop import TrainingState

ASSUMED_USERS = 10


def dry_run(config: Config, users: Users | None, num_users: int | None, device) -> list[str]:
    """Lines that describe the run, after one step of each stage on random images of the right shape.

    users: of the data folder; None if none was given, then `num_users` (or 10) are assumed and colour channels
    "auto" count as one intensity channel.
    """
    names = users.names if users else [f"ID_{i + 1}" for i in range(num_users or assumed_users(config))]
    channels = users.channels if users else config.data.channels.replace("auto", "intensity")
    run = RunFolder(Path("."), config, Users(names, "", channels, None))
    vae, unet = run.new_vae(), run.new_unet()
    for network, training in ((vae, config.vae_training), (unet, config.diffusion_training)):
        if training.gradient_checkpointing:
            network.run_block = checkpointed
    image = (run.image_channels, config.data.height, config.data.width)
    lines = [config.to_json(), f"users       {listing(names)}{'' if users else ' (assumed: no --data-dir)'}",
             f"images      {shape(image)}   latents {shape(run.latent_shape)}   device {device}"]
    lines.append(stage_line("vae", vae, config.vae_training, lambda n, g: vae_loss(vae, config, image, n, device, g),
                            device))
    schedule = make_schedule(config.diffusion)

    def unet_loss(count, generator):
        latents = torch.randn(count, *run.latent_shape, device=device).contiguous(memory_format=torch.channels_last)
        user = torch.zeros(count, dtype=torch.int64, device=device)
        return diffusion_loss(unet, schedule, config.diffusion, latents, user, generator)[0]

    lines.append(stage_line("diffusion", unet, config.diffusion_training, unet_loss, device))
    return lines


def assumed_users(config: Config) -> int:
    """How many users a run without a data folder has: for the demo those it would simulate."""
    if config.preset != "demo":
        return ASSUMED_USERS
    from mdgen.data.demo import NUM_USERS   # the simulator loads only for those who need it
    return NUM_USERS


def vae_loss(vae: VAE, config: Config, image, count: int, device, generator):
    images = (torch.rand(count, *image, device=device) * 2 - 1).contiguous(memory_format=torch.channels_last)
    reconstruction, mean, log_variance = vae(images, generator)
    return (reconstruction_error(reconstruction, images, config.vae.reconstruction)
            + config.vae.kl_weight * kl_divergence(mean, log_variance))


def stage_line(name: str, network, config: TrainingConfig, loss, device) -> str:
    """Take two optimiser steps (the first warms up) and report size, time and peak memory."""
    network.to(device, memory_format=torch.channels_last).train()
    state = TrainingState(network, config, device, Path("unused"))
    generator = torch.Generator(device).manual_seed(0)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(2):
        began = time.perf_counter()
        for _ in range(config.accumulation):
            with state.precision.autocast():
                value = loss(config.batch_size, generator)
            state.precision.backward(value / config.accumulation)
        state.precision.step(state.optimizer, list(network.parameters()), config.gradient_clip)
        state.optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - began
    parameters = sum(p.numel() for p in network.parameters())
    return (f"{name:<12}{parameters / 1e6:.2f} M parameters   {config.steps} steps of {config.batch_size} x "
            f"{config.accumulation} images   precision {state.precision.mode}   {seconds:.2f} s a step, about "
            f"{duration(seconds * config.steps)} in all   peak memory {peak_memory_gib(device):.2f} GiB")


def peak_memory_gib(device) -> float:
    """Largest memory so far: of the GPU's allocator, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def shape(size) -> str:
    return " x ".join(map(str, size))
