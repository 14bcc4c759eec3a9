from dataclasses import replace

import pytest
import torch
from torch import nn

from mdgen.config import DiffusionConfig
from mdgen.diffusion.objective import NetworkDenoiser, diffusion_loss, drop_users, make_schedule, min_snr_weight

PLAIN = DiffusionConfig(min_snr_gamma=0.0, label_dropout=0.0, zero_terminal_snr=False)


class Oracle(nn.Module):
    """A network that knows x0 and answers exactly, plus `offset`; it notes what it was asked."""

    num_users = 5

    def __init__(self, schedule, prediction, x0, offset=0.0):
        super().__init__()
        self.schedule, self.prediction, self.x0, self.offset = schedule, prediction, x0, offset
        self.asked = []

    def forward(self, x_t, t, user):
        self.asked.append((x_t, t, user))
        a = self.schedule.alphas_cumprod[t][:, None, None, None]
        noise = (x_t - a.sqrt() * self.x0) / (1 - a).sqrt()
        answers = {"eps": noise, "x0": self.x0, "v": a.sqrt() * noise - (1 - a).sqrt() * self.x0}
        return answers[self.prediction] + self.offset


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def latents(count=64):
    return torch.randn(count, 2, 3, 4, generator=generator(9)), torch.arange(count) % 5


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_the_true_answer_has_no_loss_and_a_known_offset_a_known_one(prediction):
    config = replace(PLAIN, prediction=prediction)
    schedule, (x0, user) = make_schedule(config), latents()
    loss, error = diffusion_loss(Oracle(schedule, prediction, x0), schedule, config, x0, user, generator())
    assert loss < 1e-8 and error.shape == (64,)
    loss, error = diffusion_loss(Oracle(schedule, prediction, x0, 0.5), schedule, config, x0, user,
                                 generator())
    assert loss == pytest.approx(0.25, rel=1e-3) and error == pytest.approx(torch.full((64,), 0.25), rel=1e-3)


@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_the_weights_multiply_each_samples_error(prediction):
    config = replace(PLAIN, prediction=prediction, min_snr_gamma=5.0, zero_terminal_snr=True)
    schedule, (x0, user) = make_schedule(config), latents()
    oracle = Oracle(schedule, prediction, x0, 0.5)
    loss, error = diffusion_loss(oracle, schedule, config, x0, user, generator())
    a = schedule.alphas_cumprod[oracle.asked[0][1]]
    snr = a / (1 - a)
    weight = torch.minimum(snr, torch.tensor(5.0)) / (1 if prediction == "x0" else snr + 1)
    assert loss == pytest.approx(float((0.25 * weight).mean()), rel=1e-3)
    assert error == pytest.approx(torch.full((64,), 0.25), rel=1e-3)


def test_weights_of_all_predictions_are_the_same_weight_of_the_error_in_x0():
    """An error d in x0 is -sqrt(snr) d in eps and -sqrt(snr + 1) d in v at the same x_t."""
    snr = torch.tensor([1e-3, 0.2, 1.0, 4.9, 5.0, 5.1, 400.0])
    in_x0 = snr.clamp(max=5.0)
    assert torch.allclose(min_snr_weight(snr, 5.0, "x0"), in_x0)
    assert torch.allclose(min_snr_weight(snr, 5.0, "eps") * snr, in_x0)
    assert torch.allclose(min_snr_weight(snr, 5.0, "v") * (snr + 1), in_x0)
    assert torch.equal(min_snr_weight(snr, 0.0, "v"), torch.ones(7))
    assert torch.isfinite(min_snr_weight(torch.zeros(1), 5.0, "eps")).all()


def test_users_are_dropped_one_by_one_in_the_asked_share():
    user = torch.arange(20000) % 5
    dropped = drop_users(user, 5, 0.1, generator())
    gone = dropped == 5
    assert torch.equal(dropped[~gone], user[~gone])
    assert float(gone.float().mean()) == pytest.approx(0.1, abs=4 * (0.09 / 20000) ** 0.5)
    batches = gone.view(-1, 8).sum(dim=1)                # binomial: whole batches never fall together
    assert batches.float().var() == pytest.approx(8 * 0.09, rel=0.15) and batches.max() < 8
    assert torch.equal(drop_users(user, 5, 0.0, generator()), user)
    assert bool((drop_users(user, 5, 1.0, generator()) == 5).all())


