"""All gait figures of one spectrogram image at once, each with a reason where it cannot be read.

The steps are those of Doppler gait work (van Dorp & Groen, IET RSN 2 (2008)): torso line, step rate, then the
feet at that speed and step rate.
"""

from dataclasses import dataclass

import numpy as np

from mdgen.errors import RequestError, check_number
from mdgen.radar import measures
from mdgen.radar.foot_speed import MEAN_HEIGHT, max_foot_speed
from mdgen.radar.gait import Walker

RATE_LIMITS = 0.70, 1.38  # of the expected step rate: all people, and less than an octave
LEAST_RIDGE_DB = 7.0  # torso line over the noise
LEAST_RHYTHM = 1.5  # variance explained by the step rate, over the median of all trial rates
LEAST_DEPTH_DB = 33.0  # of the noise below the image's peak; with less, the feet drown
NAN = float("nan")


@dataclass(frozen=True)
class GaitFigures:
    """Figures of one image. A figure that cannot be read is NaN, and notes says why.

    torso_speed, max_foot_speed, bandwidth, limb_amplitude in m/s (radial), cadence_hz in steps per second.
    asymmetry: as measures.asymmetry, of alternate steps. noise_db: noise in dB below the image's peak, -inf where
    none shows.
    """

    torso_speed: float = NAN
    cadence_hz: float = NAN
    max_foot_speed: float = NAN
    bandwidth: float = NAN
    limb_amplitude: float = NAN
    asymmetry: float = NAN
    noise_db: float = -np.inf
    notes: tuple = ()


def gait_figures(image, velocity, time_s, *, dynamic_range_db=40.0):
    """Read a GaitFigures from image [H, W] in [0, 1].

    velocity: [H] m/s, falling. time_s: [W] s, evenly rising. dynamic_range_db: dB between 1 and 0. Raises
    ValueError where the axes do not fit the image, RequestError where dynamic_range_db is below 1.
    docs/simulator.md says how well each figure is read.
    """
    check_number("dynamic_range_db", dynamic_range_db, 1)
    (image, velocity), time_s = measures.check_image(image, velocity), np.asarray(time_s, np.float64)
    check_axes(image, velocity, time_s)
    noise = measures.noise_level(image, velocity)
    noise_db = (noise - 1) * dynamic_range_db if noise > 0 else -np.inf
    found = dict(noise_db=noise_db)
    line = measures.torso_line(image, velocity, dynamic_range_db=dynamic_range_db)
    ridge_db = ridge_level(image, velocity, line, dynamic_range_db) - max(noise_db, -dynamic_range_db)
    if not ridge_db >= LEAST_RIDGE_DB:
        return GaitFigures(**found, notes=(f"torso: the ridge is {ridge_db:.0f} dB above the noise, "
                                           f"{LEAST_RIDGE_DB:g} dB are needed",))
    found.update(bandwidth=measures.bandwidth(image, velocity), torso_speed=float(line.mean()),
                 limb_amplitude=measures.limb_amplitude(image, velocity, dynamic_range_db=dynamic_range_db))
    rate, note = step_rate(image, time_s, found["torso_speed"])
    if note:
        return GaitFigures(**found, notes=(f"cadence: {note}",))
    line = measures.periodic_torso(image, velocity, time_s, line, rate, dynamic_range_db=dynamic_range_db)
    torso = float(line.mean())
    found.update(torso_speed=torso, cadence_hz=rate)
    if noise_db > -LEAST_DEPTH_DB:
        return GaitFigures(**found, notes=(f"feet: the noise is {-noise_db:.0f} dB below the peak, "
                                           f"{LEAST_DEPTH_DB:g} dB are needed",))
    foot, note = max_foot_speed(image, velocity, time_s, torso, rate)
    if note:
        return GaitFigures(**found, notes=(f"feet: {note}",))
    uneven = measures.asymmetry(image, velocity, time_s, rate, dynamic_range_db=dynamic_range_db)
    return GaitFigures(**found, max_foot_speed=foot, asymmetry=uneven)


def check_axes(image, velocity, time_s):
    """Refuse images that are not intensities, and axes that are not even."""
    if not ((image >= 0) & (image <= 1)).all():  # also NaN
        raise ValueError("the image has values that are no intensities; expected 0 to 1")
    if time_s.shape != image.shape[1:] or min(image.shape) < 2:
        raise ValueError(f"image {image.shape} and time_s {time_s.shape}: expected [H, W] and [W], at least 2 x 2")
    for name, steps in (("velocity", -np.diff(velocity)), ("time_s", np.diff(time_s))):
        if not (steps > 0).all() or np.ptp(steps) > 0.01 * steps.mean():
            raise ValueError(f"{name} has steps of {steps.min():g} to {steps.max():g}; expected an even axis, "
                             "velocity falling and time rising")


def ridge_level(image, velocity, line, dynamic_range_db):
    """How strong the torso's echo is, in dB from the image's peak; -inf where there is none.

    The mean, over the rows within 0.3 m/s of the mean of line [W], of each row's median over time. Along the line
    itself, which seeks out peaks, noise would be high too.
    """
    near = np.abs(velocity - line.mean()) <= max(0.3, np.abs(velocity - line.mean()).min())
    value = np.median(image[near], axis=1).mean()
    return (value - 1) * dynamic_range_db if value > 0 else -np.inf


def step_rate(image, time_s, speed):
    """(steps per second, "") or (NaN, reason); speed: of the torso, in m/s.

    The rate is sought about that of the walking model for a person of mean height, within less than an octave: the
    stride rate, half of it, is never an option.
    """
    if abs(speed) < 0.3:
        return NAN, f"the torso moves at {speed:.2f} m/s, which is no walk"
    expected = Walker(height=MEAN_HEIGHT, speed=float(np.clip(abs(speed), 0.1, 2.7))).step_rate_hz
    low, high = (factor * expected for factor in RATE_LIMITS)
    try:
        trials, shares = measures.rhythm(image, time_s, low, high)
    except RequestError as error:
        return NAN, str(error)
    rate, explained = measures.best_trial(trials, shares)
    if not explained > LEAST_RHYTHM * np.median(shares):
        return NAN, "no step rate stands out"
    if not low * 1.01 < rate < high * 0.99:
        return NAN, f"the best rate, {rate:.2f} Hz, is a limit of what people walk at this speed"
    return rate, ""
