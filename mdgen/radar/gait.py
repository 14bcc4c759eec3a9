"""Walker parameters -> trajectories of sixteen body segments (global human walking model).

Source: Boulic, Magnenat-Thalmann, Thalmann, "A global human walking model with real-time kinematic
personification", The Visual Computer 6 (1990): curves of relative speed RV = v / hip height and of normalised
cycle time, with heel strike of the right foot at 0. World axes: x forward, y left, z up, floor near z = 0, in
metres and seconds.

Two decisions of ours. The root moves at constant mean speed and the stance foot is not anchored: the
published model is pure forward kinematics, anchoring would take the exact mean speed away (it is the ground
truth of the measures), and measured radar images show the short receding spikes at toe-off that the slide
makes. And where the printed trunk amplitudes change sign below RV = 0.5 we keep the sign of the faster
regimes, so that the motion is continuous.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from mdgen.errors import RequestError

# Lengths as fractions of body height.
HEAD, NECK, TORSO, HALF_SHOULDER, HALF_HIP = 0.130, 0.052, 0.288, 0.259 / 2, 0.191 / 2
THIGH, SHANK, FOOT_LENGTH, FOOT_HEIGHT, UPPER_ARM, FOREARM = 0.245, 0.246, 0.143, 0.039, 0.188, 0.145
HIP_HEIGHT = THIGH + SHANK + FOOT_HEIGHT

# Radii in metres of the spheroids that stand for the segments, for build = 1.
RADII = dict(torso=0.15, head=0.10, shoulder=0.06, upper_arm=0.06, forearm=0.05, hip=0.07, thigh=0.07,
             shank=0.06, foot=0.05)
PAIRED = ("shoulder", "upper_arm", "forearm", "hip", "thigh", "shank", "foot")
SEGMENTS = ("torso", "head") + tuple(f"{side}_{part}" for part in PAIRED for side in ("left", "right"))


@dataclass(frozen=True)
class Walker:
    """One person's way of walking; every field is a plain number, so dataclasses.asdict gives JSON and back.

    height (m) and speed (m/s) set the model. cadence multiplies its step rate at unchanged speed; the hip
    swing is divided by it, because stride = speed / stride rate. hip, knee, ankle, shoulder and elbow
    multiply joint angles, arm_swing the whole arm, sway the trunk's lateral and vertical motion, surge its
    fore-aft motion and pitch. surge = 1 is the published curve, slowest at heel strike; measured torso lines
    are fastest there, which a negative surge gives. asymmetry a scales left joint angles by 1 + a and right
    ones by 1 - a. build multiplies segment radii. phase_shift delays knee, ankle and elbow against hip and
    shoulder, as a fraction of the cycle. Raises RequestError where speed / hip height leaves (0, 3], the
    range of the model, or a size is not positive.
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

    def __post_init__(self):
        for name in ("height", "cadence", "build"):
            if not getattr(self, name) > 0:
                raise RequestError(f"walker {name} is {getattr(self, name)}; it must be positive")
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
        """Duration of one gait cycle (two steps) in seconds: 1.346 / sqrt(RV), divided by the cadence
        factor."""
        return 1.346 / self.relative_speed**0.5 / self.cadence

    @property
    def step_rate_hz(self):
        """Steps per second."""
        return 2 / self.cycle_s


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


def simulate_walk(walker, times, start_phase=0.0, step_s=1e-4):
    """Walk along +x from the origin.

    times: [T] s, any order and spacing. start_phase: gait phase in cycles at time 0 (0 = right heel strike).
    step_s: half width in s of the central difference that gives the velocities. Returns a Walk.
    """
    times = np.asarray(times, np.float64)
    stacked = (times + step_s * np.array([[-1.0], [0.0], [1.0]])).ravel()
    ends = segment_ends(walker, stacked, start_phase)
    start, end = (p.reshape(len(SEGMENTS), 3, len(times), 3) for p in ends)
    velocity = [(p[:, 2] - p[:, 0]) / (2 * step_s) for p in (start, end)]
    parts = (name.removeprefix("left_").removeprefix("right_") for name in SEGMENTS)
    radius = walker.build * np.array([RADII[part] for part in parts])
    return Walk(SEGMENTS, times, start[:, 1], end[:, 1], *velocity, radius)


def control_points(relative_speed, support):
    """Joint flexions in degrees: joint -> (cycle times [P], angles [P]), the published control points.

    relative_speed: RV, in three regimes split at 0.5 and 1.3. support: stance time as a fraction of the
    cycle. Positive: leg forward, shank backward, toes up, forearm forward.
    """
    rv, p, q = relative_speed, (relative_speed - 0.5) / 0.8, (relative_speed - 1.3) / 1.7
    if rv < 0.5:
        table = dict(hip=[(-0.1, 50 * rv), (0.5, -30 * rv), (0.9, 50 * rv)],
                     knee=[(0.17, 3), (0.4, 3), (0.75, 140 * rv), (1, 3)],
                     ankle=[(0, -3), (0.08, -30 * rv - 3), (0.5, 22 * rv - 3), (support, -34 * rv - 3),
                            (0.85, -3)],
                     elbow=[(0.05, 6 * rv + 3), (0.5, 34 * rv + 3), (0.9, 10 * rv + 3)])
    elif rv < 1.3:
        table = dict(hip=[(-0.1, 25), (0.5, -15), (0.9, 25)],
                     knee=[(0.17, 3), (0.4, 3), (0.75, 70), (1, 3)],
                     ankle=[(0, -3), (0.08, -18), (0.5, 8), (support, -20), (0.85, -3)],
                     elbow=[(0.05, 8 * p + 6), (0.5 + 0.01 * p, 24 * p + 20), (0.9, 9 * p + 8)])
    else:
        table = dict(hip=[(0.2 * q - 0.1, 5 * q + 25), (0.5, -15), (0.9, 6 * q + 25)],
                     knee=[(0.17 - 0.05 * q, 22 * q + 3), (0.4, 3), (0.75 - 0.05 * q, 70 - 5 * q),
                           (1 - 0.03 * q, 3 + 3 * q)],
                     ankle=[(0, 5 * q - 3), (0.08, 4 * q - 18), (0.5 - 0.1 * q, 8 - 3 * q),
                            (support, -20 - 8 * q), (0.85, 5 * q - 3)],
                     elbow=[(0.05, 14 - 6 * q), (0.51 + 0.04 * q, 44 + 26 * q), (0.9 - 0.1 * q, 17 - 6 * q)])
    return {joint: tuple(np.array(points, np.float64).T) for joint, points in table.items()}


