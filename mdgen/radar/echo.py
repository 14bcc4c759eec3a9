"""Moving body segments -> complex slow-time signal of a coherent radar (Chen, "The Micro-Doppler Effect in Radar",
2011, ch. 4), as a continuous wave or in the range bins and receive channels of an FMCW radar."""

from dataclasses import dataclass

import numpy as np

from mdgen.errors import RequestError, check_number
from mdgen.radar.disturbances import add_disturbances
from mdgen.radar.scatterers import along, dot, ellipsoid_rcs, length, place, speckle, visibility

LIGHT_SPEED = 299_792_458.0
CELL_S = 5e-3  # ranges are exact at this distance and cubic between
BLOCK = 200  # cells that are worked on at a time: they fit the cache
LEAST_CARRIER_HZ = 5e9  # below, limbs are no longer large against the wavelength and the cross-sections are wrong
COARSEST_S = 0.02  # between a walk's times; more loses the feet's way
KERNEL_BINS = 2  # a scatterer's main lobe over range reaches so far


@dataclass(frozen=True)
class Radar:
    """A monostatic radar.

    carrier_hz: the carrier, or the middle of an FMCW sweep. prf_hz: pulses or chirps per second. height_m: above the
    floor. bandwidth_hz: of an FMCW sweep, 0 for a continuous wave. receivers: in a row across the line of sight, half
    a wavelength apart.
    """

    carrier_hz: float = 77e9
    prf_hz: float = 8000.0
    height_m: float = 1.0
    bandwidth_hz: float = 0.0
    receivers: int = 1

    def __post_init__(self):
        for name, least in dict(carrier_hz=1.0, prf_hz=1.0, bandwidth_hz=0.0, height_m=-np.inf).items():
            check_number(f"radar {name}", getattr(self, name), least)
        check_number("radar receivers", self.receivers, 1, whole=True)

    @property
    def wavelength_m(self):
        return LIGHT_SPEED / self.carrier_hz

    @property
    def unambiguous_speed(self):
        """Largest |radial velocity| in m/s that does not fold: wavelength * PRF / 4."""
        return self.wavelength_m * self.prf_hz / 4

    @property
    def range_resolution_m(self):
        """Distance of range bins: c / (2 bandwidth); infinite for a continuous wave."""
        return LIGHT_SPEED / (2 * self.bandwidth_hz) if self.bandwidth_hz else np.inf

    @property
    def pulses_per_cell(self):
        return max(1, round(CELL_S * self.prf_hz))

    def cell_times(self, duration_s):
        """Times [G + 1] in s at which `radar_echo` wants a walk; at any others it interpolates."""
        cells = -(-round(duration_s * self.prf_hz) // self.pulses_per_cell)
        return np.arange(cells + 1) * (self.pulses_per_cell / self.prf_hz)


def radar_echo(walk, radar=Radar(), *, range_m=6.0, heading_deg=0.0, snr_db=None, clutter_db=None, bursts=0,
               points_per_segment=5, aspect=1.0, duration_s=None, seed=0):
    """Complex slow-time signal of a walk (complex64): [N] of one receiver without range bins, else
    [receivers, range bins, N]; N = duration * PRF.

    The sum over all points of sqrt(sigma) / R^2 exp(-j 4 pi R / wavelength), sigma being the point's share of its
    segment's cross-section. Range bins cover the way of the whole body; the response over range is that of a Hann
    window, 1 in a bin's middle. walk: a Walk; its origin stands range_m in front of the radar and its +x axis points
    at the radar, turned by heading_deg (0 = straight approach, positive Doppler; 180 = receding). snr_db: mean body
    power over mean noise power in the whole PRF band of a channel; None = no noise. clutter_db: static residue over
    body power, None = none. bursts: number of short broadband interference bursts. aspect: exponent of the spheroids'
    pattern over its broadside value; above 1, tilted limbs fade as in measured images. duration_s: by default, the
    walk's. seed: an int or a numpy Generator.
    Raises RequestError where a segment moves too fast for the PRF (the message names the least PRF that will do) or
    comes within 0.3 m of the radar in space, where the walk is shorter than the duration, and where the carrier is
    below 5 GHz.
    """
    for name, value, least in (("range_m", range_m, 0.3), ("heading_deg", heading_deg, -np.inf), ("aspect", aspect, 0)):
        check_number(name, value, least)
    for name, value in (("snr_db", snr_db), ("clutter_db", clutter_db)):
        check_number(name, 0 if value is None else value, -200, 200)
    check_number("points_per_segment", points_per_segment, 1, whole=True)
    check_number("bursts", bursts, 0, whole=True)
    duration, rng = checked_duration(walk.times, duration_s, radar), np.random.default_rng(seed)
    grid = walk.times[0] + radar.cell_times(duration)  # [G + 1]
    ends = [place(walk.times, p, v, grid, radar, range_m, heading_deg)
            for p, v in ((walk.start, walk.start_velocity), (walk.end, walk.end_velocity))]
    positions, velocities = along(ends, points_per_segment)  # [S, K, G + 1, 3]
    ranges = length(positions)  # [S, K, G + 1]
    rates = dot(positions, velocities) / np.maximum(ranges, 1e-9)
    check_geometry(ranges, rates, walk.names, radar)

    share = ellipsoid_rcs(ends, walk.radius, aspect) * visibility(ends, walk) / points_per_segment
    amplitude = (np.sqrt(share)[:, None] / ranges**2).astype(np.float32)
    amplitude = amplitude * speckle(walk.names, ranges.shape, radar.pulses_per_cell / radar.prf_hz, rng)
    sine = positions[..., 1] / ranges  # of the direction from broadside
    ranges, rates, amplitude, sine = (a.reshape(-1, len(grid)) for a in (ranges, rates, amplitude, sine))  # [P, G + 1]
    if radar.bandwidth_hz or radar.receivers > 1:
        signal = channel_signals(ranges, rates, amplitude, sine, radar)
    else:
        signal = one_signal(ranges, rates, amplitude, radar)
    return add_disturbances(signal[..., :round(duration * radar.prf_hz)], rng, radar, snr_db, clutter_db, bursts)


def checked_duration(times, duration_s, radar):
    """Seconds to simulate; refuses walks that are too coarse, or shorter than that by more than the rest of a cell."""
    if len(times) < 2 or not 0 < np.diff(times).min() <= np.diff(times).max() <= 1.001 * COARSEST_S:
        raise RequestError(f"the walk has {len(times)} times; expected at least 2, rising by at most {COARSEST_S:g} s")
    lasts = times[-1] - times[0]
    duration_s = lasts if duration_s is None else duration_s
    check_number("duration_s", duration_s, 2 / radar.prf_hz)
    if duration_s > lasts + radar.pulses_per_cell / radar.prf_hz:
        raise RequestError(f"duration_s is {duration_s:g}, but the walk lasts {lasts:g} s; simulate a longer one")
    return duration_s


def check_geometry(ranges, rates, names, radar):
    """Refuse folding Doppler, bodies at the radar and long waves. ranges, rates: [S, K, G]."""
    speed = np.abs(rates).max(axis=(1, 2))
    fastest = int(speed.argmax())
    if not speed[fastest] < radar.unambiguous_speed:
        least = int(np.ceil(4 * speed[fastest] / radar.wavelength_m)) + 1
        raise RequestError(f"prf_hz is {radar.prf_hz:g}, but {names[fastest]} moves at {speed[fastest]:.2f} "
                           f"m/s and would fold; use at least {least} Hz at {radar.carrier_hz / 1e9:g} GHz")
    if not ranges.min() >= 0.3:
        raise RequestError(f"the walker comes within {ranges.min():.2f} m of the radar, at least 0.3 m are "
                           "needed; raise range_m or shorten the walk")
    if radar.carrier_hz < LEAST_CARRIER_HZ:
        raise RequestError(f"carrier_hz is {radar.carrier_hz:g}; the cross-sections hold from "
                           f"{LEAST_CARRIER_HZ / 1e9:g} GHz on; choose a higher carrier")


def point_waves(ranges, rates, amplitude, radar):
    """Echoes of P points, pulse by pulse: yields [P, G] complex64 for the first, second, ... pulse of all G cells.

    ranges, rates, amplitude: [P, G + 1] at the cells' edges, between which the range is a cubic Hermite piece and the
    amplitude linear. A cubic's third difference is constant, so that three complex products a pulse stand for sine
    and cosine.
    """
    count = radar.pulses_per_cell
    cell_s, moved = count / radar.prf_hz, ranges[:, 1:] - ranges[:, :-1]
    enter, leave = rates[:, :-1] * cell_s, rates[:, 1:] * cell_s
    c1, c2, c3 = enter / count, (3 * moved - 2 * enter - leave) / count**2, (enter + leave - 2 * moved) / count**3

    def wave(distance):
        cycles = distance * (-2 / radar.wavelength_m)
        turn = (2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)  # float32 once it is small
        out = np.empty(turn.shape, np.complex64)
        out.real, out.imag = np.cos(turn), np.sin(turn)
        return out

    phasor, first, second, third = wave(ranges[:, :-1]), wave(c1 + c2 + c3), wave(2 * c2 + 6 * c3), wave(6 * c3)
    gain, growth = amplitude[:, :-1].copy(), np.diff(amplitude) / np.float32(count)
    for _ in range(count):
        yield phasor * gain
        phasor *= first
        first *= second
        second *= third
        gain += growth


def one_signal(ranges, rates, amplitude, radar):
    """Signal [G * pulses per cell] of P points: the sum over points of their waves."""
    out = np.empty((ranges.shape[1] - 1, radar.pulses_per_cell), np.complex64)
    for first in range(0, len(out), BLOCK):
        part = slice(first, min(first + BLOCK, len(out)) + 1)  # edges of a block's cells
        for k, wave in enumerate(point_waves(ranges[:, part], rates[:, part], amplitude[:, part], radar)):
            out[first:part.stop - 1, k] = wave.sum(axis=0)
    return out.ravel()


def channel_signals(ranges, rates, amplitude, sine, radar):
    """Signals [receivers, bins, G * pulses per cell] of P points; sine [P, G + 1]: of the direction from broadside."""
    bins, first, response = range_response(ranges, radar)
    waves = np.stack(list(point_waves(ranges, rates, amplitude, radar)), axis=-1)  # [P, G, pulses]
    waves = np.ascontiguousarray(waves.transpose(1, 0, 2))  # [G, P, pulses]
    growing = waves * (np.arange(radar.pulses_per_cell, dtype=np.float32) / radar.pulses_per_cell)
    cells = np.arange(waves.shape[0])
    signal = np.zeros((radar.receivers, bins, waves.shape[0], radar.pulses_per_cell), np.complex64)
    for receiver in range(radar.receivers):
        steering = np.exp(1j * np.pi * receiver * sine).astype(np.complex64)  # half a wavelength apart
        at_edges = [response[side] * steering[:, side:len(cells) + side].T[:, None] for side in (0, 1)]  # [G, B, P]
        near = at_edges[0] @ waves + (at_edges[1] - at_edges[0]) @ growing  # [G, B, pulses]
        for b in range(near.shape[1]):
            signal[receiver, first + b, cells] = near[:, b]
    return signal.reshape(radar.receivers, bins, -1)


def range_response(ranges, radar):
    """(number of bins, lowest bin [G] near the body in every cell, response at both edges of the cells (2 x
    [G, B, P])) of the points at ranges [P, G + 1]; bins count from the nearest one that the walk touches."""
    if not radar.bandwidth_hz:
        flat = np.ones((ranges.shape[1] - 1, 1, ranges.shape[0]), np.float32)
        return 1, np.zeros(len(flat), int), (flat, flat)
    place = (ranges / radar.range_resolution_m).T  # [G + 1, P] in bins
    low = np.rint(place.min(axis=1)).astype(int) - KERNEL_BINS
    high = np.rint(place.max(axis=1)).astype(int) + KERNEL_BINS
    first, last = np.minimum(low[:-1], low[1:]), np.maximum(high[:-1], high[1:])
    near = first[:, None] + np.arange((last - first).max() + 1)  # [G, B]
    response = tuple(hann_kernel(place[side:len(first) + side, None] - near[..., None]) for side in (0, 1))
    return int(near.max() - first.min() + 1), first - first.min(), response


def hann_kernel(x):
    """Spectrum of a Hann window x bins from its peak, real, 1 at 0: sinc(x) / (1 - x^2); float32."""
    x = x.astype(np.float32)
    rest = 1 - x * x
    at_pole = np.abs(rest) < 1e-4
    return np.where(at_pole, np.float32(0.5), np.sinc(x) / np.where(at_pole, np.float32(1), rest))
