"""What a script does to a deployment: rolls out, watches, rolls back."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.kubectl import Call, kube_calls
from seatrial.plan.shell_flow import body, callers, commands_in, conditions, reached, scope, statement

if TYPE_CHECKING:
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

WATCHES = ("rollout status", "wait")
CHANGES = ("set image", "set env", "apply", "replace", "create", "patch", "scale", "rollout restart")
_BY_HAND = re.compile(r"(?i)\b(roll_?back|undo|action|mode|command|operation|dry_?run)\b|\$\{?1\b")


@lru_cache(maxsize=512)
def call_of(command: Command) -> Call | None:
    """The call of kubectl that a command is."""
    return next((each for each in kube_calls(command.script) if each.command is command), None)


def verb(command: Command) -> str:
    """What a command tells kubectl; empty for other programs."""
    found = call_of(command)
    return found.verb if found else ""


def undoes(command: Command) -> bool:
    """Does it take a version back?"""
    if verb(command) == "rollout undo":
        return True
    words = command.program
    return words[:2] == ["helm", "rollback"] or words[:3] == ["docker", "service", "rollback"]


def rolls_back(script: Script, nodes: list[Tree]) -> Command | None:
    """The command that takes the version back, in parts of the tree or in the functions that they call."""
    return next((each for each in reached(script, nodes) if undoes(each)), None)


def on_failure(command: Command) -> bool:
    """Does it, or each call of its function, stand in a branch?"""
    function = scope(command.node)
    if any(node.type in ("if_statement", "list", "else_clause") for node in command.above() if node != function):
        return True
    calls = callers(command.script, function) if function.type == "function_definition" else []
    return any(on_failure(call) for call in calls)


def changes(command: Command) -> bool:
    """Does it change what is deployed?"""
    words = command.program
    if verb(command) in CHANGES or (words[:1] == ["helm"] and bool({"upgrade", "install"} & set(words[1:3]))):
        return True
    composes = words[:2] == ["docker", "compose"] or words[:1] == ["docker-compose"]
    return (composes and "up" in words) or words[:2] == ["docker", "push"] or words[:2] == ["docker", "build"]


def deploys(script: Script) -> bool:
    """Does a script deploy something?"""
    return any(changes(each) and verb(each) != "scale" for each in script.commands)


def traps(script: Script, signal: str) -> list[Command]:
    """What a script does on a signal: the commands in the functions and texts of `trap`."""
    found: list[Command] = []
    for command in script.commands:
        if command.name == "trap" and signal in command.words[2:]:
            names = set(re.findall(r"[\w-]+", command.words[1]))
            bodies = [node for name, node in script.functions.items() if name in names]
            found += reached(script, bodies)
            found += [command] if "undo" in names or "rollback" in names else []
    return found


def in_rollback(command: Command) -> bool:
    """Does it wait for a rollback that stands before it in the same block?"""
    own = statement(command.node)
    before = [each for each in body(own.parent) if each.end_byte <= own.start_byte] if own.parent is not None else []
    before = [each for each in before if each.type != "function_definition"]
    return any(undoes(each) for each in commands_in(command.script, before))


def by_hand(command: Command) -> bool:
    """Does it stand in a branch that somebody asks for by an argument?"""
    for node in command.above():
        if node.type == "case_statement":
            return True
        if node.type == "if_statement":
            texts = [each.text.decode(errors="replace") for each in conditions(node)]
            if any(_BY_HAND.search(text) for text in texts):
                return True
    return False


def watched(script: Script, nodes: list[Tree]) -> bool:
    """Does something in these parts wait for a rollout, or look at pods?"""
    return any(verb(each) in WATCHES or verb(each) == "get" for each in reached(script, nodes))
