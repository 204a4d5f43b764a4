"""The windows of a run, in which the SLO is judged apart: before, during and after the fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline


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
    effect = timeline.first("effect")
    return float(effect.data["struck_s"]) if effect else timeline.time_of("injecting")


def recovered_s(timeline: Timeline) -> float | None:
    """When the run saw every client served again after its last blow; a wait that ended before says nothing of it."""
    last_blow = max((float(event.data["struck_s"]) for event in timeline.all("effect")), default=0.0)
    return next((event.at_s for event in timeline.all("recovered") if event.at_s > last_blow), None)


def windows(timeline: Timeline) -> dict[str, Window]:
    """The windows that the run came to: before, during (from the blow until the fault is gone), settling, after."""
    struck, after = struck_s(timeline), timeline.time_of("after-begin")
    recovered = recovered_s(timeline) or timeline.time_of("gave-up")
    healed = _last_healing(timeline, before_s=recovered)
    bounds = {
        # Until the blow: while the run asked whether all clients are served, they were watched, too.
        "before": (timeline.time_of("before-begin"), struck or timeline.time_of("before-end")),
        "during": (struck, healed or recovered),
        "settling": (healed, recovered),
        "after": (after, timeline.time_of("after-end")),
    }
    return {
        name: Window(start, end)
        for name, (start, end) in bounds.items()
        if start is not None and end is not None and end > start
    }


def observed_until_s(timeline: Timeline) -> float:
    """The end of undisturbed observation: a run that gave up helps from then on, so nothing after it counts."""
    ends = [timeline.time_of(kind) for kind in ("gave-up", "interrupted", "after-end", "stopped")]
    return next((end for end in ends if end is not None), timeline.events[-1].at_s if timeline.events else 0.0)


def _last_healing(timeline: Timeline, before_s: float | None) -> float | None:
    healings = [event.at_s for event in timeline.all("healed") if before_s is None or event.at_s <= before_s]
    return healings[-1] if healings and struck_s(timeline) is not None else None
