"""Axes: from values to coordinates, and the round numbers to write beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """A value between `low` and `high` as a coordinate between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate, held inside the axis."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Log:
    """The same for the logarithm of a positive value."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate, held inside the axis."""
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + (self.end - self.start) * min(share, 1.0)


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5 x 10^n that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def nice_seconds(least: float) -> float:
    """The same for time: above a minute, steps that divide minutes, hours and days."""
    if least <= 20:
        return nice_step(least)
    steps = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0)
    return next((step for step in steps if step >= least), 86400.0 * math.ceil(least / 86400))


def ticks(low: float, high: float, step: float) -> list[float]:
    """Multiples of the step from low to high."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from low to high."""
    return [10.0**power for power in range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)]
