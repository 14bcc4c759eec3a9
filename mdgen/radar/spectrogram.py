"""Complex slow-time signal -> short-time Fourier transform -> dB image with axes in s, Hz and m/s."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import ShortTimeFFT, butter, sosfiltfilt

from mdgen.errors import RequestError
from mdgen.radar.echo import Radar, radar_echo
from mdgen.radar.gait import simulate_walk


@dataclass(frozen=True)
class Spectrogram:
    """image: [H, W] float32 in [0, 1]; 1 is the strongest cell, 0 is dynamic_range_db below it or less.

    Row 0 is the highest velocity (approaching is positive). velocity [H] m/s and doppler_hz [H] fall from row
    to row, time_s [W] rises; all are cell centres.
    """

    image: np.ndarray
    time_s: np.ndarray
    velocity: np.ndarray
    doppler_hz: np.ndarray
    dynamic_range_db: float


def spectrogram(signal, radar=Radar(), *, size=(64, 64), velocity_span=(-1.5, 6.0), window_s=0.03, hop_s=None,
                dynamic_range_db=40.0, clutter_cutoff=0.08):
    """Time-frequency image of a slow-time signal.

    signal: complex [..., N]; leading axes (range bins, receivers) add up in power. size: (H, W) cells.
    velocity_span: lowest and highest velocity in m/s at the image's edges, within the unambiguous speed.
    window_s: length of the Blackman window. hop_s: distance of the Fourier frames, at most an image column;
    by default the largest part of a column that leaves no more than half a window unseen. clutter_cutoff:
    edge of the static-clutter filter in m/s, 0 = off. A cell is its area's mean power. Raises RequestError
    where the span would fold or the signal is shorter than the window.
    """
    low, high = velocity_span
    limit, least = radar.unambiguous_speed, 4 * max(-low, high) / radar.wavelength_m
    if not -limit <= low < high <= limit:
        raise RequestError(f"velocity_span is ({low:g}, {high:g}) m/s; it must rise and stay within "
                           f"+-{limit:.2f} m/s, or raise prf_hz above {least:.0f} Hz")
    signal, samples = np.asarray(signal), round(window_s * radar.prf_hz)
    if signal.shape[-1] < max(samples, size[1]):
        raise RequestError(f"the signal has {signal.shape[-1]} samples, but the window of {window_s:g} s "
                           f"needs {samples} and the image {size[1]}; give a longer signal or less window_s")
    if clutter_cutoff:
        signal = remove_clutter(signal, radar, clutter_cutoff)
    power, frame_edges, bin_edges = stft_power(signal, radar, samples, size[1], hop_s)
    time_edges = np.linspace(0, signal.shape[-1] / radar.prf_hz, size[1] + 1)
    velocity_edges = np.linspace(low, high, size[0] + 1)
    cells = area_mean(power, bin_edges * radar.wavelength_m / 2, velocity_edges)  # [H, frames]
    cells = area_mean(cells.T, frame_edges, time_edges).T[::-1]  # [H, W], top = fastest
    peak = max(float(cells.max()), np.finfo(np.float64).tiny)
    level = 10 * np.log10(np.maximum(cells / peak, 1e-30))
    velocity = ((velocity_edges[1:] + velocity_edges[:-1]) / 2)[::-1]
    return Spectrogram(np.clip(1 + level / dynamic_range_db, 0, 1).astype(np.float32),
                       (time_edges[1:] + time_edges[:-1]) / 2, velocity, 2 * velocity / radar.wavelength_m,
                       float(dynamic_range_db))


def remove_clutter(signal, radar, cutoff):
    """Zero-phase Butterworth high-pass of signal [..., N] that takes out |velocity| below cutoff (m/s)."""
    sos = butter(2, 2 * cutoff / radar.wavelength_m, "highpass", fs=radar.prf_hz, output="sos")
    still = signal.mean(axis=-1, keepdims=True)  # no ringing at the edges
    return sosfiltfilt(sos, signal - still, axis=-1)


def stft_power(signal, radar, samples, columns, hop_s=None):
    """Power [F, frames] with edges of the frames [frames + 1] (s) and of the bins [F + 1] (Hz, rising)."""
    column = signal.shape[-1] / columns
    hop = column / np.ceil(column / (1.5 * samples)) if hop_s is None else min(column, hop_s * radar.prf_hz)
    hop = max(1, round(hop))
    transform = ShortTimeFFT(np.blackman(samples + 2)[1:-1], hop, radar.prf_hz, fft_mode="centered",
                             mfft=max(samples, 512))
    stop = -(-signal.shape[-1] // hop)
    spectrum = transform.stft(signal, p0=0, p1=stop, k_offset=hop // 2)  # frame centres inside cells
    power = (np.abs(spectrum) ** 2).reshape(-1, *spectrum.shape[-2:]).sum(axis=0)
    bins = np.append(transform.f, transform.f[-1] + transform.delta_f) - transform.delta_f / 2
    return power, np.arange(stop + 1) * hop / radar.prf_hz, bins


def area_mean(values, edges, new_edges):
    """Mean of a piecewise constant function over new cells.

    values: [n, M] between edges [n + 1]; new_edges: [m + 1], rising. Returns [m, M].
    """
    total = np.vstack([np.zeros_like(values[:1]), np.cumsum(values * np.diff(edges)[:, None], axis=0)])
    place = np.interp(new_edges, edges, np.arange(len(edges)))
    whole = np.minimum(place.astype(int), len(edges) - 2)
    at = total[whole] + (place - whole)[:, None] * (total[whole + 1] - total[whole])
    return np.diff(at, axis=0) / np.diff(new_edges)[:, None]


def walking_spectrogram(walker, radar=Radar(), *, duration_s=2.2, start_phase=0.0, image=None, **echo):
    """Simulate one recording of a walker and return its Spectrogram.

    image: keyword arguments of spectrogram; echo: keyword arguments of radar_echo (range, heading, noise,
    seed).
    """
    walk = simulate_walk(walker, radar.cell_times(duration_s), start_phase)
    signal = radar_echo(walk, radar, duration_s=duration_s, **echo)
    return spectrogram(signal, radar, **(image or {}))


def simulate_image(job):
    """The image of walking_spectrogram for one job (walker, radar, options), as process pools want it."""
    walker, radar, options = job
    return walking_spectrogram(walker, radar, **options).image
