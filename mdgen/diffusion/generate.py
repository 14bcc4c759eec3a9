"""Users and seeds to images: noise, sampler, decoder."""

import hashlib

import torch

from mdgen.config import SamplingConfig
from mdgen.diffusion.guidance import guided_by
from mdgen.schedulers import sample_ddim, sample_ddpm, sample_dpmpp_2m, spaced_timesteps


def image_seed(seed: int, user: str, index: int) -> int:
    """The seed of one image: the same for a user's index-th image whatever else is drawn beside it."""
    digest = hashlib.sha256(f"{seed}/{user}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1    # fits a signed 64-bit integer


def initial_noise(seeds, shape, device):
    """One generator per image, on the CPU so that every device starts from the same noise.

    seeds: B integers; shape: (c, h, w). Returns x_T [B, c, h, w] and the B generators, ready for the sampler.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.randn(shape, generator=g) for g in generators]).to(device), generators


@torch.inference_mode()
def generate(denoiser, vae, statistics, schedule, config: SamplingConfig, users, seeds, shape, guide=None):
    """Draw one image per (user, seed).

    denoiser: the contract's; vae: with `decode`; statistics: `LatentStatistics`; users: [B] int64 indices;
    seeds: B integers; shape: (c, h, w) of one latent; guide: see `guided_by`. Returns [B, C, H, W] in [-1, 1].
    Images do not depend on the batch that they are drawn in, up to the rounding of the device's kernels.
    """
    x_T, generators = initial_noise(seeds, shape, users.device)
    guided = guided_by(config, denoiser, schedule, guide)
    timesteps = spaced_timesteps(schedule.num_timesteps, config.steps, config.spacing)
    if config.sampler == "ddim":
        latents = sample_ddim(guided, schedule, x_T, timesteps, users, generators=generators, eta=config.eta)
    else:
        sample = {"ddpm": sample_ddpm, "dpm": sample_dpmpp_2m}[config.sampler]
        latents = sample(guided, schedule, x_T, timesteps, users, generators=generators)
    return vae.decode(statistics.restore(latents)).clamp(-1.0, 1.0)
