"""Noise schedules and samplers: how a latent is noised in training and walked back when an image is generated.

A schedule is a table of alpha-bar; a sampler is a pure function of (denoiser, schedule, x_T, timesteps, user)
that calls `denoiser(x_t [B, c, h, w], t [B], user [B]) -> x0_hat` once per timestep and keeps no state.
Randomness comes only from the given generators, one per image, so that an image does not depend on who shares
its batch.
"""

from mdgen.schedulers.ddim import ddim_step, sample_ddim
from mdgen.schedulers.ddpm import ddpm_step, sample_ddpm
from mdgen.schedulers.dpm_solver import dpmpp_2m_step, sample_dpmpp_2m
from mdgen.schedulers.noise_schedule import PREDICTIONS, NoiseSchedule
from mdgen.schedulers.timesteps import SPACINGS, draw_noise, spaced_timesteps

SAMPLERS = {"ddim": sample_ddim, "ddpm": sample_ddpm, "dpm": sample_dpmpp_2m}   # by their names in the settings

__all__ = [
    "NoiseSchedule", "PREDICTIONS", "SAMPLERS", "SPACINGS", "ddim_step", "ddpm_step", "dpmpp_2m_step", "draw_noise",
    "sample_ddim", "sample_ddpm", "sample_dpmpp_2m", "spaced_timesteps",
]