def test_the_network_gets_noised_latents_dropped_users_and_every_time():
    config = replace(PLAIN, label_dropout=0.5, num_timesteps=4)
    schedule, (x0, user) = make_schedule(config), latents(400)
    oracle = Oracle(schedule, "v", x0)
    diffusion_loss(oracle, schedule, config, x0, user, generator())
    x_t, t, seen = oracle.asked[0]
    assert torch.bincount(t, minlength=4).min() > 60 and set(seen.tolist()) == {0, 1, 2, 3, 4, 5}
    a = schedule.alphas_cumprod[t][:, None, None, None]
    noise = (x_t - a.sqrt() * x0) / (1 - a).sqrt()
    assert abs(float(noise.mean())) < 0.05 and float(noise.std()) == pytest.approx(1, abs=0.03)


def test_one_generator_state_decides_everything():
    schedule, (x0, user) = make_schedule(PLAIN), latents(4)
    oracles = [Oracle(schedule, "v", x0) for _ in range(3)]
    for oracle, seed in zip(oracles, (0, 0, 1)):
        diffusion_loss(oracle, schedule, PLAIN, x0, user, generator(seed))
    first, same, other = (oracle.asked[0][0] for oracle in oracles)
    assert torch.equal(first, same) and not torch.equal(first, other)


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine"])
def test_make_schedule_follows_the_configuration(name):
    schedule = make_schedule(DiffusionConfig(schedule=name, num_timesteps=50, zero_terminal_snr=True))
    assert schedule.num_timesteps == 50 and schedule.alphas_cumprod[-1] == 0
    assert make_schedule(replace(PLAIN, schedule=name)).alphas_cumprod[-1] > 0


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_the_denoiser_gives_back_the_clean_latent(prediction):
    schedule, (x0, user) = make_schedule(PLAIN), latents(3)
    t = torch.tensor([5, 300, 700])
    x_t = schedule.add_noise(x0, torch.randn(x0.shape, generator=generator(3)), t)
    denoiser = NetworkDenoiser(Oracle(schedule, prediction, x0), schedule, prediction)
    assert torch.allclose(denoiser(x_t, t, user[:3]), x0, atol=1e-3)


def edm(sigma):
    """c_skip, c_out, c_in and lambda of Karras et al. 2022, table 1, for data of deviation 1."""
    total = sigma**2 + 1
    return 1 / total, sigma / total.sqrt(), 1 / total.sqrt(), total / sigma**2


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_edm_at_unit_variance_is_the_prediction_of_minus_v(name):
    schedule = make_schedule(replace(PLAIN, schedule=name))
    (y, _), t = latents(40), torch.linspace(0, 990, 40).long()
    y, n = y[:40].double(), torch.randn(40, 2, 3, 4, generator=generator(3), dtype=torch.float64)
    a = schedule.alphas_cumprod[t].double()[:, None, None, None]
    sigma = ((1 - a) / a).sqrt()
    c_skip, c_out, c_in, weight = edm(sigma)
    noisy = y + sigma * n
    assert torch.allclose(c_in * noisy, schedule.add_noise(y, n, t))
    velocity = schedule.velocity(y, n, t)
    assert torch.allclose((y - c_skip * noisy) / c_out, -velocity)           # eq. 8: what the network is to give
    assert torch.allclose(weight * c_out**2, torch.ones_like(a))             # so its weight in v is uniform
    output = velocity + 0.3 * torch.randn(y.shape, generator=generator(4), dtype=torch.float64)
    drawn = c_skip * noisy - c_out * output                                  # eq. 7
    assert torch.allclose(drawn, schedule.to_x0(output, c_in * noisy, t, "v"))
    assert torch.allclose(weight * (drawn - y) ** 2, (output - velocity) ** 2)


def test_the_loss_trains_at_noise_levels_uniform_in_time():
    schedule, (x0, user) = make_schedule(PLAIN), latents()
    oracle = Oracle(schedule, "v", x0, 0.5)
    loss, _ = diffusion_loss(oracle, schedule, PLAIN, x0, user, generator())
    assert loss == pytest.approx(0.25, rel=1e-3)       # uniform weights
    assert torch.equal(oracle.asked[0][1], torch.randint(1000, (64,), generator=generator()))   # as it always was
