"""Users and seeds to images: noise, sampler, decoder."""

import torch

from mdgen.config import SamplingConfig
from mdgen.diffusion.guidance import Guides, guided_by
from mdgen.diffusion.objective import Denoiser
from mdgen.schedulers import SAMPLERS, spaced_timesteps


@torch.inference_mode()
def generate(denoiser: Denoiser, vae, statistics, sampling: SamplingConfig, users, seeds, shape,
             guides: Guides = Guides()):
    """Generate one image per (user, seed).

    vae: with `decode`; statistics: `LatentStatistics`; users: [B] int64 indices; seeds: B integers; shape: (c, h, w)
    of one latent; guides: see `guided_by`. Returns [B, C, H, W] in [-1, 1]. Images do not depend on the batch that
    they are generated in, up to the rounding of the device's kernels.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]   # on the CPU: all devices start alike
    x_T = torch.stack([torch.randn(shape, generator=g) for g in generators]).to(users.device)   # [B, c, h, w]
    schedule, guided = denoiser.schedule, guided_by(sampling, denoiser, guides)
    timesteps = spaced_timesteps(schedule.num_timesteps, sampling.steps, sampling.spacing)
    options = {"eta": sampling.eta} if sampling.sampler == "ddim" else {}
    latents = SAMPLERS[sampling.sampler](guided, schedule, x_T, timesteps, users, generators=generators, **options)
    return vae.decode(statistics.restore(latents)).clamp(-1.0, 1.0)
