"""A rule about comparisons of replicas: what Kubernetes leaves out when it is zero."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.kubectl import kube_calls, reads
from seatrial.plan.rollouts import undoes
from seatrial.plan.shell_flow import body, errexit_at, fails, reached, unguarded
from seatrial.plan.shell_words import text_of
from seatrial.rules.script_flow import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

_LEFT_OUT = re.compile(r"\.status\.(?:ready|available|updated|current)?[rR]eplicas")
_TEST = re.compile(r"\[{1,2}\s+(!\s+)?(\S+)\s+(-ne|-eq|-lt|-le|-gt|-ge|!=|==?)\s+(\S+)\s+\]{1,2}")


def _held(script: Script) -> tuple[dict[str, Command], set[str]]:
    """Variables that hold what kubectl answers, and those of them that are empty when there is not one."""
    calls = {reads(call): call for call in kube_calls(script) if reads(call)}
    empty = {
        name for name, call in calls.items() if _LEFT_OUT.search(call.command.text) and "|" not in _around(call.command)
    }
    return {name: call.command for name, call in calls.items()}, empty


def _around(command: Command) -> str:
    node = next((each for each in command.above() if each.type == "variable_assignment"), None)
    return text_of(node) if node is not None else ""


def _name(word: str) -> str:
    """The variable that a word is, without a default."""
    match = re.fullmatch(r"\"?\$\{?(\w+)\}?\"?", word)
    return match[1] if match else ""


@rule("script-ready-empty", CRITICAL, over=scripts)
def ready_empty(script: Script, _plan: Plan) -> Iterator[Found]:
    """A comparison that takes "no pod is ready" for success, because the field is then missing."""
    held, empty = _held(script)
    if not held:
        return
    mended = {name for name, value, _ in script.assignments if re.match(r"\$\{\w+:?-", value)}
    for node in script.of("test_command"):
        match = _TEST.fullmatch(text_of(node))
        if match is None or match[1]:
            continue
        left, right = _name(match[2]), _name(match[4])
        if {left, right} & mended:
            continue
        why = _wrong(script, node, match, held, empty)
        if why:
            yield script.place(node), why


def _wrong(script: Script, node: Tree, match: re.Match[str], held: dict[str, Command], empty: set[str]) -> str:
    names = [_name(match[2]), _name(match[4])]
    single, operator = not match[0].startswith("[["), match[3]
    missing = next((name for name in names if name in empty), "")
    refused = operator in ("-ne", "-lt", "-le", "-gt") or (operator == "!=" and f"${missing}" in (match[2], match[4]))
    if single and missing and refused and _on_true(script, node, operator, names.index(missing)):
        return (
            f"when no pod is ready, {missing} is empty, [ ends with an error and this is not true: it passes as success"
        )
    equal = operator in ("=", "==", "!=") or (not single and operator in ("-eq", "-ne"))
    if equal and names[0] != names[1] and set(names) <= empty:
        return f"when there is no pod, {names[0]} and {names[1]} are both empty, and so equal: that passes as success"
    if equal and missing and names[0] != names[1] and set(names) <= set(held) and _hidden(held[missing]):
        return f"when kubectl fails, {names[0]} and {names[1]} are both empty, and so equal: that passes as success"
    return ""


def _hidden(command: Command) -> bool:
    """Does the script go on when this answer fails?"""
    return not errexit_at(command) or unguarded(command) or command.inside("declaration_command")


def _on_true(script: Script, node: Tree, operator: str, position: int) -> bool:
    """Does a failure, or another wait, hang on the condition being true?"""
    if (operator in ("-lt", "-le") and position == 1) or (operator == "-gt" and position == 0):
        return False
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "while_statement":
        return bool(text_of(parent).startswith("while"))
    if parent.type == "if_statement":
        return any(fails(each) or undoes(each) for each in reached(script, body(parent)))
    if parent.type == "list" and parent.children[1].type == "&&" and parent.named_children[0] == node:
        return any(fails(each) or undoes(each) for each in reached(script, [parent.named_children[1]]))
    return False
