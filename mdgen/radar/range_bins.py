"""Range bins of an FMCW radar -> slow-time signals of those in which the body is."""

import numpy as np
from scipy.fft import fft, rfft
from scipy.ndimage import median_filter, uniform_filter1d

TRACK_BLOCK_S, TRACK_BLOCKS = 0.05, 9  # the body's range is a median over 0.45 s


def body_bins(chirps, bins, prf_hz):
    """Slow-time signals of the range bins about the body, as `near_body` gives them, of raw samples.

    chirps: [..., F, N] raw samples of N chirps, real or complex. A Hann window and a Fourier transform over F give
    range bins (of c / (2 bandwidth) metres); what stands still is taken out by its mean.
    """
    transform = fft if np.iscomplexobj(chirps) else rfft
    window = np.hanning(chirps.shape[-2] + 2)[1:-1, None].astype(chirps.real.dtype)
    profile = transform(chirps * window, axis=-2, overwrite_x=True)  # [..., R, N]
    return near_body(profile, bins, prf_hz)


def near_body(profile, bins, prf_hz):
    """Slow-time signals of the range bins about the body, [..., bins + 1, N] complex.

    profile: [..., R, N] complex of R range bins, whose mean is taken out. The body is at the strongest bin, smoothed
    over time. A bin fades in and out while the body passes one bin, which is slow enough to leave the Doppler of its
    echo as it is. Bins that are bins + 1 apart share a signal, because they are never seen at once.
    """
    profile = profile - profile.mean(axis=-1, keepdims=True)
    track = body_track(np.abs(profile) ** 2, prf_hz)
    out = np.zeros((*profile.shape[:-2], bins + 1, profile.shape[-1]), profile.dtype)
    for b in range(profile.shape[-2]):
        weight = np.clip((bins + 1) / 2 - np.abs(b - track), 0, 1).astype(out.real.dtype)
        seen = np.flatnonzero(weight)
        if len(seen):
            part = slice(seen[0], seen[-1] + 1)
            out[..., b % (bins + 1), part] += profile[..., b, part] * weight[part]
    return out


def body_track(power, prf_hz):
    """The body's range bin over time, [N], of range-bin powers [..., R, N]."""
    count = power.shape[-1]
    block = max(1, round(TRACK_BLOCK_S * prf_hz))
    starts = np.arange(0, count, block)
    blocks = np.add.reduceat(power.reshape(-1, *power.shape[-2:]).sum(axis=0), starts, axis=-1)  # [R, blocks]
    strongest = uniform_filter1d(blocks, 3, axis=0).argmax(axis=0)
    return np.interp(np.arange(count), starts + block / 2, median_filter(strongest, TRACK_BLOCKS, mode="nearest"))
