"""Are latents what a diffusion model expects: of variance 1, none of them dead, not far from Gaussian?"""

import numpy as np
from scipy.special import ndtr

DEAD_VARIANCE = 0.01   # of posterior means over images; all of a channel's variance is 1 (Burda et al. 2016, sec. 4)


def latent_statistics(means, deviations, seed: int = 0) -> dict:
    """What the channels of normalised posteriors hold: means, deviations [N, c, h, w] -> a list of c floats each of

    mean, deviation: of drawn latents, over images and places; near 0 and 1 where N images are like the training ones.
    signal: variance of the posterior means over images, averaged over places; a channel below 0.01 is dead, since it
    says nothing of the image. skewness, excess_kurtosis: of drawn latents, 0 for a Gaussian. off_gaussian: largest
    distance in [0, 1] between their distribution and the Gaussian of their mean and deviation (Kolmogorov-Smirnov).
    Beside them dead (indices of dead channels) and dead_share.
    """
    noise = np.random.default_rng(seed).standard_normal(means.shape)
    draws = (means + deviations * noise).swapaxes(0, 1).reshape(means.shape[1], -1)     # [c, N h w]
    mean, deviation = draws.mean(axis=1), draws.std(axis=1)
    standard = (draws - mean[:, None]) / deviation[:, None]
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
