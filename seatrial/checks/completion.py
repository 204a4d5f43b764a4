"""Was the run carried to its end? One that was interrupted, or whose runner died, shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.promise import inconclusive

if TYPE_CHECKING:
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise


def completion(timeline: Timeline) -> list[Promise]:
    """Nothing to say of a complete run; INCONCLUSIVE of any other."""
    stopped = timeline.first("interrupted") or timeline.first("crashed")
    if stopped:
        reason = f"the run was stopped before its end: {stopped.data.get('reason', 'unknown')}"
        return [inconclusive(timeline, "run complete", reason)]
    if step := timeline.first("step-failed"):
        reason = f"a step of the experiment failed: {step.data['step']}: {step.data['reason']}"
        return [inconclusive(timeline, "run complete", reason)]
    if not timeline.first("run-end"):
        return [inconclusive(timeline, "run complete", "the run has no end: its runner was killed")]
    return []
