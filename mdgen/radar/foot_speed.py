"""Greatest foot speed in a spectrogram image of a walk: the image's upper edge, averaged over the steps.

Feet are the fastest and among the weakest parts of the echo (van Dorp & Groen, IET RSN 2 (2008)), so that in noise
no single column shows them. The walking model of Boulic et al. (1990) says where in a step the foot is fastest and
roughly how its speed rises and falls. The image says how fast that is: one reading from all odd steps together, one
from all even steps. Image and axes are as in measures.py.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

from mdgen.radar.gait import Walker, simulate_walk
from mdgen.radar.measures import envelope, quiet_rows

MEAN_HEIGHT = 1.72  # m, of the walker whose foot curve is expected
FOOT_LOCK = 0.7  # of that walker: between the model's sliding feet and planted ones
SCALES = np.linspace(0.55, 1.6, 64)  # trial foot speeds over the torso's, relative to that walker's
PLAUSIBLE = 0.7, 1.55  # of these; beyond, the curve has caught the shanks or the noise
PHASES = 24  # trial start phases per step
UNEVEN = 0.15  # how far odd and even steps may each be from the common scale
SATURATION = 0.15  # above the noise (6 dB of 40), so that the bright trunk draws no curve to itself
TOP = 0.85  # of the curve's height above the torso: the part of a step in which the edge is read
REACH = np.linspace(0.8, 1.25, 91)  # heights around the curve, in units of it, where the edge is sought
EDGE = 0.5  # of the echo's height above the noise, where the edge is
LEAST_CONTRAST = 5.0  # standard errors of the noise
MARGIN = 0.2  # m/s that must lie between the feet and the top of the image; with less they may go beyond it
NO_NOISE = 0.003  # mean of the quiet rows, below which single columns show the feet


def max_foot_speed(image, velocity, time_s, torso, rate_hz):
    """(greatest radial foot speed in m/s, "") or (NaN, reason).

    torso: mean torso speed in m/s; where it is negative, as the foot speed then is, the walker recedes. rate_hz:
    steps per second.
    """
    if torso < 0:
        speed, note = max_foot_speed(image[::-1], -velocity[::-1], time_s, -torso, rate_hz)
        return -speed, note
    nan, smooth = float("nan"), smoothed(image, velocity, time_s)
    noise, spread = quiet_rows(smooth, velocity).mean(), quiet_rows(smooth, velocity).std()
    shape, odd, speeds, scale = fit_steps(smooth, velocity, time_s, torso, rate_hz, noise, spread)
    if not PLAUSIBLE[0] < scale < PLAUSIBLE[1]:
        return nan, "no foot curve within what people walk fits"
    read = [(speed, *edge(smooth, velocity, torso, speed, shape, side, noise, spread))
            for speed, side in zip(speeds, (odd, ~odd), strict=True)]
    clear = [(fitted, speed) for fitted, speed, contrast in read if contrast > LEAST_CONTRAST]
    if not clear:
        return nan, "no edge of the image stands out of the noise near the foot curve"
    peak = max(speed for _, speed in clear)
    if noise < NO_NOISE:  # the envelope is sharper than the average over steps, but both have to agree
        mean, peak = peak, float(np.nanmax(envelope(smooth, velocity, threshold=0.06)[0]))
        if not abs(peak / mean - 1) < 0.1:
            return nan, f"the envelope's {peak:.2f} m/s and the steps' average of {mean:.2f} m/s disagree"
    elif max(abs(speed / fitted - 1) for fitted, speed in clear) > UNEVEN:
        return nan, f"the image's edge is too far from the foot curve, at {peak:.2f} m/s"
    if max(peak, *speeds) > velocity[0] - MARGIN:
        return nan, f"at {peak:.2f} m/s or more, they leave the image"
    return peak, ""


def foot_curve(speed, count=96):
    """Forward speed of the faster foot minus the torso's over one step [count], in units of speed (m/s), highest
    first."""
    walker = Walker(height=MEAN_HEIGHT, speed=float(np.clip(speed, 0.1, 2.5)), foot_lock=FOOT_LOCK)
    walk = simulate_walk(walker, np.arange(count) / count / walker.step_rate_hz)
    feet = [walk.names.index(f"{side}_foot") for side in ("left", "right")]
    fastest = (0.1 * walk.start_velocity[feet] + 0.9 * walk.end_velocity[feet])[..., 0].max(axis=0)
    return np.roll(fastest, -int(fastest.argmax())) / walker.speed - 1


def fit_steps(smooth, velocity, time_s, torso, rate_hz, noise, spread):
    """Lay the foot curve over the image so that the most echo is below it and the least above it.

    smooth: image [H, W]. torso in m/s. noise, spread: mean and standard deviation of cells without an echo. An edge is
    best where the summed evidence for an echo up to it is greatest (change-point estimate); echo within 0.4 m/s below
    it counts twice, because between feet and thighs there may be a gap.
    Returns shape [W], the curve's height above the torso, 1 at its top; odd [W] bool, the columns of every other step;
    the speeds of its top in odd and in even steps, m/s; the scale that is common to both, one of SCALES.
    """
    curve, cell, count = foot_curve(torso), -np.diff(velocity).mean(), len(velocity)
    apex = torso * curve.max()
    steps = rate_hz * (time_s - time_s.mean()) - np.arange(PHASES)[:, None] / PHASES  # [P, W]
    shape = np.interp(steps % 1, np.arange(len(curve) + 1) / len(curve), np.append(curve, curve[0])) / curve.max()
    evidence = np.clip((smooth - noise) / SATURATION, -1, 1) - (0.12 + 1.5 * spread)  # rough noise needs more
    total = np.vstack([np.zeros_like(evidence[:1]), np.cumsum(evidence[::-1], axis=0)]) * cell  # rising velocity
    bottom = velocity[-1] - cell / 2

    def below(speed):  # evidence summed from the bottom up to speed [..., W]
        row = np.clip((speed - bottom) / cell, 0, count)
        whole, column = np.minimum(row.astype(int), count - 1), np.arange(len(time_s))
        return total[whole, column] + (row - whole) * (total[whole + 1, column] - total[whole, column])

    scales = SCALES[torso + apex * SCALES <= max(velocity[0], torso + apex * SCALES[2])]  # within the image
    trial = torso + apex * scales[:, None, None] * shape  # [S, P, W]
    upto = below(trial)
    score = upto + (upto - below(trial - 0.4)) * np.clip((shape - 0.2) / 0.8, 0, None)
    common, phase = np.unravel_index(score.sum(axis=-1).argmax(), score.shape[:2])
    odd = np.round(steps[phase]) % 2 == 1
    near = np.flatnonzero(np.abs(scales / scales[common] - 1) <= UNEVEN)
    best = (scales[near[score[near, phase][:, side].sum(axis=-1).argmax()]] for side in (odd, ~odd))
    return shape[phase], odd, [float(torso + apex * scale) for scale in best], float(scales[common])


def edge(smooth, velocity, torso, speed, shape, side, noise, spread):
    """Speed in m/s at which the image's mean along the curves around the foot curve last exceeds EDGE of its height
    above the noise, and that height in standard errors; (NaN, 0) where nothing is above the noise or no edge is seen.

    speed: of the curve's top. side: [W] bool, columns to use. Others as in `fit_steps`.
    """
    columns = np.flatnonzero(side & (shape > TOP))
    heights = REACH[torso + REACH * (speed - torso) <= velocity[0]]
    if not len(columns) or not len(heights):
        return float("nan"), 0.0
    speeds = torso + heights[:, None] * (speed - torso) * shape[columns]  # [R, C]
    rows = (velocity[0] - speeds) / -np.diff(velocity).mean()
    profile = map_coordinates(smooth, [rows, np.broadcast_to(columns, rows.shape)], order=1, mode="nearest")
    profile = profile.mean(axis=1) - noise
    if not profile.max() > 0:
        return float("nan"), 0.0
    last = np.flatnonzero(profile > EDGE * profile.max())[-1]
    if last == len(heights) - 1:  # the echo goes on, maybe beyond the image
        return float("nan"), 0.0
    contrast = profile.max() / max(spread / np.sqrt(len(columns)), 1e-3)
    return float(torso + heights[last] * (speed - torso)), float(contrast)


def smoothed(image, velocity, time_s):
    """image with a Gaussian of 0.06 m/s and 15 ms, where its cells are finer than that."""
    for axis, cells in ((0, 0.06 / -np.diff(velocity).mean()), (1, 0.015 / np.diff(time_s).mean())):
        image = gaussian_filter1d(image, cells, axis=axis) if cells > 0.4 else image
    return image
