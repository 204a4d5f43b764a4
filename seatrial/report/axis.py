"""The time axis that all pictures of a run share: seconds from the fault, and the UTC of its zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from seatrial.checks.windows import Window, kind_of, struck_s, windows

if TYPE_CHECKING:
    from seatrial.timeline import Timeline

MARGIN = 0.01  # of the length, so that what happens at the ends is seen


@dataclass(frozen=True)
class Axis:
    """Monotonic seconds from `start_s` to `end_s`, told as seconds from `zero_s`."""

    zero_s: float
    zero: str  # what zero is: "the fault", "the first window", "the beginning"
    start_s: float
    end_s: float
    utc: datetime | None  # of zero

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return self.end_s - self.start_s

    def told(self, at_s: float) -> str:
        """`+1.234 s`, from zero."""
        return f"{at_s - self.zero_s:+.3f} s"

    def clock(self, at_s: float) -> str:
        """`2026-11-23 05:15:00.123 UTC`, or nothing where the run does not tie its clock to UTC."""
        if self.utc is None:
            return ""
        moment = self.utc + timedelta(seconds=at_s - self.zero_s)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"

    def part(self, start_s: float, end_s: float) -> Axis:
        """The same axis, from closer by."""
        return Axis(self.zero_s, self.zero, max(start_s, self.start_s), min(end_s, self.end_s), self.utc)


def axis_of(timeline: Timeline) -> Axis:
    """From the first sample (or event) to the last of a run."""
    samples = [stream for stream in timeline.streams.values() if stream]
    begins = [stream[0].intended_s for stream in samples] or [event.at_s for event in timeline.events] or [0.0]
    ends = [sample.end_s for stream in samples for sample in stream[-1:]]
    ends += [event.at_s for event in timeline.events] or begins
    start, end = min(begins), max(*ends, min(begins) + 0.1)
    zero, what = _zero(timeline, start)
    margin = (end - start) * MARGIN
    return Axis(zero, what, start - margin, end + margin, _utc(timeline, zero))


def shown_windows(timeline: Timeline, axis: Axis) -> dict[str, Window]:
    """The windows of a run; of one that ended early also what came after the blow, or all there is."""
    found, struck = windows(timeline), struck_s(timeline)
    if struck is not None and not any(kind_of(name) == "during" for name in found) and axis.end_s > struck:
        found["after the blow"] = Window(struck, axis.end_s)
    return found or {"whole run": Window(axis.start_s, axis.end_s)}


def _zero(timeline: Timeline, start_s: float) -> tuple[float, str]:
    struck, before = struck_s(timeline), timeline.time_of("before-begin")
    if struck is not None:
        return struck, "the fault"
    return (before, "the first window") if before is not None else (start_s, "the beginning")


def _utc(timeline: Timeline, at_s: float) -> datetime | None:
    clock = timeline.run.get("clock")
    if not clock:
        return None
    return datetime.fromisoformat(clock["utc"]) + timedelta(seconds=at_s - float(clock["monotonic_s"]))
