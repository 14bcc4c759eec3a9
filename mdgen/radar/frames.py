"""Chirps in frames with pauses between -> dB image whose columns are real seconds.

The transform runs within a frame and never over a pause. A pause of a frame's length or more leaves the phase between
two frames open: over several frames every line would have copies at distances of the frame rate, which for 20 frames
per second at 24 GHz are 0.12 m/s, nearly as strong as the line itself. Within a frame a speed is unique up to
wavelength x PRF / 4, at a resolution of wavelength / (2 x the frame's chirping time).
"""

import numpy as np

from mdgen.radar.echo import Radar
from mdgen.radar.spectrogram import cell_image, fourier_window, remove_clutter

LEAST_CHIRPS = 4  # in a frame; fewer have no Doppler spectrum


def frame_spectrogram(signal, radar, frame_rate_hz, *, size, velocity_span, window="blackman", window_s=0.03,
                      dynamic_range_db=40.0, clutter_cutoff=0.08):
    """Spectrogram of F frames of C chirps each.

    signal: complex [..., F, C]; leading axes add up in power. radar: prf_hz is the rate of chirps within a frame.
    frame_rate_hz: frames per second, at most PRF / C. window_s: at most a frame's chirps are used; longer frames get
    several transforms, half a window apart. A frame's power stands for its whole period, with the chirps in the
    middle, so that the image lasts F / frame rate. The rest as in `spectrogram`.
    """
    signal = signal.reshape(-1, *signal.shape[-2:])  # [channels, F, C]
    if clutter_cutoff:
        signal = remove_still(signal, radar, frame_rate_hz, clutter_cutoff)
    count, chirps = signal.shape[1:]
    samples = min(chirps, max(LEAST_CHIRPS, round(window_s * radar.prf_hz)))
    steps = 1 + int(np.ceil((chirps - samples) / (samples / 2)))
    starts = np.rint(np.linspace(0, chirps - samples, steps)).astype(int)  # [m]
    taper, bins = fourier_window(window, samples).astype(np.float32), max(samples, 512)
    power = np.empty((bins, count, steps))
    for frame in range(count):
        parts = np.stack([signal[:, frame, start:start + samples] for start in starts], axis=1)  # [channels, m, n]
        spectrum = np.fft.fft(parts * taper, bins, axis=-1)
        power[:, frame] = np.fft.fftshift((np.abs(spectrum) ** 2).sum(axis=0), axes=-1).T
    doppler = (np.arange(bins + 1) - bins // 2 - 0.5) * radar.prf_hz / bins
    period, middle = 1 / frame_rate_hz, (starts + samples / 2 - chirps / 2) / radar.prf_hz  # of a frame, of transforms
    inner = np.concatenate([[0], period / 2 + (middle[1:] + middle[:-1]) / 2])  # where a frame's transforms begin
    time = np.append((np.arange(count)[:, None] * period + inner).ravel(), count * period)
    edges = (np.linspace(*velocity_span, size[0] + 1), np.linspace(0, count * period, size[1] + 1))
    return cell_image(power.reshape(bins, -1), (doppler * radar.wavelength_m / 2, time), edges, radar.wavelength_m,
                      dynamic_range_db)


def remove_still(signal, radar, frame_rate_hz, cutoff):
    """Frames [channels, F, C] without what stands still.

    What is still within a frame is the frame's mean. Where frames follow fast enough to tell cutoff (m/s) from the
    speeds that fold onto it, only the part of the means that changes slowly from frame to frame is taken out.
    """
    still = signal.mean(axis=-1)  # [channels, F]
    if frame_rate_hz >= 1 and cutoff < radar.wavelength_m * frame_rate_hz / 4 and still.shape[-1] > 3:
        still = still - remove_clutter(still, Radar(carrier_hz=radar.carrier_hz, prf_hz=frame_rate_hz), cutoff)
    return signal - still[..., None]
