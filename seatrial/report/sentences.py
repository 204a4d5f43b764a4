"""What a person is told first: the verdict in one sentence, and promises with the broken ones on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.report import units
from seatrial.verdict import FILES, Outcome, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.verdict import Promise

_ORDER = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}
_WORDS = {Outcome.FAIL: "broken", Outcome.INCONCLUSIVE: "not shown either way", Outcome.PASS: "kept"}


def severity(promise: Promise) -> int:
    """A key to sort by: FAIL, then INCONCLUSIVE, then PASS."""
    return _ORDER[promise.outcome]


def tally(promises: Sequence[Promise]) -> str:
    """`1 broken, 2 not shown either way, 6 kept`."""
    counts = ((_WORDS[outcome], sum(p.outcome is outcome for p in promises)) for outcome in _ORDER)
    return ", ".join(f"{count} {word}" for word, count in counts if count) or "no promise was judged"


def why(promises: Sequence[Promise], *, several: bool = False) -> str:
    """One sentence: which promise decides the verdict and why; of several runs also the scenario."""
    outcome = worst(promise.outcome for promise in promises)
    if not promises:
        return "Nothing was judged, so nothing was shown."
    if outcome is Outcome.PASS:
        return _kept(promises, several=several)
    first = next(promise for promise in promises if promise.outcome is outcome)
    others = [promise for promise in promises if promise.outcome is not Outcome.PASS and promise is not first]
    name = f"{first.scenario}, {first.promise}" if several else first.promise
    more = f" Besides: {tally(others)}." if others else ""
    return f"{name[0].upper()}{name[1:]}: {first.reason.rstrip('.')}.{more}"


def _kept(promises: Sequence[Promise], *, several: bool) -> str:
    runs = {(promise.scenario, promise.target) for promise in promises if promise.target != FILES}
    files = "the deployment files and " if any(promise.target == FILES for promise in promises) else ""
    where = f" in {files}{_number(len(runs), 'run', 'runs')}" if several else ""
    recoveries = [p for p in promises if p.promise.startswith("recovery time") and p.upper is not None]
    slowest = max(recoveries, key=lambda promise: promise.upper or 0.0, default=None)
    found = f"; recovered in {units.measured(slowest)}, allowed {units.seconds(slowest.objective)}" if slowest else ""
    found = found.replace("; recovered in", "; the slowest recovery took") if several else found
    return f"All {len(promises)} promises were kept{where}, and shown to be{found}."


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
