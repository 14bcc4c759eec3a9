"""The sixteen segments of the body: lengths, radii, and joint angles -> end points (forward kinematics).

Axes: x forward, y left, z up. Lengths are fractions of body height as used with the Boulic–Thalmann walking model
(Chen, "The Micro-Doppler Effect in Radar", 2011, ch. 4).
"""

import numpy as np

HEAD, NECK, TORSO, HALF_SHOULDER, HALF_HIP = 0.130, 0.052, 0.288, 0.259 / 2, 0.191 / 2
THIGH, SHANK, FOOT_LENGTH, FOOT_HEIGHT, UPPER_ARM, FOREARM = 0.245, 0.246, 0.143, 0.039, 0.188, 0.145
HIP_HEIGHT = THIGH + SHANK + FOOT_HEIGHT

# Radii in metres of the spheroids that stand for the segments, for build = 1.
RADII = dict(torso=0.15, head=0.10, shoulder=0.06, upper_arm=0.06, forearm=0.05, hip=0.07, thigh=0.07,
             shank=0.06, foot=0.05)
PAIRED = ("shoulder", "upper_arm", "forearm", "hip", "thigh", "shank", "foot")
SEGMENTS = ("torso", "head") + tuple(f"{side}_{part}" for part in PAIRED for side in ("left", "right"))


def rotate(points, angle, i, j):
    """Turn points [..., 3] by angle [...] rad in the plane of axes i, j (from i towards j)."""
    c, s = np.cos(angle), np.sin(angle)
    out = np.broadcast_to(points, np.broadcast_shapes(points.shape, c.shape + (3,))).copy()
    out[..., i] = points[..., i] * c - points[..., j] * s
    out[..., j] = points[..., i] * s + points[..., j] * c
    return out


def leg(angle, height):
    """Knee, ankle and toe relative to the hip, each [..., 3] m, of flexions {"hip", "knee", "ankle"} [...] rad."""
    down = height * np.array([0, 0, -1.0])
    foot = rotate(height * np.array([FOOT_LENGTH, 0, -FOOT_HEIGHT]), angle["ankle"], 0, 2)
    knee = rotate(THIGH * down, angle["hip"], 0, 2)
    ankle = knee + rotate(SHANK * down, angle["hip"] - angle["knee"], 0, 2)
    return knee, ankle, ankle + rotate(foot, angle["hip"] - angle["knee"], 0, 2)


def arm(angle, height):
    """Elbow and hand relative to the shoulder, each [..., 3] m, of flexions {"shoulder", "elbow"} [...] rad."""
    down = height * np.array([0, 0, -1.0])
    elbow = rotate(UPPER_ARM * down, angle["shoulder"], 0, 2)
    return elbow, elbow + rotate(FOREARM * down, angle["shoulder"] + angle["elbow"], 0, 2)


def forward_kinematics(angle, trunk, height):
    """(start, end), each [S, T, 3] m: the proximal and the distal ends in the order of SEGMENTS.

    angle: joint -> [2, T] rad (left, right). trunk: sway [T, 3] m and the rotations [T] rad of the upper body's
    pitch, pelvis roll, pelvis yaw and thorax yaw. height: m. Origin: on the floor below the base of the spine.
    """
    sway, pitch, roll, pelvis_yaw, thorax_yaw = trunk
    side = height * np.array([[[0, 1.0, 0]], [[0, -1.0, 0]]])  # [2, 1, 3] left, right
    up = height * np.array([0, 0, 1.0])

    def lower(p):
        return rotate(rotate(p, pelvis_yaw, 0, 1), roll, 1, 2)

    def upper(p):
        return rotate(rotate(p, thorax_yaw, 0, 1), pitch, 0, 2)

    base = np.zeros_like(sway)
    neck, chin, crown = (upper(base + length * up) for length in (TORSO, TORSO + NECK, TORSO + NECK + HEAD))
    hip, shoulder = HALF_HIP * side, HALF_SHOULDER * side + TORSO * up
    knee, ankle, toe = (lower(hip + p) for p in leg(angle, height))  # [2, T, 3]
    elbow, hand = (upper(shoulder + p) for p in arm(angle, height))
    hip, shoulder = lower(hip), upper(shoulder)
    starts = [base[None], chin[None], [neck, neck], shoulder, elbow, [base, base], hip, knee, ankle]
    ends = [neck[None], crown[None], shoulder, elbow, hand, hip, knee, ankle, toe]
    root = sway + HIP_HEIGHT * up
    return np.concatenate(starts) + root, np.concatenate(ends) + root
