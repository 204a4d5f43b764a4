"""Rules about what scripts and recovery documents scale down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.kubectl import Call, kube_calls
from seatrial.plan.recovery_code import code_of
from seatrial.rules.script_flow import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seatrial.plan import Plan
    from seatrial.plan.recovery import RecoveryPlan
    from seatrial.plan.shell import Script

_WITH_MANIFEST = ("apply", "replace", "create", "delete")


@rule("script-scaled-down", CRITICAL, over=scripts)
def scaled_down(script: Script, plan: Plan) -> Iterator[Found]:
    """A script scales something to 0 and restarts it, and no command of any script scales it up again."""
    calls = kube_calls(script)
    others = [call for each in plan.all_scripts if each is not script for call in kube_calls(each)]
    yield from _left_down(calls, others)


@rule("recovery-scaled-down", CRITICAL, over=lambda plan: plan.recoveries)
def document_scaled_down(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """The document tells to scale something to 0 and to restart it, and never to scale it up again."""
    calls = [call for script in code_of(document) for call in kube_calls(script)]
    yield from _left_down(calls, [call for each in plan.all_scripts for call in kube_calls(each)])


def _left_down(calls: Sequence[Call], others: Sequence[Call]) -> Iterator[Found]:
    """What is scaled to 0, restarted and never scaled up; a manifest that is applied later brings its own number back.

    What is not restarted may well stay down: the old colour, the site that was left.
    """
    for number, call in enumerate(calls):
        later = calls[number + 1 :]
        for kind, name, _ in _down(call):
            restart = next((n for n, each in enumerate(later) if _restarts(each, kind, name)), None)
            applied = restart is not None and any(each.verb in _WITH_MANIFEST for each in later[:restart])
            if restart is not None and not applied and not any(_up(each, kind, name) for each in [*later, *others]):
                said = f"scales {kind} {name} to 0 and restarts it later, and nothing scales it up again"
                yield call.place, f"{said}: a restart of no pods starts none, and the service stays down"


def _restarts(call: Call, kind: str, name: str) -> bool:
    return call.verb in ("rollout restart", "rollout status") and _names(call, kind, name)


def _up(call: Call, kind: str, name: str) -> bool:
    """May a call give it pods again? One whose name is not told may."""
    return call.verb in ("scale", "patch", "autoscale") and not _down(call) and _names(call, kind, name)


def _names(call: Call, kind: str, name: str) -> bool:
    return not call.targets or any((k, n) == (kind, name) or "$" in n for k, n, _ in call.targets)


def _down(call: Call) -> list[tuple[str, str, str]]:
    replicas = call.option("--replicas")
    return call.targets if call.verb == "scale" and replicas is not None and replicas[0] == "0" else []
