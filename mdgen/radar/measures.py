"""What a spectrogram says about the walk: torso line, envelopes, bandwidth, limb amplitude, cadence, asymmetry.

All take an image [H, W] in [0, 1] whose rows are dB from the image's peak (1) down to its floor (0), the row
centres velocity [H] in m/s (falling, approaching positive) and, where time matters, the column centres time_s
[W]. The figures are those of Doppler gait work since van Dorp & Groen, "Feature-based human motion parameter
estimation with radar", IET RSN 2 (2008): the limbs reach farthest from the torso line, and twice per gait
cycle.
"""

import numpy as np
from scipy.ndimage import median_filter, uniform_filter

from mdgen.errors import RequestError


def torso_line(image, velocity, *, dynamic_range_db=40.0, steepness=0.5):
    """Velocity [W] in m/s of the strongest continuous ridge.

    The path of greatest summed intensity whose jump between columns costs steepness per m/s (dynamic
    programming), refined to the power centroid within 0.3 m/s of the path.
    """
    image, velocity = check_image(image, velocity)
    smooth = uniform_filter(image, (3, 3), mode="nearest")
    cost = steepness * np.abs(velocity[:, None] - velocity[None, :])  # [H to, H from]
    score, back = smooth[:, 0], []
    for column in smooth.T[1:]:
        arrivals = score[None, :] - cost
        back.append(arrivals.argmax(axis=1))
        score = column + arrivals.max(axis=1)
    rows = [int(score.argmax())]
    for source in reversed(back):
        rows.append(int(source[rows[-1]]))
    path = velocity[np.array(rows[::-1])]  # [W]
    weight = to_power(image, dynamic_range_db) * (np.abs(velocity[:, None] - path) <= 0.3)
    return (weight * velocity[:, None]).sum(axis=0) / weight.sum(axis=0)


def periodic_torso(image, velocity, time_s, line, rate_hz, *, dynamic_range_db=40.0):
    """Torso velocity [W] in m/s as a straight line plus one sine of the step rate.

    Weighted least squares to the power centroids around the curve, repeated ten times, beginning with the brightest
    curve near line [W]. A centroid is taken under a Gaussian about the curve of 0.12, then of 0.06 m/s, because the
    legs' echo beside it pulls; the Gaussian is at least 0.8 rows wide. Where limbs or fading hide the ridge, the
    other steps say where it is.
    """
    image, velocity = check_image(image, velocity)
    time, line = np.asarray(time_s) - np.mean(time_s), np.asarray(line, np.float64)
    angle, rows, cell = 2 * np.pi * rate_hz * time, velocity[:, None], -np.diff(velocity).mean()
    basis = np.stack([np.ones_like(time), time, np.cos(angle), np.sin(angle)], axis=1)
    line, power = brightest_curve(image, velocity, line, basis), to_power(image, dynamic_range_db)
    for width in np.maximum(4 * [0.12] + 6 * [0.06], 0.8 * cell):
        weight = power * np.exp(-0.5 * ((rows - line) / width) ** 2) + 1e-30
        mass = weight.sum(axis=0)
        sure = mass**0.25  # near echoes are far stronger, but no more certain
        centroid = (weight * rows).sum(axis=0) / mass
        line = basis @ np.linalg.lstsq(basis * sure[:, None], centroid * sure, rcond=None)[0]
    return line


def brightest_curve(image, velocity, line, basis):
    """The trial curve [W] with the greatest mean intensity.

    A trial is the straight part of line [W], moved by up to 0.2 of its mean speed, plus a sine of up to 0.24 of it.
    basis: [W, 4], as in `periodic_torso`.
    """
    trend = basis[:, :2] @ np.linalg.lstsq(basis[:, :2], line, rcond=None)[0]
    trials = np.abs(line.mean()) * np.stack(np.meshgrid(*3 * [np.linspace(-1, 1, 9)]), axis=-1).reshape(-1, 3)
    curves = trend + (trials * [0.2, 0.24, 0.24]) @ basis[:, [0, 2, 3]].T  # [729, W]
    rows = np.clip(np.round((velocity[0] - curves) / -np.diff(velocity).mean()), 0, len(velocity) - 1).astype(int)
    smooth = uniform_filter(image, (3, 3), mode="nearest")
    return curves[smooth[rows, np.arange(len(line))].mean(axis=1).argmax()]


