"""All gait figures of one spectrogram image at once, each with a reason where it cannot be read.

The steps are those of Doppler gait work (van Dorp & Groen, IET RSN 2 (2008)): torso line, step rate, then the
feet at that speed and step rate.
"""

from dataclasses import dataclass

import numpy as np

from mdgen.errors import RequestError, check_number
from mdgen.radar.foot_speed import MEAN_HEIGHT, max_foot_speed
from mdgen.radar.gait import Walker
from mdgen.radar.measures import (asymmetry, bandwidth, best_trial, check_image, limb_amplitude, noise_level,
                                  periodic_torso, rhythm, torso_line)

RATE_LIMITS = 0.70, 1.38  # of the expected step rate: all people, and less than an octave
LEAST_RIDGE_DB = 7.0  # torso line over the noise
LEAST_RHYTHM = 1.5  # variance explained by the step rate, over the median of all trial rates
LEAST_DEPTH_DB = 33.0  # of the noise below the image's peak; with less, the feet drown


@dataclass(frozen=True)
class GaitFigures:
    """Figures of one image; NaN where notes says that one cannot be read.

    torso_speed, max_foot_speed, bandwidth, limb_amplitude in m/s (radial), cadence_hz in steps per second.
    asymmetry: as measures.asymmetry, of alternate steps. noise_db: noise in dB below the image's peak, -inf where
    none shows.
    """

    torso_speed: float
    cadence_hz: float
    max_foot_speed: float
    bandwidth: float
    limb_amplitude: float
    asymmetry: float
    noise_db: float
    notes: tuple


def gait_figures(image, velocity, time_s, *, dynamic_range_db=40.0):
    """Read a GaitFigures from image [H, W] in [0, 1].

    velocity: [H] m/s, falling. time_s: [W] s, evenly rising. dynamic_range_db: dB between 1 and 0. Raises
    ValueError where the axes do not fit the image, RequestError where dynamic_range_db is not positive. How well they
    are read stands in docs/simulator.md.
    """
    check_number("dynamic_range_db", dynamic_range_db, 1)
    (image, velocity), time_s, nan = check_image(image, velocity), np.asarray(time_s, np.float64), float("nan")
    check_axes(image, velocity, time_s)
    noise = noise_level(image, velocity)
    noise_db = (noise - 1) * dynamic_range_db if noise > 0 else -np.inf
    line = torso_line(image, velocity, dynamic_range_db=dynamic_range_db)
    ridge_db = ridge_level(image, velocity, line, dynamic_range_db) - max(noise_db, -dynamic_range_db)
    if not ridge_db >= LEAST_RIDGE_DB:
        return GaitFigures(*[nan] * 6, noise_db, (f"torso: the ridge is {ridge_db:.0f} dB above the noise, "
                                                  f"{LEAST_RIDGE_DB:g} dB are needed",))
    band, limbs = bandwidth(image, velocity), limb_amplitude(image, velocity, dynamic_range_db=dynamic_range_db)
    rate, note = step_rate(image, time_s, float(line.mean()))
    if note:
        return GaitFigures(float(line.mean()), nan, nan, band, limbs, nan, noise_db, (f"cadence: {note}",))
    torso = float(periodic_torso(image, velocity, time_s, line, rate, dynamic_range_db=dynamic_range_db).mean())
    if noise_db > -LEAST_DEPTH_DB:
        return GaitFigures(torso, rate, nan, band, limbs, nan, noise_db, (
            f"feet: the noise is {-noise_db:.0f} dB below the peak, {LEAST_DEPTH_DB:g} dB are needed",))
    foot, note = max_foot_speed(image, velocity, time_s, torso, rate)
    uneven = nan if note else asymmetry(image, velocity, time_s, rate, dynamic_range_db=dynamic_range_db)
    return GaitFigures(torso, rate, foot, band, limbs, uneven, noise_db, (f"feet: {note}",) if note else ())


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
    """Mean, over the rows within 0.3 m/s of the mean of line [W], of their medians over time, in dB from the
    image's peak; -inf where there is none. Along the line itself noise would be high too: the line seeks out peaks."""
    near = np.abs(velocity - line.mean()) <= max(0.3, np.abs(velocity - line.mean()).min())
    value = np.median(image[near], axis=1).mean()
    return (value - 1) * dynamic_range_db if value > 0 else -np.inf


def expected_step_rate(speed):
    """Steps per second of the walking model for a person of mean height at speed (m/s)."""
    return Walker(height=MEAN_HEIGHT, speed=float(np.clip(speed, 0.1, 2.7))).step_rate_hz


def step_rate(image, time_s, speed):
    """(steps per second, "") or (NaN, reason). The walking model bounds the rate, so that the stride rate, half
    of it, is never an option."""
    nan = float("nan")
    if abs(speed) < 0.3:
        return nan, f"the torso moves at {speed:.2f} m/s, which is no walk"
    low, high = (factor * expected_step_rate(abs(speed)) for factor in RATE_LIMITS)
    try:
        trials, shares = rhythm(image, time_s, low, high)
    except RequestError as error:
        return nan, str(error)
    rate, explained = best_trial(trials, shares)
    if not explained > LEAST_RHYTHM * np.median(shares):
        return nan, "no step rate stands out"
    if not low * 1.01 < rate < high * 0.99:
        return nan, f"the best rate, {rate:.2f} Hz, is a limit of what people walk at this speed"
    return rate, ""
