import pytest
import torch

from mdgen.errors import RequestError
from mdgen.schedulers import NoiseSchedule, ddim_step, ddpm_step, sample_ddim, sample_ddpm, spaced_timesteps

SCHEDULES = [NoiseSchedule.linear(50), NoiseSchedule.cosine(50),
             NoiseSchedule.cosine(50, zero_terminal_snr=True)]
USER = torch.zeros(5, dtype=torch.int64)


def bend(x, t, user):
    """A denoiser that is no data set's, so that no symmetry of a good one can hide a fault."""
    return x / (1 + x**2) - t[:, None, None, None] / 100


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stride", [1, 7])
def test_a_step_with_eta_one_is_the_posterior_step(images, schedule, stride):
    x_t, x0, noise = images(0), images(1), images(2)
    for now in range(50):
        t, t_prev = torch.full((5,), now), torch.full((5,), max(now - stride, -1))
        ddim = ddim_step(schedule, x_t, x0, t, t_prev, eta=1.0, noise=noise)
        torch.testing.assert_close(ddim, ddpm_step(schedule, x_t, x0, t, t_prev, noise), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_sampling_with_eta_one_over_all_timesteps_is_ddpm(images, schedule):
    timesteps = spaced_timesteps(50, 50, "trailing")
    ddim, ddpm = (
        sample(bend, schedule, images(0), timesteps, USER,
               generators=[torch.Generator().manual_seed(k) for k in range(5)], **options)
        for sample, options in ((sample_ddim, {"eta": 1.0}), (sample_ddpm, {})))
    torch.testing.assert_close(ddim, ddpm, rtol=1e-6, atol=1e-6)
    assert (ddim - sample_ddim(bend, schedule, images(0), timesteps, USER)).abs().max() > 0.01


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_with_the_true_image_a_step_keeps_the_noise_it_found(images, schedule):
    x0, noise = images(0), images(1)
    t, t_prev = torch.tensor([49, 30, 20, 10, 1]), torch.tensor([48, 5, 0, -1, 0])
    step = ddim_step(schedule, schedule.add_noise(x0, noise, t), x0, t, t_prev)
    torch.testing.assert_close(step, schedule.add_noise(x0, noise, t_prev))


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_any_eta_leaves_the_marginal_variance(eta):
    schedule, zero = NoiseSchedule.cosine(50), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    t, t_prev, one = torch.tensor([40]), torch.tensor([25]), torch.ones_like(zero)
    x_t = (1 - schedule.alpha_bar(t, one)).sqrt()
    from_noise_found = ddim_step(schedule, x_t, zero, t, t_prev, eta, zero)
    from_noise_added = ddim_step(schedule, zero, zero, t, t_prev, eta, one)
    torch.testing.assert_close(from_noise_found**2 + from_noise_added**2, 1 - schedule.alpha_bar(t_prev, one))
    assert (from_noise_added > 0).item() == (eta > 0)


def test_missing_noise_and_impossible_eta_are_refused(images):
    schedule, x, timesteps = NoiseSchedule.cosine(50), images(0), torch.tensor([49, 20])
    t, t_prev = torch.full((5,), 20), torch.full((5,), 3)
    with pytest.raises(ValueError, match="pass noise"):
        ddim_step(schedule, x, x, t, t_prev, eta=0.5)
    assert torch.equal(ddim_step(schedule, x, x / 2, t, torch.full((5,), -1), eta=0.5), x / 2)
    with pytest.raises(ValueError, match="one per image"):
        sample_ddim(bend, schedule, x, timesteps, USER, eta=0.5)
    for eta in (-0.1, 1.5):
        with pytest.raises(RequestError, match=f"eta is {eta}"):
            sample_ddim(bend, schedule, x, timesteps, USER, eta=eta)
