"""The training objective: noise a latent, predict, weigh the loss; and the denoiser that a trained network makes."""

from torch import nn
import torch

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
    a weight of 1 there (gamma + 1, or gamma 0) was recognised as well, but drew less diverse images on measured walks.
    """
    if gamma == 0:
        return torch.ones_like(snr)
    weight = snr.clamp(max=gamma)
    return {"x0": weight, "eps": weight / snr.clamp_min(1e-8), "v": weight / (snr + 1)}[prediction]


def drop_users(user, null_user: int, share: float, generator):
    """Replace each user independently, with probability `share`, by the null user (Ho & Salimans 2022, alg. 1)."""
    drop = torch.rand(user.shape, generator=generator, device=user.device) < share
    return torch.where(drop, null_user, user)


def draw_times(schedule, config: DiffusionConfig, count: int, generator, device):
    """Timesteps [count] int64 to train at, uniform in t or log-normal in sigma = sqrt(1 / alpha-bar - 1).

    Log-normal (Karras et al. 2022, sec. 5) takes the step whose ln sigma is nearest to a normal draw; a last step of
    infinite sigma is never nearest.
    """
    if config.noise_levels == "uniform":
        return torch.randint(schedule.num_timesteps, (count,), generator=generator, device=device)
    log_sigma = -0.5 * schedule.snr(torch.arange(schedule.num_timesteps)).log()           # [T], rising
    drawn = torch.randn(count, generator=generator, device=device)
    middles = ((log_sigma[1:] + log_sigma[:-1]) / 2).to(device)
    return torch.bucketize(config.lognormal_mean + config.lognormal_deviation * drawn, middles)


def diffusion_loss(network, schedule, config: DiffusionConfig, x0, user, generator, change=None):
    """Weighted squared error of one noised batch (Ho et al. 2020, eq. 14, with the weight above).

    x0: [B, c, h, w] normalised latents; user: [B] int64; generator: draws time, noise and dropped users; change:
    [B, 2], how the images of x0 were augmented, for a network that is told of it.
    Returns the scalar loss and each sample's unweighted error [B].
    """
    t = draw_times(schedule, config, len(user), generator, x0.device)
    noise = torch.randn(x0.shape, generator=generator, device=x0.device)
    user = drop_users(user, network.num_users, config.label_dropout, generator)
    told = (t, user) if change is None else (t, user, change)
    output = network(schedule.add_noise(x0, noise, t), *told)            # [B, c, h, w]
    target = {"eps": noise, "x0": x0, "v": schedule.velocity(x0, noise, t)}[config.prediction]
    error = (output.float() - target).square().flatten(1).mean(dim=1)    # [B]
    weight = min_snr_weight(schedule.snr(t).to(error), config.min_snr_gamma, config.prediction)
    return (weight * error).mean(), error.detach()


class Denoiser(nn.Module):
    """denoiser(x_t [B,c,h,w], t [B], user [B]) -> x0_hat [B,c,h,w], from a network and what it predicts."""

    def __init__(self, network, schedule: NoiseSchedule, prediction: str):
        super().__init__()
        self.network, self.schedule, self.prediction = network, schedule, prediction

    def forward(self, x_t, t, user):
        return self.schedule.to_x0(self.network(x_t, t, user).float(), x_t, t, self.prediction)
