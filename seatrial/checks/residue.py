"""Was everything put back? What a fault leaves behind breaks the deployment later, when nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.promise import failed, inconclusive, passed

if TYPE_CHECKING:
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "nothing left behind"


def residue(timeline: Timeline) -> list[Promise]:
    """FAIL if an undo step failed or the audit at the end found something new; INCONCLUSIVE if there was no audit."""
    audit, first = timeline.first("residue"), timeline.first("residue-before")
    failures = [f"{event.data['operation']}: {event.data['detail']}" for event in timeline.all("healed")
                if not event.data["ok"]]  # fmt: skip
    if audit is None:
        return [inconclusive(timeline, NAME, "the run ended without an audit of what it left")]
    before = [item for item in audit.data["items"] if first and item in first.data["items"]]
    items = [*failures, *(item for item in audit.data["items"] if item not in before)]
    so_before = f" (as before the run: {'; '.join(before)})" if before else ""
    numbers = {"objective": 0.0, "measured": float(len(items)), "unit": "count"}
    if items:
        return [failed(timeline, NAME, f"left behind: {'; '.join(items)}{so_before}", proof=tuple(items), **numbers)]
    if failure := audit.data.get("failure"):
        return [inconclusive(timeline, NAME, f"the audit failed: {failure}")]
    said = f"the audit after the run found nothing stopped, paused, shaped or left{so_before}"
    return [passed(timeline, NAME, said, **numbers)]
