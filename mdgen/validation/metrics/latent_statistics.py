"""Are latents what a diffusion model expects: of variance 1, none of them dead, not far from Gaussian?"""

import numpy as np
from scipy.special import ndtr

DEAD_VARIANCE = 0.01   # of posterior means over images; all of a channel's variance is 1 (Burda et al. 2016, sec. 4)


def latent_statistics(means, deviations, seed: int = 0) -> dict:
    """Statistics of every channel of normalised posteriors.

    means, deviations: of the posteriors, [N, c, h, w]. Latents are sampled from these with `seed`. Lists of c floats:
    mean, deviation: of the latents, over images and places; near 0 and 1 where the images are like the training ones.
    signal: variance of the posterior means over images, averaged over places. A channel below 0.01 is dead: it says
    nothing about the image. skewness, excess_kurtosis: of the latents, 0 for a Gaussian. off_gaussian: Kolmogorov-
    Smirnov distance in [0, 1] between the latents and the Gaussian of their mean and deviation.
    Also dead (indices of dead channels) and dead_share.
    """
    noise = np.random.default_rng(seed).standard_normal(means.shape)
    latents = (means + deviations * noise).swapaxes(0, 1).reshape(means.shape[1], -1)     # [c, N h w]
    mean, deviation = latents.mean(axis=1), latents.std(axis=1)
    standard = (latents - mean[:, None]) / deviation[:, None]
    signal = means.var(axis=0).mean(axis=(1, 2))                                        # [c]
    dead = np.flatnonzero(signal < DEAD_VARIANCE)
    return {"mean": mean.tolist(), "deviation": deviation.tolist(), "signal": signal.tolist(),
            "skewness": (standard**3).mean(axis=1).tolist(),
            "excess_kurtosis": ((standard**4).mean(axis=1) - 3).tolist(),
            "off_gaussian": [distance_to_gaussian(channel) for channel in standard],
            "dead": dead.tolist(), "dead_share": len(dead) / len(signal)}


def distance_to_gaussian(values) -> float:
    """Kolmogorov-Smirnov distance between values [n] and the unit Gaussian, in [0, 1]."""
    expected, steps = ndtr(np.sort(values)), np.arange(len(values) + 1) / len(values)
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))
