"""Planted feet: bends the legs of the walking model so that the foot on the floor stays where it is.

The published joint curves let the stance foot slide by up to 1.4 m/s, which a radar would show as an echo that
recedes at every step. Here the foot's path over one cycle is corrected by the integral of that slide, given back
during the swing, and the leg reaches the corrected ankle by two-link inverse kinematics. The trunk does not change.
"""

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from mdgen.radar.skeleton import FOOT_HEIGHT, SHANK, THIGH, leg, rotate

NODES = 256  # of the correction over one cycle
CONTACT_M = 0.03  # softness of the change of weight from heel to toe
RAMP = 0.05  # of the cycle, in which a foot takes and leaves the floor
SMOOTH = 0.015  # of the cycle: rounds the corners where a leg is stretched
REACH = 0.9995  # largest distance of ankle from hip, as a share of the stretched leg


def locked_legs(walker, phase, free):
    """Changes of the flexions, {"hip", "knee", "ankle"} -> [2, T] rad (left, right), at gait phase [T] in cycles.

    free: gait phases [N], even in time -> (phases [N] of the right leg, flexions {joint: [2, N]} rad, the root's
    sway [N, 3] m) of the model with sliding feet.
    """
    cycle = np.arange(NODES) / NODES
    right, own, sway = free(cycle)
    shift = walker.foot_lock * floor_shift(walker, np.stack([right + 0.5, right]) % 1, own, sway)
    around, changes = np.append(cycle, 1.0), {}
    for joint, bent in reach_for(own, shift, walker.height).items():
        change = gaussian_filter1d(bent - own[joint], SMOOTH * NODES, mode="wrap")
        closed = np.append(change, change[:, :1], axis=1)
        changes[joint] = CubicSpline(around, closed, axis=1, bc_type="periodic")(phase % 1)
    return changes


def floor_shift(walker, phase, angle, sway):
    """Forward shift [2, N] m of the feet that undoes the slide of the one on the floor, given back in the swing.

    phase: [2, N], each leg's own, 0 at its heel strike; N points even in time. angle, sway: as of `free` above.
    """
    order = np.argsort(phase, axis=1)  # from heel strike on
    slide = np.take_along_axis(contact_velocity(walker, angle, sway), order, axis=1)
    p = np.take_along_axis(phase, order, axis=1)
    planted = np.clip(np.minimum(p, walker.support - p) / RAMP, 0, 1)
    drift = cumulative_trapezoid(planted * slide, dx=walker.cycle_s / NODES, axis=1, initial=0)
    drift -= drift[:, -1:] * rise((p - walker.support) / (1 - walker.support))
    high, low = drift.max(axis=1, keepdims=True), drift.min(axis=1, keepdims=True)
    shift = np.empty_like(drift)
    np.put_along_axis(shift, order, (high + low) / 2 - drift, axis=1)  # as little reaching as possible
    return shift


def rise(u):
    """0 at u <= 0, 1 at u >= 1, with two continuous derivatives between."""
    u = np.clip(u, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


def contact_velocity(walker, angle, sway):
    """Forward velocity [2, N] m/s of that end of the foot, heel or toe, which is lower."""
    ankle, toe = leg(angle, walker.height)[1:]
    pitch = angle["ankle"] + angle["hip"] - angle["knee"]
    heel = ankle + rotate(walker.height * np.array([0, 0, -FOOT_HEIGHT]), pitch, 0, 2)
    lift = np.clip((heel - toe)[..., 2] / CONTACT_M, -50, 50)
    on_heel = 1 / (1 + np.exp(lift))
    moved = [np.pad(end[..., 0] + sway[:, 0], ((0, 0), (1, 1)), "wrap") for end in (heel, toe)]
    heel, toe = ((m[:, 2:] - m[:, :-2]) * NODES / (2 * walker.cycle_s) for m in moved)
    return walker.speed + on_heel * heel + (1 - on_heel) * toe


def reach_for(angle, shift, height):
    """Flexions [2, N] rad with which the ankle stands `shift` [2, N] m before its place, the foot as inclined as
    before (two-link inverse kinematics by the law of cosines)."""
    ankle = leg(angle, 1.0)[1]
    x, z = ankle[..., 0] + shift / height, ankle[..., 2]
    distance = np.minimum(np.hypot(x, z), REACH * (THIGH + SHANK))
    knee = np.arccos(np.clip((distance**2 - THIGH**2 - SHANK**2) / (2 * THIGH * SHANK), -1, 1))
    hip = np.arctan2(x, -z) + np.arctan2(SHANK * np.sin(knee), THIGH + SHANK * np.cos(knee))
    ankle_angle = angle["ankle"] + (angle["hip"] - angle["knee"]) - (hip - knee)
    return dict(hip=hip, knee=knee, ankle=ankle_angle)
