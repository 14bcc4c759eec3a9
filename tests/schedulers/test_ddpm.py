import pytest
import torch

from mdgen.schedulers import NoiseSchedule, ddpm_step, sample_ddpm


@pytest.mark.parametrize("t, t_prev", [(49, 48), (49, 10), (20, 19), (20, 0), (1, 0)])
def test_a_step_is_the_product_of_prior_and_likelihood(images, t, t_prev):
    schedule, x_t, x0, noise = NoiseSchedule.cosine(50), images(0), images(1), images(2)
    a, a_prev = schedule.alphas_cumprod[[t, t_prev]].double()
    alpha = a / a_prev
    # q(x_prev | x0) = N(sqrt(a_prev) x0, 1 - a_prev);  q(x_t | x_prev) = N(sqrt(alpha) x_prev, 1 - alpha)
    precision = 1 / (1 - a_prev) + alpha / (1 - alpha)
    mean = (a_prev.sqrt() * x0 / (1 - a_prev) + alpha.sqrt() * x_t / (1 - alpha)) / precision
    step = ddpm_step(schedule, x_t, x0, torch.full((5,), t), torch.full((5,), t_prev), noise)
    torch.testing.assert_close(step, mean + noise / precision.sqrt(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("t", [0, 1, 30, 49])
def test_the_step_to_alpha_bar_one_is_the_estimate_whatever_the_noise(images, t):
    schedule = NoiseSchedule.linear(50, zero_terminal_snr=True)
    x_t, x0, noise = (images(seed).float() for seed in range(3))
    step = ddpm_step(schedule, x_t, x0, torch.full((5,), t), torch.full((5,), -1), noise)
    assert torch.equal(step, x0)


def test_from_alpha_bar_zero_a_step_forgets_x_t(images):
    schedule, x0, noise = NoiseSchedule.cosine(50, zero_terminal_snr=True), images(1), images(2)
    t, t_prev = torch.full((5,), 49), torch.full((5,), 30)
    step = ddpm_step(schedule, images(0), x0, t, t_prev, noise)
    torch.testing.assert_close(step, schedule.add_noise(x0, noise, t_prev))


def test_noise_is_required_except_for_a_single_step(images):
    schedule, x, user = NoiseSchedule.cosine(50), images(0), torch.zeros(5, dtype=torch.int64)

    def half(x, t, user):
        return x / 2

    with pytest.raises(ValueError, match="one per image"):
        sample_ddpm(half, schedule, x, torch.tensor([49, 20]), user)
    assert torch.equal(sample_ddpm(half, schedule, x, torch.tensor([49]), user), x / 2)
