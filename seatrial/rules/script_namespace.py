"""Rules about the namespace that calls of kubectl act in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.images import shown
from seatrial.plan.kubectl import Call, kube_calls
from seatrial.rules.script_flow import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Script

_CHOSEN = re.compile(
    r"set-context[^\n]*(?:\\\n[^\n]*)*--namespace|\bkubens\b|kubectl\s+ns\s|\boc\s+project\b|KUBECTL_NAMESPACE"
)
_NAMING = frozenset({
    "set image", "set env", "set resources", "rollout status", "rollout undo", "rollout restart", "rollout history",
    "scale", "get", "patch", "exec", "logs", "annotate", "label", "describe", "delete", "wait", "autoscale",
})  # fmt: skip
_VARIABLE = re.compile(r"\$(?:\w+|[@*]|\{[^}]*\})")
_EVERYWHERE = ("-A", "--all-namespaces")


def _chosen(plan: Plan) -> bool:
    """Does anything set the namespace of the current context?"""
    return any("namespace" in each.text.lower() and _CHOSEN.search(each.text) for each in plan.all_scripts)


def _may_be_given(call: Call) -> bool:
    """May a variable among its words hold the namespace?"""
    names = {written for _, _, written in call.targets}
    pairs = zip(call.words, call.filled, strict=True)
    free = [(word, text) for word, text in pairs if _VARIABLE.fullmatch(word) and word not in names]
    return any(text.startswith("-") or "$" in text or "-" in word for word, text in free)


def _named(call: Call) -> list[tuple[str, str]]:
    return [(kind, written) for kind, _, written in call.targets] if call.verb in _NAMING else []


@rule("script-namespace-left-out", CRITICAL, over=scripts)
def namespace_left_out(script: Script, plan: Plan) -> Iterator[Found]:
    """A call that lacks the namespace which the others name for the same object."""
    calls = [call for call in kube_calls(script) if _named(call)]
    with_it: dict[tuple[str, str], set[str]] = {}
    for call in calls:
        for target in _named(call) if call.namespace else ():
            with_it.setdefault(target, set()).add(call.namespace[0] if call.namespace else "")
    bare = [call for call in calls if call.namespace is None and not set(_EVERYWHERE) & set(call.words)]
    bare = [call for call in bare if not _may_be_given(call)]
    for call in bare if with_it and not _chosen(plan) else ():
        homes = set().union(*(with_it.get(target, set()) for target in _named(call)))
        if len(homes) == 1 and "default" not in homes:
            kind, name = call.targets[0][:2]
            said = f"names no namespace, and the other calls look for {kind} {shown(name)} in {shown(homes.pop())}"
            yield call.place, f"{said}: this one looks in the context's own, and does not find it"
