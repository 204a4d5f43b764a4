"""Was everything put back? What a fault leaves behind breaks the deployment later, when nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.promise import failed, inconclusive, passed

if TYPE_CHECKING:
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "nothing left behind"


def residue(timeline: Timeline) -> list[Promise]:
    """FAIL if an undo step failed or the audit at the end found something; INCONCLUSIVE if there was no audit."""
    audit = timeline.first("residue")
    failures = [f"{event.data['operation']}: {event.data['detail']}" for event in timeline.all("healed")
                if not event.data["ok"]]  # fmt: skip
    if audit is None:
        return [inconclusive(timeline, NAME, "the run ended without an audit of what it left")]
    items = [*failures, *audit.data["items"]]
    if items:
        numbers = {"objective": 0.0, "measured": float(len(items)), "unit": "count"}
        return [failed(timeline, NAME, "left behind: " + "; ".join(items), proof=tuple(items), **numbers)]
    numbers = {"objective": 0.0, "measured": 0.0, "unit": "count"}
    return [passed(timeline, NAME, "the audit after the run found nothing stopped, paused, shaped or left", **numbers)]
