import math

import pytest
import torch

from mdgen.schedulers import NoiseSchedule, ddim_step, dpmpp_2m_step, sample_ddim, sample_dpmpp_2m, spaced_timesteps


def full(t):
    return torch.full((5,), t)


def test_without_history_a_step_is_ddims(images):
    x_t, x0 = images(0), images(1)
    for schedule in (NoiseSchedule.linear(50), NoiseSchedule.cosine(50, zero_terminal_snr=True)):
        for t, t_prev in ((49, 48), (49, 0), (30, 11), (3, -1), (49, -1)):
            step = dpmpp_2m_step(schedule, x_t, x0, full(t), full(t_prev))
            torch.testing.assert_close(step, ddim_step(schedule, x_t, x0, full(t), full(t_prev)))


def test_a_step_with_history_is_algorithm_2_in_its_logarithms(images):
    schedule = NoiseSchedule.scaled_linear(50, 0.01, 0.2)
    x_t, x0, x0_before = images(0), images(1), images(2)

    def level(t):
        a = schedule.alphas_cumprod[t].double().item()
        return math.sqrt(a), math.sqrt(1 - a), math.log(math.sqrt(a) / math.sqrt(1 - a))

    for before, t, t_prev in ((49, 40, 20), (20, 19, 18), (30, 4, 0)):
        (_, _, l_before), (_, sigma, lam) = level(before), level(t)
        alpha_prev, sigma_prev, l_prev = level(t_prev)
        h, r = l_prev - lam, (lam - l_before) / (l_prev - lam)
        data = (1 + 1 / (2 * r)) * x0 - x0_before / (2 * r)
        expected = sigma_prev / sigma * x_t - alpha_prev * math.expm1(-h) * data
        step = dpmpp_2m_step(schedule, x_t, x0, full(t), full(t_prev), x0_before, full(before))
        torch.testing.assert_close(step, expected)


def test_the_step_to_alpha_bar_one_is_the_estimate_even_after_alpha_bar_zero(images):
    schedule, x0 = NoiseSchedule.linear(50, zero_terminal_snr=True), images(1)
    for t, before in ((0, 1), (20, 30), (20, 49)):
        step = dpmpp_2m_step(schedule, images(0), x0, full(t), full(-1), images(2), full(before))
        assert torch.equal(step, x0)


def test_after_alpha_bar_zero_the_correction_is_that_of_the_least_alpha_bar(images):
    x_t, x0, x0_before = images(0), images(1), images(2)

    def correction(terminal):
        schedule = NoiseSchedule(torch.tensor([0.8, 0.2, terminal]))
        corrected = dpmpp_2m_step(schedule, x_t, x0, full(1), full(0), x0_before=x0_before, t_before=full(2))
        return corrected - dpmpp_2m_step(schedule, x_t, x0, full(1), full(0))

    lam = [math.log(a / (1 - a)) / 2 for a in (0.8, 0.2, 2.0**-24)]
    weight = (lam[0] - lam[1]) / (lam[1] - lam[2]) / 2 * (0.8**0.5 - (0.2 * 0.2 / 0.8) ** 0.5)
    torch.testing.assert_close(correction(0.0), weight * (x0 - x0_before), rtol=1e-5, atol=1e-6)
    assert correction(1e-3).abs().max() > correction(0.0).abs().max()


@pytest.mark.parametrize("sampler, steps, expected", [
    (sample_dpmpp_2m, 10, [1.118848, -0.01094121, 0.2019906]),
    (sample_dpmpp_2m, 20, [1.14016, -0.01373763, 0.2015953]),
    (sample_ddim, 10, [1.014547, 0.03099008, 0.2021855]),
    (sample_ddim, 20, [1.078113, 0.008954164, 0.2016044])])
def test_a_trajectory_agrees_with_an_implementation_by_others(sampler, steps, expected):
    """The same network output as v, cosine schedule, "trailing": the numbers are diffusers 0.35.2's."""
    schedule = NoiseSchedule.cosine()

    def denoiser(x, t, user):
        return schedule.to_x0(x / (1 + x * x) - t[:, None, None, None] / 2000, x, t, "v")

    x_T = torch.tensor([1.5, -0.7, 0.2]).reshape(1, 3, 1, 1)
    x0 = sampler(denoiser, schedule, x_T, spaced_timesteps(1000, steps, "trailing"), torch.zeros(1).long())
    assert x0.flatten().tolist() == pytest.approx(expected, abs=3e-6)
