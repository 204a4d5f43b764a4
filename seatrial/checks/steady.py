"""Was the deployment up before anything was broken? If not, what came after says nothing about the fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.promise import inconclusive, passed

if TYPE_CHECKING:
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "steady state"


def steady(timeline: Timeline) -> list[Promise]:
    """PASS if every client was served when the experiment began, else INCONCLUSIVE."""
    event = timeline.first("steady")
    if event is None:
        return [inconclusive(timeline, NAME, "the run never came to ask whether the clients are served")]
    detail = str(event.data["detail"])
    if not event.data["met"]:
        return [inconclusive(timeline, NAME, f"the target was not up before the fault: {detail}")]
    return [passed(timeline, NAME, detail)]
