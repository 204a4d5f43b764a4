"""Was the load generator itself fit to measure? Read from its own record and from its samples; pure."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.samples import UNSENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seatrial.samples import Sample

HEALTH_FILE = "load-health.csv"
HEALTH_FIELDS = ("at_s", "cpu", "lag_p99_s", "in_flight", "sent", "unsent", "loop")
OPEN, CLOSED = "open", "closed"
MOST_LAG_S = 0.05
MOST_CPU = 0.8
LEAST_RATE = 0.95
BLIND_S = 2.5  # rows come every second; a record that ends so long before the window does says that the generator died


@dataclass(frozen=True, slots=True)
class HealthSample:
    """The load generator's second up to `at_s`."""

    at_s: float
    cpu: float  # share of one core
    lag_p99_s: float  # sent after intended, or woken after due: whichever was late
    in_flight: int  # open loop: requests without an answer yet; closed loop: users
    sent: int  # requests that ended since the row before
    unsent: int  # requests that were due and could not be sent
    loop: str  # open or closed; in a closed loop a request is intended when it is sent


def load_health(folder: Path) -> list[HealthSample]:
    """The record in a run's folder, in time's order; empty if there is none; a torn last line is left out."""
    path = folder / HEALTH_FILE
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    rows = [row for row in csv.reader(lines) if row and row[0] != HEALTH_FIELDS[0]]
    return sorted(map(_health_sample, rows), key=lambda sample: sample.at_s)


def _health_sample(row: list[str]) -> HealthSample:
    at_s, cpu, lag, in_flight, sent, unsent, loop = row
    return HealthSample(float(at_s), float(cpu), float(lag), int(in_flight), int(sent), int(unsent), loop)


def saturation(
    samples: Sequence[Sample], health: Sequence[HealthSample], start_s: float, end_s: float, rate_hz: float | None
) -> str | None:
    """Why the generator was the bottleneck in this window, as a sentence, or None. No rate: a closed loop."""
    closed = rate_hz is None or any(row.loop == CLOSED for row in health)
    if reason := _overworked(health, start_s, end_s):
        return reason
    if closed or rate_hz is None:
        return None
    due = [sample for sample in samples if start_s <= sample.intended_s < end_s]
    return _late(due) or _short(due, end_s - start_s, rate_hz)


def _overworked(health: Sequence[HealthSample], start_s: float, end_s: float) -> str | None:
    if not health or health[0].at_s > start_s + BLIND_S or health[-1].at_s < end_s - BLIND_S:
        return "the load generator left no record of its own health for the whole window"
    shares = []
    for before, row in pairwise(health):
        overlap = min(row.at_s, end_s) - max(before.at_s, start_s)
        if overlap > 0:
            shares.append((overlap, row.cpu))
    cpu = sum(overlap * cpu for overlap, cpu in shares) / sum(overlap for overlap, _ in shares) if shares else 0.0
    if cpu > MOST_CPU:
        return f"the load generator was saturated: it used {cpu:.0%} of its core (at most {MOST_CPU:.0%})"
    return None


def _late(due: Sequence[Sample]) -> str | None:
    """No room in flight, decided in time, is the target's fault; whatever is decided late is the generator's."""
    lag = p99([(s.end_s if s.outcome == UNSENT else s.start_s) - s.intended_s for s in due])
    if lag > MOST_LAG_S:
        return f"the load generator was saturated: requests were sent {lag:.3f} s late (p99; at most {MOST_LAG_S:g} s)"
    return None


def _short(due: Sequence[Sample], duration_s: float, rate_hz: float) -> str | None:
    asked = rate_hz * duration_s
    if len(due) < LEAST_RATE * asked - 1:
        achieved = len(due) / duration_s
        return f"the load generator was saturated: it came to {achieved:.1f} of {rate_hz:g} requests per second"
    return None


def p99(values: Sequence[float]) -> float:
    """The 99th percentile by rank; 0 of nothing."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1] if values else 0.0
