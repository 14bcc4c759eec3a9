"""Moving body segments -> complex slow-time signal of a coherent radar.

Every segment is a spheroid that scatters from several points along its axis. The points' random amplitudes
change slowly, which fills the Doppler band between the two ends with speckle as in measured images; a single
point per segment (Chen, "The Micro-Doppler Effect in Radar", 2011, ch. 4) draws thin lines instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from mdgen.errors import RequestError

LIGHT_SPEED = 299_792_458.0
GRID_S = 2.5e-3  # ranges are exact on this grid and follow cubic Hermite pieces between its nodes
SPECKLE_S = 0.03  # correlation time of a point's amplitude
STEADY_POWER = 0.2  # share of a point's power that does not fluctuate
SHADOW = 0.8  # share of a point's power lost right behind the middle of another segment
BLOCKERS = ("torso", "left_thigh", "right_thigh", "left_shank", "right_shank")


@dataclass(frozen=True)
class Radar:
    """A monostatic radar: carrier (Hz), pulse repetition frequency (Hz), height above the floor (m)."""

    carrier_hz: float = 77e9
    prf_hz: float = 8000.0
    height_m: float = 1.0

    @property
    def wavelength_m(self):
        return LIGHT_SPEED / self.carrier_hz

    @property
    def unambiguous_speed(self):
        """Largest |radial velocity| in m/s that does not fold: wavelength * PRF / 4."""
        return self.wavelength_m * self.prf_hz / 4


def radar_echo(walk, radar=Radar(), *, range_m=6.0, heading_deg=0.0, snr_db=None, clutter_db=None, bursts=0,
               points_per_segment=5, seed=0):
    """Complex slow-time signal [N] (complex64) of a walk, N = duration * PRF (Chen 2011, ch. 4).

    The sum over all points of sqrt(sigma) / R^2 exp(-j 4 pi R / wavelength), sigma being the point's share of
    its segment's cross-section. walk: a Walk; its origin stands range_m in front of the radar and its +x axis
    points at the radar, turned by heading_deg (0 = straight approach, positive Doppler; 180 = receding).
    snr_db: mean body power over mean noise power in the whole PRF band; None = no noise. clutter_db: static
    residue over body power, None = none. bursts: number of short broadband interference bursts. seed: an int
    or a numpy Generator. Raises RequestError where a segment moves too fast for the PRF, naming the least
    PRF, or reaches the radar.
    """
    rng = np.random.default_rng(seed)
    per_cell = max(1, round(GRID_S * radar.prf_hz))
    count = int(round((walk.times[-1] - walk.times[0]) * radar.prf_hz))
    grid = walk.times[0] + np.arange(-(-count // per_cell) + 1) * per_cell / radar.prf_hz  # [G + 1]
    ends = [place(walk.times, p, v, grid, radar, range_m, heading_deg)
            for p, v in ((walk.start, walk.start_velocity), (walk.end, walk.end_velocity))]
    positions, velocities = along(ends, points_per_segment)  # [S, K, G + 1, 3]
    ranges = length(positions)  # [S, K, G + 1]
    rates = dot(positions, velocities) / np.maximum(ranges, 1e-9)
    check_geometry(ranges, rates, walk.names, radar)

    share = ellipsoid_rcs(ends, walk.radius) * visibility(ends, walk) / points_per_segment
    amplitude = np.sqrt(share)[:, None] / ranges**2
    amplitude = amplitude * speckle(ranges.shape, per_cell / radar.prf_hz, rng)
    parts = zip(ranges, rates, amplitude, strict=True)
    signal = sum(segment_echo(*part, per_cell, radar) for part in parts)[:count]
    return add_disturbances(signal, rng, radar, snr_db, clutter_db, bursts)


def place(times, points, velocity, grid, radar, range_m, heading_deg):
    """Resample points [S, T, 3] on the grid, in radar coordinates: (position, velocity), each [S, G, 3]."""
    c, s = np.cos(np.deg2rad(heading_deg)), np.sin(np.deg2rad(heading_deg))
    turn = np.array([[-c, -s, 0], [s, -c, 0], [0, 0, 1.0]])  # walker's +x towards the radar
    curve = CubicHermiteSpline(times, points, velocity, axis=1)
    return curve(grid) @ turn.T + [range_m, 0, -radar.height_m], curve(grid, 1) @ turn.T


def along(ends, points):
    """Positions and velocities [S, K, G, 3] of K points in the middles of K equal parts of every segment."""
    share = ((np.arange(points) + 0.5) / points)[:, None, None]
    (start, start_v), (end, end_v) = ((p[:, None], v[:, None]) for p, v in ends)
    return start + share * (end - start), start_v + share * (end_v - start_v)


def check_geometry(ranges, rates, names, radar):
    """Refuse folding Doppler and bodies at the radar. ranges, rates: [S, K, G]."""
    speed = np.abs(rates).max(axis=(1, 2))
    fastest = int(speed.argmax())
    if speed[fastest] >= radar.unambiguous_speed:
        least = int(np.ceil(4 * speed[fastest] / radar.wavelength_m)) + 1
        raise RequestError(f"prf_hz is {radar.prf_hz:g}, but {names[fastest]} moves at {speed[fastest]:.2f} "
                           f"m/s and would fold; use at least {least} Hz at {radar.carrier_hz / 1e9:g} GHz")
    if ranges.min() < 0.3:
        raise RequestError(f"the walker comes within {ranges.min():.2f} m of the radar, at least 0.3 m are "
                           "needed; raise range_m or shorten the walk")


def dot(a, b):
    """Inner product over the last axis."""
    return np.einsum("...i,...i->...", a, b)


def length(a):
    """Euclidean length over the last axis."""
    return np.sqrt(dot(a, a))


def ellipsoid_rcs(ends, radius):
    """Radar cross-section [S, G] in m^2 of spheroids with radius [S] and half length c along the segment.

    sigma = pi a^4 c^2 / (a^2 sin^2 + c^2 cos^2)^2 of the angle between axis and line of sight (Chen 2011, ch.
    4). c is at least a, so that a segment without length is a sphere.
    """
    (start, _), (end, _) = ends
    axis, middle = end - start, (start + end) / 2
    cosine = dot(axis, middle) / (np.maximum(length(axis), 1e-12) * length(middle))
    a2 = radius[:, None] ** 2
    c2 = np.maximum(dot(axis, axis) / 4, a2)
    return np.pi * a2**2 * c2 / (a2 * (1 - cosine**2) + c2 * cosine**2) ** 2


def visibility(ends, walk):
    """Share of power [S, G] that reaches the segments' middles past the trunk and the legs in front of them.

    A soft shadow of our own: a blocker takes up to SHADOW from what lies behind it, within about its own
    radius across the line of sight and within its height.
    """
    (start, _), (end, _) = ends
    middle = (start + end) / 2
    through = np.ones(middle.shape[:-1])
    for i in (walk.names.index(name) for name in BLOCKERS if name in walk.names):
        z0, z1, z = start[i, :, 2], end[i, :, 2], middle[..., 2]
        share = np.clip((z - z0) / np.where(z1 == z0, 1, z1 - z0), 0, 1)
        axis = start[i] + share[..., None] * (end[i] - start[i])  # blocker's axis at height z
        over = z - axis[..., 2]
        reach = length(axis[..., :2])
        behind = dot(axis[..., :2], middle[..., :2]) / reach - reach
        across = (axis[..., 0] * middle[..., 1] - axis[..., 1] * middle[..., 0]) / reach
        radius = walk.radius[i]
        loss = np.exp(-(across**2 + over**2) / radius**2) * np.clip(behind / radius - 1, 0, 1)
        loss[i] = 0  # no segment shadows itself
        through *= 1 - SHADOW * loss
    return through


def speckle(shape, step_s, rng):
    """Unit-power complex amplitudes of the given shape [..., G]: a steady part plus a Gauss-Markov
    fluctuation."""
    def normal(size):
        return (rng.standard_normal(size) + 1j * rng.standard_normal(size)) / np.sqrt(2)

    steady = np.exp(2j * np.pi * rng.random(shape[:-1]))[..., None]
    keep = np.exp(-step_s / SPECKLE_S)
    drive = normal(shape) * np.sqrt(1 - keep**2)
    state = normal(shape[:-1])
    for g in range(shape[-1]):
        state = keep * state + drive[..., g]
        drive[..., g] = state
    return np.sqrt(STEADY_POWER) * steady + np.sqrt(1 - STEADY_POWER) * drive


def segment_echo(ranges, rates, amplitude, per_cell, radar):
    """Sum over the points of one segment: [K, G + 1] grid values -> signal [G * per_cell] complex64."""
    u = np.arange(per_cell) / per_cell
    hermite = np.stack([2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u, 3 * u**2 - 2 * u**3, u**3 - u**2])
    cell_s = per_cell / radar.prf_hz
    nodes = np.stack([ranges[:, :-1], rates[:, :-1] * cell_s, ranges[:, 1:], rates[:, 1:] * cell_s], axis=-1)
    cycles = (nodes * (2 / radar.wavelength_m)) @ hermite  # [K, G, per_cell]
    phase = (2 * np.pi * (cycles - np.floor(cycles))).astype(np.float32)  # float32 once it is small
    wave = np.empty(phase.shape, np.complex64)
    wave.real, wave.imag = np.cos(phase), -np.sin(phase)
    ramp = np.stack([1 - u, u]).astype(np.complex64)
    wave *= np.stack([amplitude[:, :-1], amplitude[:, 1:]], axis=-1).astype(np.complex64) @ ramp
    return wave.sum(axis=0).ravel()


def add_disturbances(signal, rng, radar, snr_db, clutter_db, bursts):
    """Static clutter residue with slow flicker, receiver noise and bursts on top of the body signal [N]."""
    power, n = np.mean(np.abs(signal) ** 2), len(signal)

    def noise(size, db):
        parts = rng.standard_normal((2, size), np.float32)
        return (parts[0] + 1j * parts[1]) * np.float32(np.sqrt(power * 10 ** (db / 10) / 2))

    out = signal.copy()
    if clutter_db is not None:
        anchors = noise(max(2, n // int(radar.prf_hz / 2) + 2), clutter_db - 20)  # 1 % of it flickers at 2 Hz
        flicker = np.interp(np.arange(n), np.linspace(0, n, len(anchors)), anchors)
        steady = np.exp(2j * np.pi * rng.random()) * np.sqrt(power * 10 ** (clutter_db / 10))
        out += (steady + flicker).astype(np.complex64)
    if snr_db is not None:
        out += noise(n, -snr_db)
    for _ in range(bursts):
        width = min(n, max(1, int(rng.uniform(0.5e-3, 3e-3) * radar.prf_hz)))
        start = rng.integers(0, n - width + 1)
        out[start:start + width] += noise(width, rng.uniform(5, 15))
    return out
