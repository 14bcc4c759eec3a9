"""Measures of the walk and the texture that an image shows: curves over time, single figures, a spectrum."""

import numpy as np
from scipy.ndimage import median_filter, uniform_filter, uniform_filter1d

from mdgen.data.image_axes import ImageAxes
from mdgen.radar.measures import cadence, envelope, swing_reach, torso_line
from mdgen.validation.metrics.spectral_texture import FINE_CYCLES

SHARE = "share of height"
VELOCITY = "velocity"    # unit that the axes decide: m/s, or a share of the image's height
CURVES = {"torso_line": VELOCITY, "upper_envelope": VELOCITY, "lower_envelope": VELOCITY}
SCALARS = {"torso_mean": VELOCITY, "torso_swing": VELOCITY, "bandwidth": VELOCITY, "limbs_above": VELOCITY,
           "limbs_below": VELOCITY, "limb_asymmetry": "share", "cadence": "steps per second",
           "fine_share": "share of power", "speckle": "share of dynamic range", "skewness": "1", "kurtosis": "1"}
SPECTRA = {"spectrum": "dB"}
NOMINAL = ImageAxes(0.0, 7.4)    # m/s of an unknown axis: a usual span, on which the torso line's 0.3 m/s make sense
TRUNK = 0.3                      # m/s about the torso line that are no limb
LEAST_CELLS = 30                 # of limbs, for a statistic of their intensities
LEAST_SECONDS = 1.25             # for the cadence, which needs one and a half of the slowest steps, of 0.8 s


def image_measures(images, axes: ImageAxes | None = None) -> dict:
    """Name -> array over images [N, C, H, W] uint8 (intensity: mean of the channels); NaN where one shows nothing.

    Curves [N, W]: torso_line, upper_envelope, lower_envelope (of the image averaged over 3 columns, median of 3; the
    torso line where a column has no echo).
    Scalars [N]: torso_mean, torso_swing (mean and standard deviation of the torso line), bandwidth (mean between the
    envelopes), limbs_above, limbs_below (`swing_reach` of the envelopes), limb_asymmetry ((above - below) / (above +
    below), the symmetry index of Robinson et al. 1987 between the limbs' way forward and back), cadence
    (`mdgen.radar.cadence`). Over the limbs, which are between the envelopes but not on the torso line: speckle (root
    of the mean 3 x 3 variance; in dB speckle is additive, and its deviation tells the number of looks, Arsenault &
    April 1976), skewness and excess kurtosis of the intensity.
    spectrum [N, R]: mean power in dB at 1 .. R = min(H, W) // 2 cycles per image side, Hann window in time;
    fine_share [N]: the share of power beyond FINE_CYCLES.
    Velocities are in m/s, without axes in shares of the image's height from its lower edge. What `not_measured`
    names is left out.
    """
    shape = images.shape[-2:]
    missing, known = not_measured(shape, axes), axes or NOMINAL
    velocity, scale = known.velocity(shape[0]), 1.0 if axes else known.highest
    rings = np.hypot(np.fft.fftfreq(shape[0])[:, None] * shape[0], np.fft.fftfreq(shape[1]) * shape[1])
    rows = []
    for image in images:
        image = image.mean(axis=0) / 255
        row = walk_figures(image, velocity, known.dynamic_range_db)
        row = {name: value / scale if UNITS.get(name) == VELOCITY else value for name, value in row.items()}
        row.update(spectral_figures(image, rings))
        if "cadence" not in missing:
            row["cadence"] = cadence(image, axes.time_s(shape[1]))[0]
        rows.append(row)
    return {name: np.array([row[name] for row in rows], np.float64) for name in UNITS if name not in missing}


def not_measured(shape, axes: ImageAxes | None) -> dict:
    """Name -> reason for what images of shape (H, W) with these axes cannot show."""
    reasons = {}
    if axes is None or axes.duration_s is None:
        reasons["cadence"] = "how long an image lasts is not known"
    elif axes.duration_s < LEAST_SECONDS:
        reasons["cadence"] = f"images last {axes.duration_s:.2f} s, less than {LEAST_SECONDS:g} s"
    if min(shape) // 2 <= FINE_CYCLES:
        reasons["fine_share"] = f"images of {min(shape)} pixels have no detail beyond {FINE_CYCLES:g} cycles"
    return reasons


def walk_figures(image, velocity, dynamic_range_db: float) -> dict:
    """Curves [W] and figures of an image [H, W] in [0, 1] over velocity [H] in m/s."""
    line = torso_line(image, velocity, dynamic_range_db=dynamic_range_db)
    found = envelope(uniform_filter1d(image, 3, axis=1), velocity)
    upper, lower = (median_filter(np.where(np.isfinite(e), e, line), 3, mode="nearest") for e in found)
    above, below = swing_reach(upper, line), swing_reach(-lower, -line)
    rows = velocity[:, None]
    limbs = (rows <= upper) & (rows >= lower) & (np.abs(rows - line) > TRUNK)
    return {"torso_line": line, "upper_envelope": upper, "lower_envelope": lower, "torso_mean": line.mean(),
            "torso_swing": line.std(), "bandwidth": (upper - lower).mean(), "limbs_above": above,
            "limbs_below": below, "limb_asymmetry": (above - below) / (above + below) if above + below > 0 else np.nan,
            **amplitude_statistics(image, limbs)}


def amplitude_statistics(image, limbs) -> dict:
    """Speckle, skewness and excess kurtosis of an image [H, W] where limbs [H, W] is true."""
    values = image[limbs]
    if len(values) < LEAST_CELLS or values.std() == 0:
        return dict.fromkeys(("speckle", "skewness", "kurtosis"), np.nan)
    variance = uniform_filter(image**2, 3) - uniform_filter(image, 3) ** 2
    z = (values - values.mean()) / values.std()
    return {"speckle": np.sqrt(max(variance[limbs].mean(), 0)), "skewness": (z**3).mean(),
            "kurtosis": (z**4).mean() - 3}


def spectral_figures(image, rings) -> dict:
    """Radial power spectrum [R] in dB and its share beyond FINE_CYCLES; rings [H, W]: cycles per image side."""
    window = np.hanning(image.shape[1] + 2)[1:-1]
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2 / image.size**2
    ring, total = np.rint(rings).astype(int), power[rings > 0].sum()
    radial = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    rounding = 1 / 255**2 / 12 / image.size                        # power of 8-bit rounding: less says nothing
    return {"spectrum": 10 * np.log10(radial[1:min(image.shape) // 2 + 1] + rounding),
            "fine_share": power[rings > FINE_CYCLES].sum() / total if total > 0 else np.nan}


UNITS = {**CURVES, **SCALARS, **SPECTRA}
