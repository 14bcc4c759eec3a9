"""What a spectrogram says about the walk: torso line, envelopes, bandwidth, limb amplitude, cadence.

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


def envelope(image, velocity, *, threshold=0.12, min_cells=2):
    """Upper and lower envelope, (upper [W], lower [W]) in m/s: the outermost velocities with an echo.

    A row counts where the image exceeds threshold (a fraction of the dynamic range) in a 3 x 3 neighbourhood
    with more than min_cells other such cells, so that lone noise cells do not. Columns without an echo are
    NaN.
    """
    image, velocity = check_image(image, velocity)
    above = image > threshold
    company = uniform_filter(above.astype(np.float64), (3, 3), mode="constant") * 9
    above &= company > min_cells + 0.5
    upper = np.where(above.any(axis=0), velocity[above.argmax(axis=0)], np.nan)
    lower = np.where(above.any(axis=0), velocity[len(velocity) - 1 - above[::-1].argmax(axis=0)], np.nan)
    return upper, lower


def bandwidth(image, velocity, **options):
    """Mean distance in m/s between the envelopes; options as for `envelope`. NaN for an empty image."""
    upper, lower = envelope(image, velocity, **options)
    return float(np.mean((upper - lower)[np.isfinite(upper)])) if np.isfinite(upper).any() else float("nan")


def limb_amplitude(image, velocity, *, dynamic_range_db=40.0, **options):
    """How far in m/s the limbs' swing reaches above the mean torso speed: 90th percentile of the upper
    envelope (median of three columns) minus the mean torso line. options as for `envelope`."""
    upper, _ = envelope(image, velocity, **options)
    upper = median_filter(upper[np.isfinite(upper)], 3, mode="nearest")
    if not len(upper):
        return float("nan")
    torso = torso_line(image, velocity, dynamic_range_db=dynamic_range_db)
    return float(np.percentile(upper, 90) - torso.mean())


def cadence(image, time_s, *, low_hz=1.25, high_hz=2.5, harmonics=2):
    """Steps per second: the fundamental whose Fourier series explains most of the image's variance over time.

    Every row is fitted by least squares with a mean and `harmonics` sines of the trial rate, which for white
    noise is the maximum-likelihood estimate and needs no whole number of periods; then a parabola refines the
    best trial. Returns (rate in Hz, explained share of variance in [0, 1]). high_hz must stay below 2 low_hz
    or so, else the stride rate competes. Raises RequestError where the image is shorter than one and a half
    steps.
    """
    image, time_s = np.asarray(image, np.float64), np.asarray(time_s, np.float64)
    span = (time_s[-1] - time_s[0]) * len(time_s) / (len(time_s) - 1)
    if span * low_hz < 1.5:
        raise RequestError(f"the image covers {span:.2f} s, but cadence from {low_hz:g} Hz needs "
                           f"{1.5 / low_hz:.2f} s; use a longer window or raise low_hz")
    trials = np.linspace(low_hz, high_hz, 251)
    orders = np.arange(1, harmonics + 1)
    angle = 2 * np.pi * trials[:, None, None] * (time_s - time_s.mean())[:, None] * orders
    basis = np.concatenate([np.ones_like(angle[..., :1]), np.cos(angle), np.sin(angle)], axis=-1)
    basis = np.linalg.qr(basis)[0]  # [251, W, 1 + 2 harmonics]
    centred = image - image.mean(axis=1, keepdims=True)
    total = (centred**2).sum()
    if total == 0:
        return float("nan"), 0.0
    explained = ((centred @ basis) ** 2).sum(axis=(1, 2)) / total
    best = int(explained.argmax())
    inner = min(max(best, 1), len(trials) - 2)
    left, mid, right = explained[inner - 1:inner + 2]
    bend = left - 2 * mid + right
    shift = np.clip((left - right) / (2 * bend), -1, 1) if bend < 0 and best == inner else 0.0
    return float(trials[best] + shift * (trials[1] - trials[0])), float(explained[best])


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
