"""Making a promise of a run: what all checks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.verdict import Outcome, Promise

if TYPE_CHECKING:
    from seatrial.timeline import Timeline


def passed(timeline: Timeline, name: str, reason: str, **numbers: Any) -> Promise:  # noqa: ANN401 - Promise's fields
    """The promise was kept."""
    return _promise(timeline, name, Outcome.PASS, reason, numbers)


def failed(timeline: Timeline, name: str, reason: str, **numbers: Any) -> Promise:  # noqa: ANN401 - Promise's fields
    """The promise was broken."""
    return _promise(timeline, name, Outcome.FAIL, reason, numbers)


def inconclusive(timeline: Timeline, name: str, reason: str, **numbers: Any) -> Promise:  # noqa: ANN401 - as above
    """Nothing was shown."""
    return _promise(timeline, name, Outcome.INCONCLUSIVE, reason, numbers)


def _promise(timeline: Timeline, name: str, outcome: Outcome, reason: str, numbers: dict[str, Any]) -> Promise:
    scenario, target = str(timeline.run["scenario"]), str(timeline.run["target"])
    return Promise(name, scenario, target, outcome, reason, **numbers)


def limit(timeline: Timeline, name: str) -> float:
    """The objective `p95_s`, `error_rate`, `rto_s` or `rpo_s` that held in this run."""
    return float(timeline.run["objectives"][name])


def faulty(timeline: Timeline) -> bool:
    """True if the scenario breaks something."""
    return bool(timeline.run["faults"]) or timeline.first("injecting") is not None
