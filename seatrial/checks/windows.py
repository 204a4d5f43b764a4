"""The windows of a run, in which the SLO is judged apart: before, during and after the fault."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import outages as model
from seatrial.checks.disasters import disasters
from seatrial.checks.statistics import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.checks.disasters import Disaster
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline

ENOUGH = 2 * LEAST  # requests that a window holds if it can: a window of `LEAST` cannot certify a p95 beside one bad


@dataclass(frozen=True)
class Window:
    """A span of monotonic time; a sample belongs to it by the moment it was due."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return self.end_s - self.start_s

    def of(self, samples: list[Sample]) -> list[Sample]:
        """The samples that were due in this window."""
        return [sample for sample in samples if self.start_s <= sample.intended_s < self.end_s]


def struck_s(timeline: Timeline) -> float | None:
    """Monotonic time of the first blow, or None if nothing was broken."""
    return next((disaster.struck_s for disaster in disasters(timeline)), None)


def windows(timeline: Timeline) -> dict[str, Window]:
    """The windows that the run came to: before, during (from the blow until the fault is gone), settling, after.

    Where there is more than one disaster, each has its own: `during 1 (Kill cache)`.
    """
    # Until the blow: while the run asked whether all clients are served, they were watched, too.
    before = (timeline.time_of("before-begin"), struck_s(timeline) or timeline.time_of("before-end"))
    bounds = {"before": before}
    for disaster in disasters(timeline):
        gone_s = disaster.healed_s or _served_s(timeline, disaster)
        bounds["during" + disaster.label] = (disaster.struck_s, gone_s)
        bounds["settling" + disaster.label] = (gone_s, disaster.over_s)
    bounds["after"] = (timeline.time_of("after-begin"), timeline.time_of("after-end"))
    return {
        name: Window(start, end)
        for name, (start, end) in bounds.items()
        if start is not None and end is not None and end > start
    }


def kind_of(name: str) -> str:
    """`during` of `during 1 (Kill cache)`."""
    return name.split(" ", 1)[0]


def _served_s(timeline: Timeline, disaster: Disaster) -> float | None:
    """The end of a fault that nobody heals: when its clients were served again, as it was measured.

    The run watches them for some seconds more until it believes that; counted in, these would dilute what the fault
    did. Only a window that is too short to be judged reaches into them, by as many requests as it lacks.
    """
    if disaster.over_s is None or not disaster.outages:
        return disaster.over_s
    served_s = model.combine(disaster.outages).end.upper_s
    return min(max(served_s, _enough_s(timeline, disaster)), disaster.over_s)


def _enough_s(timeline: Timeline, disaster: Disaster) -> float:
    """When so many requests of the load were due since the blow that a window can be judged."""
    due = sorted(_due_after(timeline, disaster.struck_s))
    return due[ENOUGH] if len(due) > ENOUGH else math.inf


def _due_after(timeline: Timeline, start_s: float) -> Iterator[float]:
    for stream, samples in timeline.streams.items():
        if stream.startswith("load/"):
            yield from (sample.intended_s for sample in samples if sample.intended_s >= start_s)
