"""Guidance wraps one denoiser into another: contract denoiser(x_t [B,c,h,w], t [B], user [B]) -> x0_hat [B,c,h,w]."""

from typing import NamedTuple

import torch
from torch import nn


class Guides(NamedTuple):
    """The networks that guide beside the denoiser, where a SamplingConfig asks for them.

    weak: a denoiser with the same errors, only larger ones (`autoguidance`); classifier: a NoisyClassifier.
    """

    weak: nn.Module | None = None
    classifier: nn.Module | None = None


def classifier_free(denoiser, null_user: int, scale: float):
    """uncond + scale (cond - uncond) on all channels (Ho & Salimans 2022, eq. 6, with scale = 1 + w).

    scale 1 is plain conditional sampling and costs one pass; any other scale costs two, run as one batch.
    """
    if scale == 1.0:
        return denoiser

    def guided(x_t, t, user):
        both = denoiser(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([user, torch.full_like(user, null_user)]))
        conditional, unconditional = both.chunk(2)                       # each [B, c, h, w]
        return unconditional + scale * (conditional - unconditional)

    return guided


def autoguidance(denoiser, weak, scale: float, null_user: int | None = None):
    """weak + scale (strong - weak), both for the same user (Karras et al. 2024, arXiv 2406.02507, eq. 3).

    weak: a denoiser with the same errors, only larger ones, such as an earlier checkpoint of the same network. Away
    from it there are fewer errors and as much variety; no null user takes part. scale 1 is `denoiser` alone.
    null_user: its index, where users stand behind it who are unknown to `weak` and are left as they are.
    """
    if scale == 1.0:
        return denoiser

    def guided(x_t, t, user):
        last = user.max() if null_user is None else null_user
        strong, worse = denoiser(x_t, t, user), weak(x_t, t, user.clamp(max=last))       # [B, c, h, w] each
        return torch.where((user <= last)[:, None, None, None], worse + scale * (strong - worse), strong)

    return guided


def both_guidances(denoiser, weak, cfg_scale: float, autoguidance_scale: float, in_interval):
    """cond + (cfg_scale - 1) (cond - uncond) + (autoguidance_scale - 1) (cond - weak): the sum of both pushes.

    Classifier-free guidance makes users recognisable. Autoguidance restores the texture and variety that this costs,
    because the errors of `weak` are those of `denoiser` enlarged, blur above all. in_interval(t) says where the former
    acts. Two passes, three in the interval. Users enrolled later (an index above the null user's) are unknown to
    `weak` and get classifier-free guidance only.
    """
    null_user = denoiser.num_users

    def guided(x_t, t, user):
        found = strong = denoiser(x_t, t, user)                          # [B, c, h, w]
        known = (user <= null_user)[:, None, None, None]
        if known.any():
            found = found + (autoguidance_scale - 1.0) * known * (strong - weak(x_t, t, user.clamp(max=null_user)))
        if cfg_scale != 1.0 and in_interval(t):
            found = found + (cfg_scale - 1.0) * (strong - denoiser(x_t, t, torch.full_like(user, null_user)))
        return found

    return guided


def classifier_guidance(denoiser, classifier, schedule, scale: float):
    """eps - sqrt(1 - alpha-bar) scale grad log p(user | x_t, t) (Dhariwal & Nichol 2021, alg. 2), as a shift of x0_hat.

    classifier(x_t, t) -> logits [B, K] of the real users, differentiable in x_t. In x0_hat the shift is
    scale (1 - alpha-bar) / sqrt(alpha-bar) grad. Where alpha-bar is 0, x_t is noise alone, no classifier knows
    anything, and there is none. scale 0 is `denoiser` alone; around the conditional denoiser, scale s of an exact
    classifier is classifier-free guidance at 1 + s, around an unconditional one at s. It needs no gradient mode of
    its caller, who may be in inference mode.
    """
    if scale == 0.0:
        return denoiser

    def guided(x_t, t, user):
        a = schedule.alpha_bar(t, x_t)                                   # [B, 1, 1, 1]
        factor = torch.where(a > 0, scale * (1 - a) / a.sqrt(), torch.zeros_like(a))
        return denoiser(x_t, t, user) + factor * log_probability_gradient(classifier, x_t, t, user)

    return guided


def log_probability_gradient(classifier, x_t, t, user):
    """Gradient of log p(user | x_t, t) with respect to x_t: [B, c, h, w]."""
    with torch.inference_mode(False), torch.enable_grad():
        # copies, since autograd takes no tensors made in inference mode
        x_t, t, user = x_t.detach().clone().requires_grad_(), t.clone(), user.clone()
        log_p = classifier(x_t, t).log_softmax(dim=1).gather(1, user[:, None])
        return torch.autograd.grad(log_p.sum(), x_t)[0]


def within(guided, plain, schedule, interval):
    """`guided` where the noise level lies in the interval, `plain` elsewhere (Kynkäänniemi et al. 2024, 2404.07724).

    interval: see `lies_in`. Outside, one pass of `plain` is all.
    """
    if tuple(interval) == (0, 1):
        return guided

    def limited(x_t, t, user):
        return (guided if lies_in(interval, t, schedule) else plain)(x_t, t, user)

    return limited


def lies_in(interval, t, schedule) -> bool:
    """Whether the noise level of a batch lies in (low, high), shares t/T, 0 clean to 1 noise, ends included.

    All images of a batch share t in the samplers here, so t[0] decides.
    """
    low, high = interval
    return low <= int(t[0]) / schedule.num_timesteps <= high


def guided_by(sampling, denoiser, guides: Guides = Guides()):
    """The denoiser with every guidance of a SamplingConfig that is not neutral.

    denoiser: with its `schedule` and `num_users`. ValueError where guides lacks what is asked for.
    """
    schedule, users = denoiser.schedule, denoiser.num_users
    cfg, auto = sampling.cfg_scale != 1.0, sampling.autoguidance_scale != 1.0
    if auto and guides.weak is None or sampling.classifier_scale and guides.classifier is None:
        raise ValueError(f"guidance by {sampling} with {guides}; expected the network that it needs")
    guided = denoiser
    if auto and cfg:
        guided = both_guidances(denoiser, guides.weak, sampling.cfg_scale, sampling.autoguidance_scale,
                                lambda t: lies_in(sampling.cfg_interval, t, schedule))
    elif auto:
        guided = autoguidance(denoiser, guides.weak, sampling.autoguidance_scale, users)
    elif cfg:
        guided = within(classifier_free(denoiser, users, sampling.cfg_scale), denoiser, schedule, sampling.cfg_interval)
    return classifier_guidance(guided, guides.classifier, schedule, sampling.classifier_scale)


class NoisyClassifier(nn.Module):
    """classifier(x_t [B,c,h,w], t [B]) -> logits [B, K], from a network that sees sqrt(alpha-bar) x_t.

    For Gaussian users the true log p(user | x_t) depends on that product, so its gradient falls with sqrt(alpha-bar).
    Built in, this keeps the shift of x0_hat, which divides by sqrt(alpha-bar), bounded at every noise level.
    """

    def __init__(self, network, schedule):
        super().__init__()
        self.network, self.schedule = network, schedule

    def forward(self, x_t, t):
        return self.network(self.schedule.alpha_bar(t, x_t).sqrt() * x_t, t)
