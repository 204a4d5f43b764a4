"""Was each fault seen to have worked? One that left no trace proves nothing about the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.disasters import words
from seatrial.checks.promise import faulty, inconclusive, passed

if TYPE_CHECKING:
    from seatrial.timeline import Event, Timeline
    from seatrial.verdict import Promise

NAME = "fault took effect"


def effect(timeline: Timeline) -> list[Promise]:
    """PASS for a fault whose effect was seen; INCONCLUSIVE for one without a trace, or that was never injected."""
    if not faulty(timeline):
        return []
    refused = timeline.all("injection-failed")
    effects = timeline.all("effect")
    if refused:
        return [inconclusive(timeline, NAME, f"the fault could not be injected: {refused[0].data['detail']}")]
    if not effects:
        return [inconclusive(timeline, NAME, "no fault was injected")]
    if (missing := len(timeline.run["faults"]) - len(effects)) > 0:
        return [inconclusive(timeline, NAME, f"{missing} of the scenario's faults were never injected")]
    labels = [f" {number} ({words(event)})" if len(effects) > 1 else "" for number, event in enumerate(effects, 1)]
    return [_judge(timeline, event, NAME + label) for event, label in zip(effects, labels, strict=True)]


def _judge(timeline: Timeline, event: Event, name: str) -> Promise:
    evidence = tuple(event.data["evidence"])
    said = "; ".join(evidence)
    if not event.data["seen"]:
        return inconclusive(timeline, name, f"{event.data['fault']} left no trace: {said}", proof=evidence)
    return passed(timeline, name, said, proof=evidence)
