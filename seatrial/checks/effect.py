"""Was each fault seen to have worked? One that left no trace proves nothing about the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.disasters import UNAIDED, words
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
    if _ended_early(timeline, event):
        said = f"{event.data['fault']} was no longer there when it was to be healed: nobody knows for how long it acted"
        return inconclusive(timeline, name, said, proof=evidence)
    return passed(timeline, name, said, proof=evidence)


def _ended_early(timeline: Timeline, blow: Event) -> bool:
    """Did the audit before its healing find nothing of a fault that lasts until then? It expired, or was undone."""
    if blow.data["fault"] in UNAIDED:
        return False
    given = blow.data.get("arguments") or {}
    healings = [event for event in timeline.all("healing") if event.at_s >= blow.at_s]
    own = (
        event for event in healings if all(given.get(key) == value for key, value in event.data["arguments"].items())
    )
    healing = next(own, None)
    return healing is not None and healing.data.get("found") == []
