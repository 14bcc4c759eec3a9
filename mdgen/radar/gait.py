"""Walker parameters -> trajectories of sixteen body segments (global human walking model).

Source: Boulic, Magnenat-Thalmann, Thalmann, "A global human walking model with real-time kinematic
personification", The Visual Computer 6 (1990): curves of relative speed RV = v / hip height and of normalised
cycle time, with heel strike of the right foot at 0. World axes: x forward, y left, z up, floor near z = 0, in
metres and seconds.

Two decisions of ours. The root keeps its mean speed, and the stance foot of the published model, which is pure
forward kinematics, slides; `foot_lock` takes the slide away on demand by bending the legs, never by changing the
trunk, whose speed is the ground truth of the measures. And where the printed trunk amplitudes change sign below
RV = 0.5 we keep the sign of the faster regimes, so that the motion is continuous.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.interpolate import PchipInterpolator

from mdgen.errors import RequestError, check_number
from mdgen.radar.foot_lock import locked_legs
from mdgen.radar.skeleton import HIP_HEIGHT, RADII, SEGMENTS, forward_kinematics

STEP_S = 1e-4  # half width of the central difference that gives the velocities
LIMP_PACE, SPARING = 0.6, 0.35  # change of pace, and loss of the spared leg's joint angles, at limp = 1


@dataclass(frozen=True)
class Walker:
    """One person's way of walking; every field is a plain number, so dataclasses.asdict gives JSON and back.

    height (m) and speed (m/s) set the model; all else are factors of it, 1 being the published curve.
    cadence: step rate at unchanged speed; the hip swing is divided by it, because stride = speed / stride rate.
    hip, knee, ankle, shoulder, elbow: joint angles. arm_swing: the whole arm; left_arm, right_arm: one of them, so
    that 0.1 carries a bag. sway: the trunk's lateral and vertical motion. surge: its fore-aft motion and pitch; at 1
    slowest at heel strike, while measured torso lines are fastest there, which a negative surge gives. asymmetry a:
    left joint angles times 1 + a, right ones times 1 - a. limp in (-1, 1): how much the left leg (negative: the
    right) is spared, by a shorter stance and smaller, stiffer swing. build: segment radii. phase_shift: delay of
    knee, ankle and elbow against hip and shoulder, in cycles. foot_lock in [0, 1]: share of the stance foot's slide
    that is taken away.
    Raises RequestError where speed / hip height leaves (0, 3], the range of the model, or a field its own.
    """

    height: float = 1.75
    speed: float = 1.3
    cadence: float = 1.0
    hip: float = 1.0
    knee: float = 1.0
    ankle: float = 1.0
    shoulder: float = 1.0
    elbow: float = 1.0
    arm_swing: float = 1.0
    sway: float = 1.0
    surge: float = 1.0
    asymmetry: float = 0.0
    build: float = 1.0
    phase_shift: float = 0.0
    left_arm: float = 1.0
    right_arm: float = 1.0
    limp: float = 0.0
    foot_lock: float = 0.0

    def __post_init__(self):
        bounds = dict(height=(0.1, 10.0), cadence=(0.1, 10.0), build=(0.01, 100.0), limp=(-0.99, 0.99),
                      foot_lock=(0, 1))
        for field in fields(self):
            check_number(f"walker {field.name}", getattr(self, field.name), *bounds.get(field.name, ()))
        if not 0 < self.relative_speed <= 3:
            fastest = 3 * HIP_HEIGHT * self.height
            raise RequestError(f"walker speed {self.speed} m/s is {self.relative_speed:.2f} hip heights per "
                               f"second; choose a speed in (0, {fastest:.2f}] m/s for this height")

    @property
    def relative_speed(self):
        """Speed in hip heights per second (RV)."""
        return self.speed / (HIP_HEIGHT * self.height)

    @property
    def cycle_s(self):
        """Duration of one gait cycle (two steps) in seconds: 1.346 / sqrt(RV), divided by the cadence factor."""
        return 1.346 / self.relative_speed**0.5 / self.cadence

    @property
    def step_rate_hz(self):
        """Steps per second."""
        return 2 / self.cycle_s

    @property
    def stride_m(self):
        """Length of a stride (two steps) in metres."""
        return self.speed * self.cycle_s

    @property
    def support(self):
        """Stance time of a foot as a share of the cycle."""
        return 0.752 - 0.143 / self.cycle_s


@dataclass(frozen=True)
class Walk:
    """Segment end points over time.

    names: S strings. times: [T] s. start, end: [S, T, 3] m, the proximal and the distal end.
    start_velocity, end_velocity: [S, T, 3] m/s. radius: [S] m.
    """

    names: tuple
    times: np.ndarray
    start: np.ndarray
    end: np.ndarray
    start_velocity: np.ndarray
    end_velocity: np.ndarray
    radius: np.ndarray

    def middle(self, name):
        """Position and velocity [T, 3] of the mid-point of the named segment."""
        i = self.names.index(name)
        return (self.start[i] + self.end[i]) / 2, (self.start_velocity[i] + self.end_velocity[i]) / 2


def simulate_walk(walker, times, start_phase=0.0):
    """Walk from the origin along +x.

    times: [T] s, any order and spacing. start_phase: gait phase in cycles at time 0 (0 = right heel strike). Returns a
    Walk. Raises RequestError for times or a phase that are not finite.
    """
    times = np.asarray(times, np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise RequestError(f"times are {times.shape}, {np.sum(~np.isfinite(times))} of them not finite; expected [T] "
                           "finite seconds")
    check_number("start_phase", start_phase)
    stacked = (times + STEP_S * np.array([[-1.0], [0.0], [1.0]])).ravel()
    ends = segment_ends(walker, stacked, start_phase)
    start, end = (p.reshape(len(SEGMENTS), 3, len(times), 3) for p in ends)
    velocity = [(p[:, 2] - p[:, 0]) / (2 * STEP_S) for p in (start, end)]
    parts = (name.removeprefix("left_").removeprefix("right_") for name in SEGMENTS)
    radius = walker.build * np.array([RADII[part] for part in parts])
    return Walk(SEGMENTS, times, start[:, 1], end[:, 1], *velocity, radius)


def segment_ends(walker, times, start_phase):
    """(start, end), each [S, T, 3] m in the order of SEGMENTS, at times [T] s."""
    phase = times / walker.cycle_s + start_phase
    ends = forward_kinematics(joint_angles(walker, phase), trunk_motion(walker, phase), walker.height)
    path = np.stack([walker.speed * times, 0 * times, 0 * times], axis=-1)
    return tuple(p + path for p in ends)


def control_points(relative_speed, support):
    """Joint flexions in degrees: joint -> (cycle times [P], angles [P]), the published control points.

    relative_speed: RV, in three regimes split at 0.5 and 1.3. support: stance time as a fraction of the
    cycle. Positive: leg forward, shank backward, toes up, forearm forward.
    """
    rv = relative_speed   # each of the three grows within its regime alone, so that one table holds all regimes
    s, p, q = min(rv, 0.5), min(max((rv - 0.5) / 0.8, 0), 1), max((rv - 1.3) / 1.7, 0)
    table = dict(hip=[(0.2 * q - 0.1, 50 * s + 5 * q), (0.5, -30 * s), (0.9, 50 * s + 6 * q)],
                 knee=[(0.17 - 0.05 * q, 22 * q + 3), (0.4, 3), (0.75 - 0.05 * q, 140 * s - 5 * q),
                       (1 - 0.03 * q, 3 + 3 * q)],
                 ankle=[(0, 5 * q - 3), (0.08, -30 * s - 3 + 4 * q), (0.5 - 0.1 * q, 22 * s - 3 - 3 * q),
                        (support, -34 * s - 3 - 8 * q), (0.85, 5 * q - 3)],
                 elbow=[(0.05, 6 * s + 3 + 8 * p - 6 * q), (0.5 + 0.01 * p + 0.04 * q, 34 * s + 3 + 24 * p + 26 * q),
                        (0.9 - 0.1 * q, 10 * s + 3 + 9 * p - 6 * q)])
    return {joint: tuple(np.array(points, np.float64).T) for joint, points in table.items()}


def periodic_curve(phase, times, values):
    """Monotone cubic through (times, values), repeated every cycle. phase: any shape, in cycles; same shape back."""
    times, first = np.unique(np.round(times % 1, 9), return_index=True)  # -0.1 and 0.9 are one point
    knots = np.concatenate([times - 1, times, times + 1])
    return PchipInterpolator(knots, np.tile(values[first], 3))(phase % 1)


def joint_angles(walker, phase):
    """Flexions in radians, joint -> [2, T] (left, right), at gait phase [T] in cycles of the right leg."""
    angles = free_angles(walker, phase)
    if walker.foot_lock:
        def free(p):
            return limped(walker, p), free_angles(walker, p), trunk_motion(walker, p)[0]

        for joint, change in locked_legs(walker, phase, free).items():
            angles[joint] = angles[joint] + change
    return angles


def free_angles(walker, phase):
    """As joint_angles, without foot_lock."""
    phase = limped(walker, phase)
    rv, spared = walker.relative_speed, 1 - SPARING * np.clip([[walker.limp], [-walker.limp]], 0, 1)  # [2, 1]
    sides = np.stack([phase + 0.5, phase])  # [2, T]
    arms = walker.arm_swing * np.array([[walker.left_arm], [walker.right_arm]])
    gain = dict(hip=walker.hip / walker.cadence * spared, knee=walker.knee * spared, ankle=walker.ankle * spared,
                shoulder=walker.shoulder * arms, elbow=walker.elbow * arms)
    delay = dict(hip=0.0, knee=walker.phase_shift, ankle=walker.phase_shift, elbow=walker.phase_shift)
    degrees = {joint: periodic_curve(sides - delay[joint], *points)
               for joint, points in control_points(rv, walker.support).items()}
    degrees["shoulder"] = 3 - 9.88 * rv * (0.5 + np.cos(2 * np.pi * sides))
    side_gain = 1 + walker.asymmetry * np.array([[1.0], [-1.0]])
    return {joint: np.deg2rad(angle * gain[joint] * side_gain) for joint, angle in degrees.items()}


def limped(walker, phase):
    """Gait phase [T] with an uneven pace: quick while the spared leg stands alone, slow on the other; equal to
    `phase` at the right heel strike (antalgic gait)."""
    if not walker.limp:
        return phase
    return phase + LIMP_PACE * walker.limp / (2 * np.pi) * (np.cos(2 * np.pi * phase) - 1)


def trunk_motion(walker, phase):
    """Sway [T, 3] in m added to the path, and four rotations [T] in radians: upper-body pitch, pelvis roll,
    pelvis yaw, thorax yaw. Yaw is counted so that the hip of the leading leg is in front."""
    phase = limped(walker, phase)
    rv, turn = walker.relative_speed, 2 * np.pi * phase
    slow = min(rv, 0.5) * (1 - min(rv, 0.5)) / 0.25  # 1 from RV = 0.5 on
    lead = 2 * (0.625 - walker.support)
    vertical = 0.015 * rv * (np.sin(2 * turn - 0.7 * np.pi) - 1)
    lateral = -0.032 * slow * np.sin(turn - 0.2 * np.pi)
    forward = -0.021 * slow * np.sin(2 * turn + 2 * np.pi * lead)
    pitch = 2 * slow * (walker.surge * np.sin(2 * turn - 0.2 * np.pi) - 1)
    half = phase % 0.5
    rise, fall = 1 - np.cos(20 * np.pi * half / 3), 1 + np.cos(20 * np.pi * (half - 0.15) / 7)
    bump = np.where(half < 0.15, rise, fall)
    roll = 1.66 * rv * bump * np.where(phase % 1 < 0.5, -1, 1)
    thorax = periodic_curve(phase, np.array([0.1, 0.4, 0.6, 0.9]), np.array([4, -4.5, -4, 4.5]) / 3 * rv)
    sway = np.stack([walker.surge * forward, walker.sway * lateral, walker.sway * vertical], axis=-1)
    return sway, *np.deg2rad([pitch, roll, 4 * rv * np.cos(turn), -thorax])