def quiet_rows(image, velocity):
    """The quarter [Q, W] of the rows with the least mean. No part of the body is that fast, so that they show the
    noise. Rows near 0 m/s do not count: a clutter filter may have emptied them."""
    image, velocity = check_image(image, velocity)
    rows = image[np.abs(velocity) > 0.25] if (np.abs(velocity) > 0.25).any() else image
    means = rows.mean(axis=1)
    return rows[means <= np.quantile(means, 0.25)]


def noise_level(image, velocity):
    """Median of the quiet rows: in [0, 1], 0 where the noise is below the dynamic range. A median in dB lies
    1.6 dB below the mean power of one look."""
    return float(np.median(quiet_rows(image, velocity)))


def noise_threshold(image, velocity):
    """Level in [0, 1] above which a cell holds an echo: the noise's median plus three times its distance from the
    upper quartile, at least 0.12. For noise of one look, that is 9 dB above its median, which one cell in 250
    exceeds; noise of more looks varies less."""
    middle, upper = np.quantile(quiet_rows(image, velocity), [0.5, 0.75])
    return max(0.12, float(middle + 3 * (upper - middle)))


def envelope(image, velocity, *, threshold=None, min_cells=2):
    """Upper and lower envelope, (upper [W], lower [W]) in m/s: the outermost velocities with an echo.

    A row counts where the image exceeds threshold (a fraction of the dynamic range) in a 3 x 3 neighbourhood
    with more than min_cells other such cells, so that lone noise cells do not. threshold=None: `noise_threshold`.
    Columns without an echo are NaN.
    """
    image, velocity = check_image(image, velocity)
    threshold = noise_threshold(image, velocity) if threshold is None else threshold
    above = image > threshold
    company = uniform_filter(above.astype(np.float64), (3, 3), mode="constant") * 9
    above &= company > min_cells + 0.5
    upper = np.where(above.any(axis=0), velocity[above.argmax(axis=0)], np.nan)
    lower = np.where(above.any(axis=0), velocity[len(velocity) - 1 - above[::-1].argmax(axis=0)], np.nan)
    return upper, lower


def bandwidth(image, velocity):
    """Mean distance in m/s between the envelopes; NaN for an empty image."""
    upper, lower = envelope(image, velocity)
    return float(np.mean((upper - lower)[np.isfinite(upper)])) if np.isfinite(upper).any() else float("nan")


def limb_amplitude(image, velocity, *, dynamic_range_db=40.0):
    """How far in m/s the limbs' swing reaches above the mean torso speed: 90th percentile of the upper
    envelope (median of three columns) minus the mean torso line."""
    image, velocity = check_image(image, velocity)
    torso = torso_line(image, velocity, dynamic_range_db=dynamic_range_db)
    if torso.mean() < 0:  # receding: the mirror image
        return limb_amplitude(image[::-1], -velocity[::-1], dynamic_range_db=dynamic_range_db)
    upper, _ = envelope(image, velocity)
    upper = median_filter(upper[np.isfinite(upper)], 3, mode="nearest")
    return swing_reach(upper, torso) if len(upper) else float("nan")


def swing_reach(upper, torso):
    """How far the 90th percentile of an upper envelope lies above the mean torso line; of a lower one: of -lower
    above -torso. Any unit."""
    return float(np.percentile(upper, 90) - np.mean(torso))


