"""The training objective: noise a latent, predict, weigh the loss; and the denoiser that a trained network makes."""

from typing import Protocol

import torch
from torch import nn

from mdgen.config import DiffusionConfig
from mdgen.schedulers import NoiseSchedule


def make_schedule(config: DiffusionConfig) -> NoiseSchedule:
    """The noise schedule that a configuration names."""
    make = getattr(NoiseSchedule, config.schedule)
    return make(num_timesteps=config.num_timesteps, zero_terminal_snr=config.zero_terminal_snr)


def min_snr_weight(snr, gamma: float, prediction: str):
    """Weight of each sample's squared error in the predicted quantity (Hang et al. 2023, sec. 3.4).

    snr: [B]. gamma = 0 gives 1. min(snr, gamma) weighs the error in x0; dividing by snr (eps) or snr + 1 (v)
    expresses it for that prediction. Returns [B]. Under zero terminal SNR the last timestep has weight 0 for x0 and v;
    a weight of 1 there (gamma + 1, or gamma 0) was recognised as well, but gave less diverse images on measured walks.
    """
    if gamma == 0:
        return torch.ones_like(snr)
    weight = snr.clamp(max=gamma)
    return {"x0": weight, "eps": weight / snr.clamp_min(1e-8), "v": weight / (snr + 1)}[prediction]


def drop_users(user, null_user: int, share: float, generator):
    """Replace each user independently, with probability `share`, by the null user (Ho & Salimans 2022, alg. 1)."""
    drop = torch.rand(user.shape, generator=generator, device=user.device) < share
    return torch.where(drop, null_user, user)


def diffusion_loss(network, schedule, config: DiffusionConfig, x0, user, generator):
    """Weighted squared error of one noised batch (Ho et al. 2020, eq. 14, with the weight above).

    x0: [B, c, h, w] normalised latents; user: [B] int64; generator: draws time, noise and dropped users.
    Returns the scalar loss and each sample's unweighted error [B].
    """
    t = torch.randint(schedule.num_timesteps, user.shape, generator=generator, device=x0.device)
    noise = torch.randn(x0.shape, generator=generator, device=x0.device)
    user = drop_users(user, network.num_users, config.label_dropout, generator)
    output = network(schedule.add_noise(x0, noise, t), t, user)          # [B, c, h, w]
    target = {"eps": noise, "x0": x0, "v": schedule.velocity(x0, noise, t)}[config.prediction]
    error = (output.float() - target).square().flatten(1).mean(dim=1)    # [B]
    weight = min_snr_weight(schedule.snr(t).to(error), config.min_snr_gamma, config.prediction)
    return (weight * error).mean(), error.detach()


class Denoiser(Protocol):
    """denoiser(x_t [B,c,h,w], t [B], user [B]) -> x0_hat [B,c,h,w], with what those who use it need to know."""

    schedule: NoiseSchedule
    num_users: int              # real users, and the index of the null user; enrolled users stand behind it

    def __call__(self, x_t, t, user): ...


class NetworkDenoiser(nn.Module):
    """The Denoiser that a network makes, from what it predicts: "eps", "x0" or "v"."""

    def __init__(self, network, schedule: NoiseSchedule, prediction: str):
        super().__init__()
        self.network, self.schedule, self.prediction = network, schedule, prediction
        self.num_users = network.num_users

    def forward(self, x_t, t, user):
        return self.schedule.to_x0(self.network(x_t, t, user).float(), x_t, t, self.prediction)
