"""Does the health endpoint tell the truth? Green while work fails hides an outage; red while it is done makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seatrial.checks.disasters import disasters
from seatrial.checks.promise import failed, faulty, inconclusive, passed
from seatrial.spans import Interval, longest_s, minus, union

if TYPE_CHECKING:
    from seatrial.checks.disasters import Disaster
    from seatrial.outages import Outage
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "health tells the truth"
TOLERANCE_S = 1.0  # beside a client's timeout: a check that runs once a second cannot be faster


@dataclass(frozen=True)
class Contradiction:
    """How long health said one thing and work another."""

    kind: Literal["green", "red"]  # what the health endpoint was
    sure_s: float  # while both were looked at
    possible_s: float  # if nobody who did not look missed anything
    work: str  # the streams that show it

    def said(self) -> str:
        """In a sentence."""
        if self.kind == "green":
            return f"the health endpoint was green for {self.sure_s:.1f} s while work failed ({self.work})"
        return f"the health endpoint was red for {self.sure_s:.1f} s while all work was done"


def health(timeline: Timeline) -> list[Promise]:
    """FAIL if health and work contradict each other for longer than a check may take; nothing without a fault."""
    if not faulty(timeline):
        return []
    found = disasters(timeline)
    if not found or any(disaster.over_s is None for disaster in found):
        return [inconclusive(timeline, NAME, "the run ended before health and work could be compared")]
    judged = [contradiction for disaster in found for contradiction in _contradictions(disaster)]
    tolerance = float(timeline.run["settings"]["client"]["timeout_s"]) + TOLERANCE_S
    numbers = {"objective": tolerance, "measured": max(one.sure_s for one in judged), "unit": "s"}
    if broken := next((one for one in judged if one.sure_s > tolerance), None):
        return [failed(timeline, NAME, broken.said(), **numbers)]
    if doubt := next((one for one in judged if one.possible_s > tolerance), None):
        said = (
            f"health and work may have contradicted each other for {doubt.possible_s:.1f} s, and not all of it was seen"
        )
        return [inconclusive(timeline, NAME, said, **{**numbers, "upper": doubt.possible_s})]
    said = "health and work never contradicted each other for longer than a check takes"
    return [passed(timeline, NAME, said, **numbers)]


def _contradictions(disaster: Disaster) -> list[Contradiction]:
    """Green while work failed, and red while it was done: surely so where the others looked, too."""
    found = disaster.outages.items()
    work = {stream: some for stream, some in found if stream.startswith("load/") or stream == "ledger/api"}
    red = _down([outage for stream, some in found if stream.startswith("probe/") for outage in some], disaster.until_s)
    broken = _down([outage for some in work.values() for outage in some], disaster.until_s)
    green, needless = minus(broken, red), minus(red, broken)
    unseen = {kind: [gap.span for gap in disaster.unseen if gap.kind == kind] for kind in ("probe", "load")}
    return [
        Contradiction("green", longest_s(minus(green, unseen["probe"])), longest_s(green), ", ".join(work)),
        Contradiction("red", longest_s(minus(needless, unseen["load"])), longest_s(needless), ""),
    ]


def _down(outages: list[Outage], until_s: float) -> list[Interval]:
    """What the outages surely cover, as one."""
    spans = (Interval(outage.onset.upper_s, min(outage.end.lower_s, until_s)) for outage in outages)
    return union(span for span in spans if span.length_s > 0)
