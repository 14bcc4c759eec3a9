"""Complex slow-time signal -> short-time Fourier transform -> dB image with axes in s, Hz and m/s."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import ShortTimeFFT, butter, get_window, sosfiltfilt

from mdgen.errors import RequestError, check_number
from mdgen.radar.echo import Radar


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

    def axes(self):
        """What the cells stand for, as lists and numbers (JSON)."""
        return dict(time_s=self.time_s.tolist(), velocity_m_s=self.velocity.tolist(),
                    doppler_hz=self.doppler_hz.tolist(), dynamic_range_db=self.dynamic_range_db)


def spectrogram(signal, radar=Radar(), *, size=(64, 64), velocity_span=(-1.5, 6.0), window="blackman", window_s=0.03,
                overlap_s=None, dynamic_range_db=40.0, clutter_cutoff=0.08):
    """Time-frequency image of a slow-time signal.

    signal: complex [..., N]; leading axes (range bins, receivers) add up in power. size: (H, W) cells.
    velocity_span: lowest and highest velocity in m/s at the image's edges, within the unambiguous speed. window: name
    of a window of scipy.signal.get_window. window_s: its length. overlap_s: what neighbouring Fourier frames share,
    at least 0 and less than window_s. By default frames lie as far apart as an image column is wide, but leave at most
    half a window unseen between them. A cell is its area's mean power density, at least one frame wide.
    dynamic_range_db: as in Spectrogram. clutter_cutoff: edge of the static-clutter filter (MTI) in m/s, 0 = off.
    Raises RequestError where the span would fold, the signal is shorter than the window, or a setting has no meaning.
    """
    for name, value in zip(("image height", "image width"), size, strict=True):
        check_number(name, value, 2, whole=True)
    for name, value, least in (("window_s", window_s, 4 / radar.prf_hz), ("dynamic_range_db", dynamic_range_db, 1),
                               ("clutter_cutoff", clutter_cutoff, 0)):
        check_number(name, value, least, 1000)
    low, high = velocity_span
    limit, least = radar.unambiguous_speed, 4 * max(-low, high) / radar.wavelength_m
    if not -limit <= low < high <= limit:
        raise RequestError(f"velocity_span is ({low:g}, {high:g}) m/s; it must rise and stay within "
                           f"+-{limit:.2f} m/s, or raise prf_hz above {least:.0f} Hz")
    signal, samples = np.asarray(signal), round(window_s * radar.prf_hz)
    if signal.shape[-1] < max(samples, size[1]):
        raise RequestError(f"the signal has {signal.shape[-1]} samples, but the window of {window_s:g} s "
                           f"needs {samples} and the image {size[1]}; give a longer signal or less window_s")
    if not np.isfinite(signal).all():
        raise RequestError("the signal has NaN or infinite samples; expected finite ones")
    if clutter_cutoff:
        signal = remove_clutter(signal, radar, clutter_cutoff)
    hop = frame_distance(signal.shape[-1] / size[1], samples, overlap_s, radar.prf_hz)
    power, frame_edges, bin_edges = stft_power(signal, radar, fourier_window(window, samples), hop)
    edges = (np.linspace(low, high, size[0] + 1), np.linspace(0, signal.shape[-1] / radar.prf_hz, size[1] + 1))
    return cell_image(power, (bin_edges * radar.wavelength_m / 2, frame_edges), edges, radar.wavelength_m,
                      dynamic_range_db)


def cell_image(power, edges, cell_edges, wavelength_m, dynamic_range_db):
    """Power [F, T] between edges (velocity [F + 1] m/s rising, time [T + 1] s) -> Spectrogram with cells between
    cell_edges (the same of H and W)."""
    cells = cell_means(power, edges, cell_edges)
    peak = max(float(cells.max()), np.finfo(np.float64).tiny)
    level = 10 * np.log10(np.maximum(cells / peak, 1e-30))
    return in_cells(np.clip(1 + level / dynamic_range_db, 0, 1), cell_edges, wavelength_m, dynamic_range_db)


def cell_levels(levels, edges, cell_edges, wavelength_m, dynamic_range_db):
    """As `cell_image` of what is an image already, levels [F, T] in [0, 1]: they stay as they are, cells get means."""
    return in_cells(np.clip(cell_means(levels, edges, cell_edges), 0, 1), cell_edges, wavelength_m, dynamic_range_db)


def cell_means(values, edges, cell_edges):
    """Means [H, W] over cells, the highest velocity on top, of values [F, T] between edges."""
    return area_mean(area_mean(values, edges[0], cell_edges[0]).T, edges[1], cell_edges[1]).T[::-1]


def in_cells(image, cell_edges, wavelength_m, dynamic_range_db):
    """The Spectrogram of an image [H, W] in [0, 1], the highest velocity on top, with cells between cell_edges."""
    velocity, time_s = (((e[1:] + e[:-1]) / 2) for e in cell_edges)
    return Spectrogram(image.astype(np.float32), time_s, velocity[::-1], 2 * velocity[::-1] / wavelength_m,
                       float(dynamic_range_db))


def section(result, start_s, stop_s, columns):
    """The part of a Spectrogram from start_s to stop_s (s) in so many columns, each the mean of those it covers."""
    if len(result.time_s) < 2:
        raise RequestError("the spectrogram has one column; expected at least 2")
    check_number("columns", columns, 1, whole=True)
    half = (result.time_s[1] - result.time_s[0]) / 2
    edges = np.linspace(result.time_s[0] - half, result.time_s[-1] + half, len(result.time_s) + 1)
    slack = half / 10  # durations are rounded to samples
    if not edges[0] - slack <= start_s < stop_s <= edges[-1] + slack:
        raise RequestError(f"the spectrogram lasts from {abs(edges[0]):.2f} to {edges[-1]:.2f} s, but {start_s:.2f} to "
                           f"{stop_s:.2f} s are asked for; give a longer one or fewer steps")
    new = np.clip(np.linspace(start_s, stop_s, columns + 1), edges[0], edges[-1])
    image = area_mean(result.image.T.astype(np.float64), edges, new).T
    return replace(result, image=image.astype(np.float32), time_s=(new[1:] + new[:-1]) / 2)


def remove_clutter(signal, radar, cutoff):
    """Zero-phase Butterworth high-pass of signal [..., N] that takes out |velocity| below cutoff (m/s)."""
    if not 1e-3 <= cutoff < radar.unambiguous_speed:
        raise RequestError(f"clutter_cutoff is {cutoff:g} m/s; expected 0 (off), or 0.001 to below "
                           f"{radar.unambiguous_speed:.2f} m/s")
    sos = butter(2, 2 * cutoff / radar.wavelength_m, "highpass", fs=radar.prf_hz, output="sos")
    still = signal.mean(axis=-1, keepdims=True)  # no ringing at the edges
    return sosfiltfilt(sos, signal - still, axis=-1, padlen=min(9, signal.shape[-1] - 1))


def fourier_window(name, samples):
    """Symmetric window [samples] of that name, without the zeros at its ends."""
    try:
        return get_window(name, samples + 2, fftbins=False)[1:-1]
    except ValueError as error:
        raise RequestError(f"window is {name!r} ({error}); expected a name such as blackman or hann") from error


def frame_distance(column, samples, overlap_s, prf_hz):
    """Samples from one Fourier frame to the next; column: samples of an image column."""
    if overlap_s is None:
        return max(1, round(column / np.ceil(column / (1.5 * samples))))
    if not 0 <= overlap_s < samples / prf_hz:
        raise RequestError(f"overlap_s is {overlap_s:g}; expected 0 or more, and less than the window of "
                           f"{samples / prf_hz:g} s")
    return max(1, round(min(column, samples - overlap_s * prf_hz)))


def stft_power(signal, radar, window, hop):
    """Power density [F, frames] (over 1 / Hz) with edges of the frames [frames + 1] (s) and of the bins [F + 1]
    (Hz, rising)."""
    transform = ShortTimeFFT(window, hop, radar.prf_hz, fft_mode="centered", mfft=max(len(window), 512),
                             scale_to="psd")
    stop = -(-signal.shape[-1] // hop)
    channels = signal.reshape(-1, signal.shape[-1])  # scipy pads a short window's frames wrongly with more axes
    spectrum = transform.stft(channels, p0=0, p1=stop, k_offset=hop // 2)  # frame centres inside cells
    power = (np.abs(spectrum) ** 2).sum(axis=0)
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
