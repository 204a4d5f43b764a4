"""Samples by column of a picture: every sample counts, so that one slow request among millions is still drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.report.axis import Axis
    from seatrial.samples import Sample

LEAST = 0.0001  # seconds; a logarithm needs a floor


@dataclass(slots=True)
class Column:
    """What fell into one column."""

    number: int
    low_s: float = math.inf
    high_s: float = 0.0
    ok: int = 0
    failed: int = 0


def columns(samples: Iterable[Sample], axis: Axis, count: int) -> list[Column]:
    """The columns that hold a sample, in order. A sample stands where it was due; those outside are left out."""
    found: dict[int, Column] = {}
    width = axis.length_s / count
    for sample in samples:
        place = math.floor((sample.intended_s - axis.start_s) / width)
        if not 0 <= place < count:
            continue
        column = found.get(place) or found.setdefault(place, Column(place))
        if not sample.ok:
            column.failed += 1
            continue
        took = max(sample.end_s - sample.intended_s, LEAST)
        column.ok += 1
        column.low_s, column.high_s = min(column.low_s, took), max(column.high_s, took)
    return [found[place] for place in sorted(found)]


@dataclass(frozen=True, slots=True)
class Step:
    """Percentiles of one step of a curve; infinite where the failures reach them, None where nothing was due."""

    middle_s: float
    p50_s: float | None
    p95_s: float | None


def curve(samples: Iterable[Sample], axis: Axis, step_s: float) -> list[Step]:
    """p50 and p95 of each step of the axis, without gaps in the numbering."""
    groups: dict[int, list[float]] = {}
    for sample in samples:
        groups.setdefault(math.floor((sample.intended_s - axis.start_s) / step_s), []).append(sample.latency_s)
    steps = []
    for place in range(math.ceil(axis.length_s / step_s)):
        values = sorted(groups.get(place, ()))
        middle = axis.start_s + (place + 0.5) * step_s
        steps.append(Step(middle, rank(values, 0.5), rank(values, 0.95)))
    return steps


def rank(values: list[float], fraction: float) -> float | None:
    """The nearest-rank percentile of sorted values; None of nothing."""
    return values[max(math.ceil(fraction * len(values)), 1) - 1] if values else None
