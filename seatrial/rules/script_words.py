"""Rules about the words by which scripts tell a good answer from a bad one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.answers import grep_pattern, opposite
from seatrial.plan.asked import asks
from seatrial.plan.shell_flow import quiet
from seatrial.plan.shell_words import text_of
from seatrial.rules.script_flow import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

_STATES = re.compile(r"\b(?:curl|wget|inspect|ps|is-active|status|get|describe|health\w*|pg_isready)\b", re.IGNORECASE)


def _patterns(script: Script) -> Iterator[tuple[Tree, str, str]]:
    """What the script looks for in texts: where, the pattern, and as it is written."""
    for command in script.commands:
        if pattern := grep_pattern(command):
            yield command.node, pattern, pattern.removeprefix("(?i)")
    for node in script.of("binary_expression"):
        match = re.fullmatch(r"\S+\s+(==|=|=~)\s+[\"']?([^\"'$\s]+)[\"']?([*]?)", text_of(node))
        if match and match[1] == "=~":
            yield node, match[2], match[2]
        elif match and "*" in match[2]:
            yield (
                node,
                "^" + "".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", match[2])) + "$",
                match[2],
            )


@rule("script-word-in-opposite", CRITICAL, over=scripts)
def word_in_opposite(script: Script, plan: Plan) -> Iterator[Found]:
    """A check that looks for a word which the opposite contains."""
    if not any(word in script.text for word in ("grep", "[[")):
        return
    for node, pattern, written in _patterns(script):
        bad = opposite(pattern)
        if bad and _looks_at_state(script, node) and not _ruled_out(script, bad) and not _only_good(script, node, plan):
            shown = written[:40]
            yield script.place(node), f"looks for {shown}, and {bad} has that in it too: what is {bad} passes for well"


def _statement(node: Tree) -> Tree:
    while node.parent is not None and node.parent.type in ("pipeline", "redirected_statement", "negated_command"):
        node = node.parent
    return node


def _looks_at_state(script: Script, node: Tree) -> bool:
    """Is it a state that it looks at: of a service, a container, a pod?"""
    text = text_of(_statement(node))
    names = re.findall(r"\$\{?(\w+)", text)
    values = " ".join(value for name, value, _ in script.assignments if name in names)
    return _STATES.search(f"{text} {values}") is not None or bool(
        re.search(r"(?i)health|state|status", " ".join(names))
    )


def _ruled_out(script: Script, bad: str) -> bool:
    """Does the script ask for the opposite too?"""
    others: list[Command] = [each for each in script.commands if bad in each.text.lower() and not quiet(each)]
    tests = [each for each in script.of("binary_expression", "case_item") if bad in text_of(each).lower()]
    return bool(others or tests)


def _only_good(script: Script, node: Tree, plan: Plan) -> bool:
    """Does a bad answer come to nothing before it is looked at: `curl -f`, and a status that says so?"""
    here = _statement(node)
    asked = [ask for ask in asks(script) if here.start_byte <= ask.command.node.start_byte < here.end_byte]
    names = re.findall(r"\$\{?(\w+)", text_of(here))
    for name, value, assigned in script.assignments:
        if name in names and value:
            asked += [
                ask for ask in asks(script) if assigned.start_byte <= ask.command.node.start_byte < assigned.end_byte
            ]
    silent = {each.path for each in plan.application.endpoints if each.bad_words and not each.sets_status}
    return any(ask.fails_on_errors and ask.path not in silent for ask in asked)
