"""What a receiver hears beside the body: receiver noise, what static clutter leaves, bursts of interference."""

import numpy as np

FLICKER_DB = -20.0  # of the clutter's power, changing at about 2 Hz
HANN_POWER = 1.5  # a scatterer's power summed over range bins, whose Hann lobes overlap
BURST_S, BURST_DB = (0.5e-3, 3e-3), (5.0, 15.0)  # durations and levels over the body's power


def add_disturbances(signal, rng, radar, snr_db, clutter_db, bursts):
    """Body signal [..., N] complex64 plus disturbances: another one in every channel, but bursts at the same times.

    snr_db: the body's power, summed over range bins, over the noise power of one channel; None = no noise. clutter_db:
    power of the static residue in a channel over the body's power; None = none. bursts: their number.
    """
    n, channels = signal.shape[-1], signal.shape[:-1]
    power = np.mean(np.abs(signal) ** 2)
    if radar.bandwidth_hz:
        power *= signal.shape[-2] / HANN_POWER

    def noise(size, db):
        parts = rng.standard_normal((2, *channels, size), np.float32)
        return (parts[0] + 1j * parts[1]) * np.float32(np.sqrt(power * 10 ** (db / 10) / 2))

    out = signal.copy()
    if clutter_db is not None:
        anchors = noise(max(2, n // int(radar.prf_hz / 2) + 2), clutter_db + FLICKER_DB)
        place = np.linspace(0, anchors.shape[-1] - 1, n, endpoint=False)
        before = place.astype(int)
        share = (place - before).astype(np.float32)
        steady = np.exp(2j * np.pi * rng.random((*channels, 1))) * np.sqrt(power * 10 ** (clutter_db / 10))
        out += steady.astype(np.complex64) + (1 - share) * anchors[..., before] + share * anchors[..., before + 1]
    if snr_db is not None:
        out += noise(n, -snr_db)
    for _ in range(bursts):
        width = min(n, max(1, int(rng.uniform(*BURST_S) * radar.prf_hz)))
        start = rng.integers(0, n - width + 1)
        out[..., start:start + width] += noise(width, rng.uniform(*BURST_DB))
    return out