def periodic_curve(phase, times, values):
    """Monotone cubic through (times, values), repeated every cycle. phase: any shape, in cycles; same shape
    back."""
    times, first = np.unique(np.round(times % 1, 9), return_index=True)  # -0.1 and 0.9 are one point
    knots = np.concatenate([times - 1, times, times + 1])
    return PchipInterpolator(knots, np.tile(values[first], 3))(phase % 1)


def joint_angles(walker, phase):
    """Flexions in radians, joint -> [2, T] (left, right), at gait phase [T] in cycles of the right leg."""
    rv, support = walker.relative_speed, 0.752 - 0.143 / walker.cycle_s
    sides = np.stack([phase + 0.5, phase])  # [2, T]
    gain = dict(hip=walker.hip / walker.cadence, knee=walker.knee, ankle=walker.ankle,
                shoulder=walker.shoulder * walker.arm_swing, elbow=walker.elbow * walker.arm_swing)
    delay = dict(hip=0.0, knee=walker.phase_shift, ankle=walker.phase_shift, elbow=walker.phase_shift)
    degrees = {joint: periodic_curve(sides - delay[joint], *points)
               for joint, points in control_points(rv, support).items()}
    degrees["shoulder"] = 3 - 9.88 * rv * (0.5 + np.cos(2 * np.pi * sides))
    side_gain = 1 + walker.asymmetry * np.array([[1.0], [-1.0]])
    return {joint: np.deg2rad(angle * gain[joint] * side_gain) for joint, angle in degrees.items()}


def trunk_motion(walker, phase):
    """Sway [T, 3] in m added to the path, and four rotations [T] in radians: upper-body pitch, pelvis roll,
    pelvis yaw, thorax yaw. Yaw is counted so that the hip of the leading leg is in front."""
    rv, turn = walker.relative_speed, 2 * np.pi * phase
    slow = min(rv, 0.5) * (1 - min(rv, 0.5)) / 0.25  # 1 from RV = 0.5 on
    lead = 2 * (0.625 - (0.752 - 0.143 / walker.cycle_s))
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


def segment_ends(walker, times, start_phase):
    """Forward kinematics: (start, end), each [S, T, 3] m in the order of SEGMENTS, at times [T] s."""
    phase = times / walker.cycle_s + start_phase
    sway, pitch, roll, pelvis_yaw, thorax_yaw = trunk_motion(walker, phase)
    angle, h = joint_angles(walker, phase), walker.height
    side = h * np.array([[[0, 1.0, 0]], [[0, -1.0, 0]]])  # [2, 1, 3] left, right
    down = h * np.array([0, 0, -1.0])

    def lower(p):
        return rotate(rotate(p, pelvis_yaw, 0, 1), roll, 1, 2)

    def upper(p):
        return rotate(rotate(p, thorax_yaw, 0, 1), pitch, 0, 2)

    shank = rotate(SHANK * down, -angle["knee"], 0, 2)  # [2, T, 3]
    foot = rotate(h * np.array([FOOT_LENGTH, 0, -FOOT_HEIGHT]), angle["ankle"], 0, 2)
    foot = rotate(foot, -angle["knee"], 0, 2)
    hip = HALF_HIP * side + 0 * shank
    knee = hip + rotate(THIGH * down, angle["hip"], 0, 2)
    ankle = knee + rotate(shank, angle["hip"], 0, 2)
    toe = ankle + rotate(foot, angle["hip"], 0, 2)
    shoulder = HALF_SHOULDER * side - TORSO * down + 0 * shank
    elbow = shoulder + rotate(UPPER_ARM * down, angle["shoulder"], 0, 2)
    hand = elbow + rotate(rotate(FOREARM * down, angle["elbow"], 0, 2), angle["shoulder"], 0, 2)

    base = np.zeros_like(sway)
    neck, chin, crown = (upper(base - length * down) for length in (TORSO, TORSO + NECK, TORSO + NECK + HEAD))
    hip, knee, ankle, toe = map(lower, (hip, knee, ankle, toe))
    shoulder, elbow, hand = map(upper, (shoulder, elbow, hand))
    starts = [base[None], chin[None], [neck, neck], shoulder, elbow, [base, base], hip, knee, ankle]
    ends = [neck[None], crown[None], shoulder, elbow, hand, hip, knee, ankle, toe]
    root = sway + np.outer(times, [walker.speed, 0, 0]) - HIP_HEIGHT * down
    return np.concatenate(starts) + root, np.concatenate(ends) + root


def rotate(points, angle, i, j):
    """Turn points [..., 3] by angle [...] rad in the plane of axes i, j (from i towards j)."""
    c, s = np.cos(angle), np.sin(angle)
    out = np.broadcast_to(points, np.broadcast_shapes(points.shape, c.shape + (3,))).copy()
    out[..., i] = points[..., i] * c - points[..., j] * s
    out[..., j] = points[..., i] * s + points[..., j] * c
    return out
