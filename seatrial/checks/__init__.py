"""Checks: pure functions from a finished timeline to promises. The same timeline gives the same bytes, always.

A check never asks a target anything and never reads a clock. One that crashes is INCONCLUSIVE: nothing was shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.completion import completion
from seatrial.checks.data_loss import data_loss
from seatrial.checks.effect import effect
from seatrial.checks.health import health
from seatrial.checks.recovery import recovery
from seatrial.checks.residue import residue
from seatrial.checks.slo import slo
from seatrial.checks.steady import steady
from seatrial.verdict import Outcome, Promise, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatrial.timeline import Timeline

    Check = Callable[[Timeline], list[Promise]]

CHECKS: Sequence[Check] = (completion, steady, effect, recovery, data_loss, slo, health, residue)


def judge(timeline: Timeline, checks: Sequence[Check] = CHECKS) -> Verdict:
    """Judge a run by every check; a run of which nothing can be said is INCONCLUSIVE."""
    return Verdict(tuple(promise for check in checks for promise in _guarded(check, timeline)))


def _guarded(check: Check, timeline: Timeline) -> list[Promise]:
    try:
        return check(timeline)
    except Exception as error:
        name = getattr(check, "__name__", "check").replace("_", " ")
        reason = f"the check {name} failed on this run: {type(error).__name__}: {error}"
        scenario, target = str(timeline.run.get("scenario")), str(timeline.run.get("target"))
        return [Promise(name, scenario, target, Outcome.INCONCLUSIVE, reason)]
