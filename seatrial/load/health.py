"""Was the load generator itself fit to measure? Read from its own record and from its samples; pure."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.attention import Attention, load_attention
from seatrial.errors import InputError
from seatrial.samples import TIMEOUT, UNSENT
from seatrial.spans import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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
    """The record in a run's folder, in time's order; empty if there is none. Raises InputError."""
    path = folder / HEALTH_FILE
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    rows = [row for row in csv.reader(lines) if row and row[0] != HEALTH_FIELDS[0]]
    try:
        return sorted(map(_health_sample, rows), key=lambda sample: sample.at_s)
    except ValueError as error:
        raise InputError("the load generator's record as Seatrial writes it", str(error), path) from None


def _health_sample(row: list[str]) -> HealthSample:
    at_s, cpu, lag, in_flight, sent, unsent, loop = row
    return HealthSample(float(at_s), float(cpu), float(lag), int(in_flight), int(sent), int(unsent), loop)


@dataclass(frozen=True)
class Fitness:
    """What the generator's own state allows to be said of the deployment in one window.

    Latencies count from the moment a request was due, so a generator that is late makes the deployment look slower
    and never faster: if it kept its rate, a kept promise is kept. A broken one is the deployment's only if it is
    broken without what the generator may have added.
    """

    unfit: str = ""  # why nothing can be said: the load was not the one that was asked for
    strained: str = ""  # why slowness may be the generator's own
    allowance_s: float = 0.0  # how much of a latency the generator may have added, beside the delay of sending

    def excuses(self, sample: Sample, slow_s: float) -> bool:
        """Might this request have been good (answered within `slow_s`) had the generator not been strained?"""
        if not self.strained:
            return False
        if sample.outcome == UNSENT:
            return sample.late_s > MOST_LAG_S
        waited = sample.ok or sample.outcome == TIMEOUT
        return waited and sample.end_s - sample.start_s - self.allowance_s < slow_s


def fitness(
    samples: Sequence[Sample], health: Sequence[HealthSample], start_s: float, end_s: float, rate_hz: float | None
) -> Fitness:
    """Was the generator fit to measure in this window? No rate: a closed loop."""
    if not health or health[0].at_s > start_s + BLIND_S or health[-1].at_s < end_s - BLIND_S:
        return Fitness(unfit="the load generator left no record of its own health for the whole window")
    cpu = _cpu(health, start_s, end_s)
    busy = f"the load generator was saturated: it used {cpu:.0%} of its core (at most {MOST_CPU:.0%})"
    if rate_hz is None or any(row.loop == CLOSED for row in health):
        return Fitness(unfit=busy if cpu > MOST_CPU else "")  # nothing else shows how much it should have sent
    sent = sum(start_s <= sample.start_s < end_s and not _given_up(sample, cpu) for sample in samples)
    if sent < LEAST_RATE * rate_hz * (end_s - start_s) - 1:
        achieved = sent / (end_s - start_s)
        said = f"the load generator was saturated: it came to {achieved:.1f} of {rate_hz:g} requests per second"
        return Fitness(unfit=said)
    if cpu > MOST_CPU:
        return Fitness(strained=busy, allowance_s=math.inf)
    lag = _lag([sample for sample in samples if start_s <= sample.intended_s < end_s])
    if lag > MOST_LAG_S:
        said = f"the load generator was late: requests were sent {lag:.3f} s after they were due (p99)"
        return Fitness(strained=said, allowance_s=lag)
    return Fitness()


def attention(samples: Iterable[Sample], health: Sequence[HealthSample]) -> Attention:
    """When the generator did not look. In a closed loop every stall of its heartbeat has a row, written after it."""
    stalls = (Interval(row.at_s - row.lag_p99_s, row.at_s) for row in health
              if row.loop == CLOSED and row.lag_p99_s > MOST_LAG_S)  # fmt: skip
    busy = (Interval(before.at_s, row.at_s) for before, row in pairwise(health) if row.cpu > MOST_CPU)
    return load_attention(samples, stalls, busy)


def _cpu(health: Sequence[HealthSample], start_s: float, end_s: float) -> float:
    """The share of a core that it used in the window."""
    shares = []
    for before, row in pairwise(health):
        overlap = min(row.at_s, end_s) - max(before.at_s, start_s)
        if overlap > 0:
            shares.append((overlap, row.cpu))
    return sum(overlap * cpu for overlap, cpu in shares) / sum(overlap for overlap, _ in shares) if shares else 0.0


def _given_up(sample: Sample, cpu: float) -> bool:
    """Not sent by the generator's own fault: decided late, or with no core left to take in the answers in time."""
    return sample.outcome == UNSENT and (cpu > MOST_CPU or sample.late_s > MOST_LAG_S)


def _lag(due: Sequence[Sample]) -> float:
    """No room in flight, decided in time, is the target's fault; whatever is decided late is the generator's."""
    return p99([sample.late_s for sample in due])


def p99(values: Sequence[float]) -> float:
    """The 99th percentile by rank; 0 of nothing."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1] if values else 0.0
