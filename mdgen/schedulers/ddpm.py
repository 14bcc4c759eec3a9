"""Ancestral sampling with the posterior of the forward process (Ho et al. 2020)."""

import torch

from mdgen.schedulers.timesteps import draw_noise, transitions


def ddpm_step(schedule, x_t, x0_hat, t, t_prev, noise):
    """One draw from q(x_{t_prev} | x_t, x0_hat) (Ho et al. 2020, eq. 6 and 7; the smaller variance).

    x_t, x0_hat, noise: [B, C, H, W].  t, t_prev: [B] int64, t_prev < t, any stride; t_prev = -1 means
    alpha-bar 1, where the result is x0_hat whatever the noise. Returns x_{t_prev}.
    """
    a, a_prev = schedule.alpha_bar(t, x_t), schedule.alpha_bar(t_prev, x_t)  # [B, 1, 1, 1]
    alpha = a / a_prev                                                       # of the whole stride
    share = (1 - a_prev) / (1 - a)                                           # of the noise, left at t_prev
    mean = a_prev.sqrt() * ((1 - alpha) / (1 - a)) * x0_hat + alpha.sqrt() * share * x_t
    return mean + (share * (1 - alpha)).sqrt() * noise


@torch.no_grad()
def sample_ddpm(denoiser, schedule, x_T, timesteps, user, *, generators=None):
    """Draw x_0 [B, C, H, W] from x_T by one posterior step per timestep.

    denoiser(x_t, t [B], user [B]) -> x0_hat.  timesteps: descending int64, see spaced_timesteps; all T is the
    method of the paper.  user: [B] int64.  generators: one torch.Generator per image, needed for more than
    one step.  ValueError for missing generators or unordered timesteps.
    """
    x = x_T
    for t, t_prev, last in transitions(schedule, timesteps, x_T):
        x0_hat = denoiser(x, t, user)
        noise = torch.zeros_like(x) if last else draw_noise(generators, x)
        x = ddpm_step(schedule, x, x0_hat, t, t_prev, noise)
    return x