def asymmetry(image, velocity, time_s, rate_hz, *, dynamic_range_db=40.0):
    """(odd - even) / (odd + even) in [-1, 1]: how unevenly alternate steps reach above the torso.

    A step's height is the mean, over its middle half, of the upper envelope (the lower one of a receding walker;
    median of three columns) above the mean torso line. Heights over the steps are fitted by a straight line, because
    a walker's echo grows on the way, plus a change of sign from step to step, the asymmetry. rate_hz: steps per
    second; the envelope's own sine of that rate says where the steps are. The sign only says which step came first.
    NaN for fewer than three whole steps. Even walkers give 0.02 +- 0.02 at 20 dB, 0.07 +- 0.06 at 10 dB, where noise
    hides the feet. Symmetry index of gait: Robinson et al., J. Manipulative Physiol. Ther. 10 (1987).
    """
    time, torso = np.asarray(time_s, np.float64), torso_line(image, velocity, dynamic_range_db=dynamic_range_db).mean()
    sign = -1 if torso < 0 else 1
    upper, torso = sign * envelope(image, velocity)[sign < 0], sign * torso
    upper = median_filter(np.where(np.isfinite(upper), upper, torso), 3, mode="nearest") - torso
    turns = rate_hz * (time - time.mean())
    turns += np.angle(((upper - upper.mean()) * np.exp(-2j * np.pi * turns)).sum()) / (2 * np.pi)
    steps = np.arange(np.ceil(turns[0] + 0.25), np.floor(turns[-1] - 0.25) + 1)
    if len(steps) < 3:
        return float("nan")
    heights = [upper[np.abs(turns - step) <= 0.25].mean() for step in steps]
    basis = np.stack([np.ones_like(steps), steps - steps.mean(), (-1.0) ** (steps + 1)], axis=1)
    height, _, odd = np.linalg.lstsq(basis, heights, rcond=None)[0]
    return float(np.clip(odd / height, -1, 1)) if height > 0 else float("nan")


def cadence(image, time_s, *, low_hz=1.25, high_hz=2.5):
    """Steps per second: the fundamental whose Fourier series explains most of the image's variance over time.

    Returns (rate in Hz, explained share of variance in [0, 1]); (NaN, 0) for an image without change. high_hz
    must stay below 2 low_hz or so, else the stride rate competes. Raises RequestError where the image is shorter
    than one and a half steps.
    """
    return best_trial(*rhythm(image, time_s, low_hz, high_hz))


def rhythm(image, time_s, low_hz, high_hz):
    """Trial rates [251] in Hz and the share [251] of the image's variance that each explains; errors as `cadence`.

    Every row is fitted by least squares with a mean and two sines, of the trial rate and twice that, which for white
    noise is the maximum-likelihood estimate and needs no whole number of periods.
    """
    image, time_s = np.asarray(image, np.float64), np.asarray(time_s, np.float64)
    span = (time_s[-1] - time_s[0]) * len(time_s) / (len(time_s) - 1)
    if span * low_hz < 1.5:
        raise RequestError(f"the image covers {span:.2f} s, but cadence from {low_hz:g} Hz needs "
                           f"{1.5 / low_hz:.2f} s; use a longer window or raise low_hz")
    trials = np.linspace(low_hz, high_hz, 251)
    angle = 2 * np.pi * trials[:, None, None] * (time_s - time_s.mean())[:, None] * np.array([1, 2])
    basis = np.concatenate([np.ones_like(angle[..., :1]), np.cos(angle), np.sin(angle)], axis=-1)
    basis = np.linalg.qr(basis)[0]  # [251, W, 5]
    centred = image - image.mean(axis=1, keepdims=True)
    total = (centred**2).sum()
    return trials, ((centred @ basis) ** 2).sum(axis=(1, 2)) / total if total > 0 else np.zeros_like(trials)


def best_trial(trials, shares):
    """(rate in Hz, share) of the greatest of shares [251], the rate refined by a parabola; (NaN, 0) without one."""
    best = int(shares.argmax())
    if shares[best] == 0:
        return float("nan"), 0.0
    inner = min(max(best, 1), len(trials) - 2)
    left, mid, right = shares[inner - 1:inner + 2]
    bend = left - 2 * mid + right
    shift = np.clip((left - right) / (2 * bend), -1, 1) if bend < 0 and best == inner else 0.0
    return float(trials[best] + shift * (trials[1] - trials[0])), float(shares[best])


def to_power(image, dynamic_range_db=40.0):
    """Linear power relative to the peak; cells on the floor (0) count as no echo."""
    return np.where(image > 0, 10 ** (dynamic_range_db * (image - 1) / 10), 0) + 1e-12


def check_image(image, velocity):
    """Both as float64 arrays; ValueError unless the rows match a falling velocity axis."""
    image, velocity = np.asarray(image, np.float64), np.asarray(velocity, np.float64)
    if image.ndim != 2 or velocity.shape != image.shape[:1]:
        raise ValueError(f"image {image.shape} and velocity {velocity.shape}: expected [H, W] and [H]")
    if not (np.diff(velocity) < 0).all():
        raise ValueError("velocity must fall from row 0 on (positive Doppler is up)")
    return image, velocity
