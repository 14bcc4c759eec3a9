"""Denoising diffusion implicit models (Song et al. 2021): fewer, optionally deterministic steps."""

import torch

from mdgen.errors import RequestError
from mdgen.schedulers.timesteps import draw_noise, transitions


def ddim_step(schedule, x_t, x0_hat, t, t_prev, eta: float = 0.0, noise=None):
    """One DDIM update (Song et al. 2021, eq. 12 and 16).

    x_t, x0_hat, noise: [B, C, H, W].  t, t_prev: [B] int64, t_prev < t; t_prev = -1 means alpha-bar 1.
    eta = 0 is deterministic; eta = 1 is DDPM's posterior step. Returns x_{t_prev}.
    ValueError if eta > 0 without noise, unless every t_prev is -1, where none is added.
    """
    if noise is None and eta > 0 and bool((t_prev >= 0).any()):
        raise ValueError(f"a DDIM step with eta = {eta} adds noise: pass noise shaped like x_t, or eta = 0")
    a, a_prev = schedule.alpha_bar(t, x_t), schedule.alpha_bar(t_prev, x_t)  # [B, 1, 1, 1]
    eps = (x_t - a.sqrt() * x0_hat) / (1 - a).sqrt()
    sigma = eta * ((1 - a_prev) / (1 - a) * (1 - a / a_prev)).sqrt()
    mean = a_prev.sqrt() * x0_hat + (1 - a_prev - sigma**2).clamp_min(0).sqrt() * eps
    return mean if noise is None else mean + sigma * noise


@torch.no_grad()
def sample_ddim(denoiser, schedule, x_T, timesteps, user, *, generators=None, eta: float = 0.0):
    """Draw x_0 [B, C, H, W] from x_T by one DDIM update per timestep.

    denoiser(x_t, t [B], user [B]) -> x0_hat.  timesteps: descending int64, see spaced_timesteps.
    user: [B] int64.  eta: 0 (deterministic) to 1 (DDPM's noise).  generators: one torch.Generator per image,
    needed if eta > 0 and there is more than one step.
    RequestError for eta outside [0, 1]; ValueError for missing generators or unordered timesteps.
    """
    if not 0 <= eta <= 1:
        raise RequestError(f"eta is {eta}; expected 0 (deterministic DDIM) to 1 (as much noise as DDPM)")
    x = x_T
    for t, t_prev, last in transitions(schedule, timesteps, x_T):
        x0_hat = denoiser(x, t, user)
        noise = None if last or eta == 0 else draw_noise(generators, x)
        x = ddim_step(schedule, x, x0_hat, t, t_prev, eta, noise)
    return x
