"""Verdicts: PASS, FAIL, INCONCLUSIVE. The worst wins, and INCONCLUSIVE never turns green."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outcome(StrEnum):
    """What may be said of a promise."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"


FILES = "files"  # the target of promises about the deployment files, nothing running
_RANK = {Outcome.PASS: 0, Outcome.INCONCLUSIVE: 1, Outcome.FAIL: 2}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of the outcomes; of none it is INCONCLUSIVE: nothing was shown."""
    return max(outcomes, key=_RANK.__getitem__, default=Outcome.INCONCLUSIVE)


@dataclass(frozen=True)
class Promise:
    """One promise, judged: the objective, the measured value with its uncertainty, and why."""

    promise: str  # "recovery time", "data loss", "p95 before", "errors after", "fault took effect", ...
    scenario: str
    target: str
    outcome: Outcome
    reason: str  # one sentence that a reader of the report understands alone
    objective: float | None = None
    measured: float | None = None
    lower: float | None = None
    upper: float | None = None  # None where it is unknown, or where it is unbounded (it never recovered)
    unit: str = ""  # "s", "ratio", "count" or nothing
    proof: tuple[str, ...] = ()  # the events and samples that prove it, one sentence each

    @property
    def margin(self) -> float | None:
        """How much of the objective is left, in its unit, at the pessimistic end; negative if it is broken."""
        worst_case = self.upper if self.upper is not None else self.measured
        return None if worst_case is None or self.objective is None else self.objective - worst_case

    def as_json(self) -> dict[str, Any]:
        """The contract of `verdict.json`; numbers rounded to the microsecond, so that equal runs are equal bytes."""
        numbers = {name: _round(getattr(self, name)) for name in ("objective", "measured", "lower", "upper", "margin")}
        texts = {"promise": self.promise, "scenario": self.scenario, "target": self.target, "unit": self.unit}
        return {**texts, **numbers, "verdict": str(self.outcome), "reason": self.reason, "proof": list(self.proof)}


@dataclass(frozen=True)
class Verdict:
    """All promises of a run, judged."""

    promises: tuple[Promise, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of its promises."""
        return worst(promise.outcome for promise in self.promises)

    @property
    def passed(self) -> bool:
        """Every promise was kept, and shown to be."""
        return self.outcome is Outcome.PASS

    def explain(self) -> str:
        """One line for each promise that was not shown to be kept."""
        open_ = (promise for promise in self.promises if promise.outcome is not Outcome.PASS)
        return "\n".join(f"{promise.outcome} {promise.promise}: {promise.reason}" for promise in open_)

    def promise(self, name: str) -> Promise:
        """The promise of that name. Raises KeyError, naming those there are."""
        for promise in self.promises:
            if promise.promise == name:
                return promise
        raise KeyError(f"no promise {name!r} in this verdict; there are: {[p.promise for p in self.promises]}")


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
