"""Where a walker goes: share of the walking speed and heading over time.

A motion says how fast and in which direction; the walker (gait.py) says how the body does it. Times are in s, from
the start of the walk.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from mdgen.errors import check_number

GRID_S = 2e-3  # spacing of the points between which speeds are integrated as cubic pieces


@dataclass(frozen=True)
class Straight:
    """Full speed along +x."""

    def speed_share(self, t):
        return np.ones_like(t)

    def heading(self, t):
        return np.zeros_like(t)


@dataclass(frozen=True)
class StopAndGo(Straight):
    """Along +x, with a stop: slows down within ramp_s before stop_s, stands for pause_s, and walks on."""

    stop_s: float = 1.5
    pause_s: float = 1.0
    ramp_s: float = 0.8

    def __post_init__(self):
        check_number("stop_s", self.stop_s)
        check_number("pause_s", self.pause_s, 0)
        check_number("ramp_s", self.ramp_s, 0.4)  # less throws the feet about

    def speed_share(self, t):
        return 1 - rise(t, self.stop_s - self.ramp_s, self.stop_s) + rise(
            t, self.stop_s + self.pause_s, self.stop_s + self.pause_s + self.ramp_s)


@dataclass(frozen=True)
class TurnBack(Straight):
    """Along +x until about at_s, where half a turn to the left begins that takes turn_s; then back.

    While turning the walker slows down to `slowest`, a share of the speed from 0.05 to 1.
    """

    at_s: float = 1.5
    turn_s: float = 1.5
    slowest: float = 0.4

    def __post_init__(self):
        check_number("at_s", self.at_s)
        check_number("turn_s", self.turn_s, 0.8)
        check_number("slowest", self.slowest, 0.05, 1)

    def speed_share(self, t):
        middle, half = self.at_s + self.turn_s / 2, self.turn_s / 2
        turning = rise(t, self.at_s - half / 2, middle) - rise(t, middle, middle + 1.5 * half)
        return 1 - (1 - self.slowest) * turning

    def heading(self, t):
        return np.pi * rise(t, self.at_s, self.at_s + self.turn_s)


def rise(t, begin, end):
    """0 before begin, 1 after end, with two continuous derivatives between."""
    u = np.clip((t - begin) / (end - begin), 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


def follow(motion, times, speed, cycle_s):
    """The walk along a motion: (path [T, 2] m, heading [T] rad, gait phase [T] cycles), path and phase 0 at time 0.

    times: [T] s. speed: m/s at share 1. cycle_s: duration of a gait cycle at share 1; the phase advances with the
    root of the speed's share, as the model's step rate does.
    """
    if type(motion) is Straight:  # exact, and any times
        return np.stack([speed * times, 0 * times], axis=-1), 0 * times, times / cycle_s
    first, last = min(0.0, times.min()) - GRID_S, max(0.0, times.max()) + GRID_S
    grid = np.arange(first, last + 4 * GRID_S, GRID_S)
    share, heading = motion.speed_share(grid), motion.heading(grid)
    rates = np.stack([speed * share * np.cos(heading), speed * share * np.sin(heading),
                      np.sqrt(np.maximum(share, 0)) / cycle_s], axis=-1)
    travelled = CubicSpline(grid, rates).antiderivative()
    travelled = travelled(times) - travelled(0.0)
    return travelled[..., :2], motion.heading(times), travelled[..., 2]
