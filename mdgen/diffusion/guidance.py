"""Guidance wraps one denoiser into another."""

import torch


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
