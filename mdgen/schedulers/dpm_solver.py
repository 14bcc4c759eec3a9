"""DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095): the sampling ODE to second order in several steps."""

import torch

from mdgen.schedulers.timesteps import transitions

LEAST_ALPHA_BAR = 2.0**-24   # what other implementations put for 0 under zero terminal SNR: results agree with theirs


def dpmpp_2m_step(schedule, x_t, x0_hat, t, t_prev, x0_before=None, t_before=None):
    """One step in data prediction, midpoint form (Lu et al. 2022, algorithm 2).

    x_t, x0_hat: [B, C, H, W].  t, t_prev: [B] int64, t_prev < t.  x0_before: the prediction of the step
    before this one, made at t_before > t; without it, and where t_prev = -1 (the result is x0_hat), the step
    is first order, which is DDIM's. Returns x_{t_prev}.

    alpha-bar 0 needs no exception: e^{-h} is written without logarithms, and after a step from lambda = -inf
    the correction vanishes, since h_before is infinite.
    """
    a, a_prev = schedule.alpha_bar(t, x_t), schedule.alpha_bar(t_prev, x_t)  # [B, 1, 1, 1]
    ratio = ((1 - a_prev) / (1 - a)).sqrt()                                  # sigma_prev / sigma
    data = x0_hat
    if x0_before is not None:
        a_before = schedule.alpha_bar(t_before, x_t)
        a_before = torch.where(a_before == 0, LEAST_ALPHA_BAR, a_before)
        h, h_before = a_prev.logit() - a.logit(), a.logit() - a_before.logit()  # lambda is half the logit
        extrapolation = torch.where(a_prev < 1, h / (2 * h_before), 0)          # 1 / (2 r)
        data = x0_hat + extrapolation * (x0_hat - x0_before)
    return ratio * x_t + (a_prev.sqrt() - ratio * a.sqrt()) * data           # alpha_prev (1 - e^{-h}) data


@torch.no_grad()
def sample_dpmpp_2m(denoiser, schedule, x_T, timesteps, user, *, generators=None):
    """Draw x_0 [B, C, H, W] from x_T by DPM-Solver++(2M): the first and last step first order.

    denoiser(x_t, t [B], user [B]) -> x0_hat.  timesteps: descending int64, see spaced_timesteps; 10 to 25
    usually do.  user: [B] int64.  generators: taken as by the other samplers, not used, for nothing is drawn.
    ValueError for unordered timesteps.
    """
    x, x0_before, t_before = x_T, None, None
    for t, t_prev, _ in transitions(schedule, timesteps, x_T):
        x0_hat = denoiser(x, t, user)
        x = dpmpp_2m_step(schedule, x, x0_hat, t, t_prev, x0_before, t_before)
        x0_before, t_before = x0_hat, t
    return x
