"""Body segments -> point scatterers: where they are, how strongly they scatter, and how that flickers.

Every segment is a spheroid that scatters from several points along its axis. The points' random amplitudes change
slowly, which fills the Doppler band between the segment's ends with speckle as in measured images; a single point per
segment draws thin lines instead. Arrays: S segments, K points of each, G times.
"""

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.signal import lfilter

SPECKLE_S = 0.03  # correlation time of a point's amplitude
STEADY_POWER, STEADY_TORSO = 0.2, 0.7  # share of a point's power that does not fluctuate; the torso's, large and still
SHADOW = 0.8  # share of a point's power lost right behind the middle of another segment
BLOCKERS = ("torso", "left_thigh", "right_thigh", "left_shank", "right_shank")


def place(times, points, velocity, grid, radar, range_m, heading_deg):
    """Points [S, T, 3] of a walk on the grid [G] (s), in radar coordinates: (position, velocity), each [S, G, 3]."""
    c, s = np.cos(np.deg2rad(heading_deg)), np.sin(np.deg2rad(heading_deg))
    turn = np.array([[-c, -s, 0], [s, -c, 0], [0, 0, 1.0]])  # walker's +x towards the radar
    if len(times) != len(grid) or np.abs(times - grid).max() > 1e-9:
        curve = CubicHermiteSpline(times, points, velocity, axis=1)
        points, velocity = curve(grid), curve(grid, 1)
    return points @ turn.T + [range_m, 0, -radar.height_m], velocity @ turn.T


def along(ends, points):
    """Positions and velocities [S, K, G, 3] of K points in the middles of K equal parts of every segment."""
    share = ((np.arange(points) + 0.5) / points)[:, None, None]
    (start, start_v), (end, end_v) = ((p[:, None], v[:, None]) for p, v in ends)
    return start + share * (end - start), start_v + share * (end_v - start_v)


def dot(a, b):
    """Inner product over the last axis."""
    return np.einsum("...i,...i->...", a, b)


def length(a):
    """Euclidean length over the last axis."""
    return np.sqrt(dot(a, a))


def ellipsoid_rcs(ends, radius, aspect=1.0):
    """Radar cross-section [S, G] in m^2 of spheroids with radius [S] and half length c along the segment.

    sigma = pi a^4 c^2 / (a^2 sin^2 + c^2 cos^2)^2 of the angle between axis and line of sight, the optical limit
    (Chen, "The Micro-Doppler Effect in Radar", 2011, ch. 4). c is at least a, so that a segment without length is a
    sphere.
    """
    (start, _), (end, _) = ends
    axis, middle = end - start, (start + end) / 2
    cosine = dot(axis, middle) / (np.maximum(length(axis), 1e-12) * length(middle))
    a2 = radius[:, None] ** 2
    c2 = np.maximum(dot(axis, axis) / 4, a2)
    broadside = np.pi * c2  # a2 / a2 of the formula at a right angle
    return broadside * (a2 / (a2 * (1 - cosine**2) + c2 * cosine**2)) ** (2 * aspect)


def visibility(ends, walk):
    """Share of power [S, G] that reaches the segments' middles past the trunk and the legs in front of them.

    A soft shadow of our own: a blocker takes up to SHADOW from what lies behind it, within about its own radius
    across the line of sight and within its height.
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


def speckle(names, shape, step_s, rng):
    """Unit-power complex amplitudes of the given shape [S, K, G] (complex64): a steady part plus a Gauss-Markov
    fluctuation. names: of the S segments."""
    def normal(size):
        parts = rng.standard_normal((2, *size), np.float32)
        return (parts[0] + 1j * parts[1]) * np.float32(np.sqrt(0.5))

    share = np.array([STEADY_TORSO if name == "torso" else STEADY_POWER for name in names], np.float32)[:, None, None]
    steady = np.exp(2j * np.pi * rng.random(shape[:-1]))[..., None].astype(np.complex64)
    keep = np.float32(np.exp(-step_s / SPECKLE_S))
    state, drive = normal(shape[:-1])[..., None], normal(shape)
    drive *= np.sqrt(1 - keep**2)
    drive, _ = lfilter(np.ones(1, np.float32), np.array([1, -keep], np.float32), drive, axis=-1, zi=keep * state)
    lost = (2 + keep) / 3  # of the power, as the echo goes straight from one of the G values to the next
    return np.sqrt(share) * steady + np.sqrt((1 - share) / lost) * drive
