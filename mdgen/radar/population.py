"""Persons and their days: walkers that differ from each other, and how one person's walk varies.

The ranges are those of healthy adults. From walk to walk, a person's walking speed varies by 3 to 5 % and the step
rate by about 1.5 %: well below the differences between persons, by which gait tells them apart.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mdgen.errors import check_number
from mdgen.radar.gait import Walker


class Spread(NamedTuple):
    """low, high: among persons. within: deviation within a person, a share of the value where `relative`."""

    low: float
    high: float
    within: float
    relative: bool = True


PERSONS = dict(
    height=Spread(1.55, 1.92, 0.0), speed=Spread(1.0, 1.5, 0.04), cadence=Spread(0.92, 1.08, 0.015),
    hip=Spread(0.88, 1.12, 0.02), knee=Spread(0.85, 1.12, 0.02), ankle=Spread(0.8, 1.2, 0.03),
    shoulder=Spread(0.85, 1.15, 0.03), elbow=Spread(0.7, 1.3, 0.04), arm_swing=Spread(0.5, 1.5, 0.05),
    sway=Spread(0.8, 1.2, 0.03), surge=Spread(-1.1, -0.3, 0.04), asymmetry=Spread(-0.1, 0.1, 0.01, False),
    build=Spread(0.85, 1.25, 0.0), phase_shift=Spread(-0.02, 0.02, 0.003, False), foot_lock=Spread(0.4, 0.95, 0.0))


def draw_walkers(count, seed=0):
    """`count` Walkers, no two equal in any parameter of PERSONS: each takes evenly spaced values over its range in a
    random order (a Latin hypercube)."""
    check_number("the number of walkers", count, 1, whole=True)
    rng = np.random.default_rng([seed, 0])
    share = {name: (rng.permutation(count) + 0.5) / count for name in PERSONS}
    return [Walker(**{name: round(float(spread.low + (spread.high - spread.low) * share[name][user]), 4)
                      for name, spread in PERSONS.items()}) for user in range(count)]


def vary(walker, rng):
    """The walker on another walk: each parameter is off by a normal draw, of at most 2.5 deviations within a person."""
    changes = {}
    for name, spread in PERSONS.items():
        value = getattr(walker, name)
        off = spread.within * float(np.clip(rng.standard_normal(), -2.5, 2.5))
        changes[name] = value * (1 + off) if spread.relative else value + off
    return replace(walker, **changes)
