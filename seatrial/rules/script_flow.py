"""Rules about the flow of deployment scripts: branches that are never reached, failures that nobody sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.rollouts import WATCHES, by_hand, changes, in_rollback, on_failure, rolls_back, traps, undoes, verb
from seatrial.plan.shell_flow import (
    after,
    body,
    commands_in,
    conditions,
    depth,
    ends_script,
    errexit_at,
    fails,
    later,
    scope,
    seen,
    statement,
    unguarded,
)
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

MOST_CHARACTERS, MOST_DEPTH = 60_000, 60  # what is longer is generated, what is deeper is torn
_FAILED = re.compile(r"(-ne|!=|-gt)\s*\"?0\b|\b0\"?\s*(-ne|!=|-lt)|^\(\(\s*\$\{?\w+\}?|^\(\(\s*\$\?\s*\)\)")
_PASSED = re.compile(r"(-eq|==?)\s*\"?0\b|\b0\"?\s*(-eq|==?)")


def scripts(plan: Plan) -> list[Script]:
    """Every script: in files, in workflows, in containers."""
    return [script for script in plan.all_scripts if _written_by_people(script)]


def script_files(plan: Plan) -> list[Script]:
    """Every script that is a file of its own."""
    return [script for script in plan.scripts if _written_by_people(script)]


def _written_by_people(script: Script) -> bool:
    return len(script.text) < MOST_CHARACTERS and depth(script) < MOST_DEPTH


def _before(node: Tree) -> Tree | None:
    """The statement in front of one."""
    if node.parent is None:
        return None
    others = [each for each in body(node.parent) if each.end_byte <= node.start_byte]
    return others[-1] if others else None


def _fatal(script: Script, node: Tree | None) -> Command | None:
    """The command of a statement whose failure ends the script there."""
    while node is not None and node.type == "redirected_statement":
        node = node.child_by_field_name("body")
    if node is None or node.type not in ("command", "pipeline", "variable_assignment"):
        return None
    inside = commands_in(script, [node])
    if node.type == "variable_assignment":
        outer = [each for each in inside if each.inside("command_substitution")]
        return outer[0] if outer and errexit_at(outer[0]) and not unguarded(outer[0]) else None
    whole = [each for each in inside if not each.inside("command_substitution", "process_substitution")]
    return whole[-1] if whole and ends_script(whole[-1]) else None


def _dead(test: Tree) -> list[Tree]:
    """What a look at a status runs only after a failure."""
    if test.type == "if_statement":
        text = " ".join(text_of(each) for each in conditions(test))
        if _FAILED.search(text):
            return list(body(test))
        others = [child for child in test.named_children if child.type in ("elif_clause", "else_clause")]
        return others if _PASSED.search(text) else []
    if test.type == "list" and len(test.named_children) == 2:
        left, right = test.named_children
        operator = test.children[1].type
        text = text_of(left)
        wanted = _PASSED if operator == "||" else _FAILED
        return [right] if wanted.search(text) else []
    return []


def looks_at_status(script: Script) -> Iterator[tuple[Command, Tree, list[Tree]]]:
    """Looks at `$?`: the command that ends the script before, the look, and what is never reached by it."""
    for node in script.of("special_variable_name"):
        if text_of(node) != "?":
            continue
        own = statement(node)
        command = _fatal(script, _before(own))
        if command is None:
            continue
        for test in [own, *_tests_of(own)]:
            if dead := _dead(test):
                yield command, test, dead
                break


def _tests_of(node: Tree) -> list[Tree]:
    """Where the variable that holds a status is looked at."""
    assignment = node.named_children[0] if node.type == "declaration_command" and node.named_children else node
    name = assignment.child_by_field_name("name") if assignment.type == "variable_assignment" else None
    if name is None:
        return []
    use = re.compile(rf"\$\{{?{re.escape(text_of(name))}\b")
    tests = [each for each in after(node) if each.type in ("if_statement", "list")]
    return [each for each in tests if use.search(text_of((conditions(each) or [each])[0]))]


def short(command: Command) -> str:
    """A command as a message names it."""
    text = " ".join(command.text.replace("\\\n", " ").split())
    return f"`{text if len(text) < 60 else text[:57] + '...'}`"


@rule("script-branch-unreachable", MAJOR, over=scripts)
def branch_unreachable(script: Script, _plan: Plan) -> Iterator[Found]:
    """A branch for a failure that has already ended the script."""
    for command, test, dead in looks_at_status(script):
        if rolls_back(script, dead) is None:
            said = f"when {short(command)} fails, the script ends there (set -e): what is done here about a failure"
            yield script.place(test), f"{said} is never reached"


@rule("script-rollback-unreachable", CRITICAL, over=scripts)
def rollback_unreachable(script: Script, _plan: Plan) -> Iterator[Found]:
    """A rollback that is not reached when the rollout fails."""
    told = set()
    for command, test, dead in looks_at_status(script):
        if rolls_back(script, dead) is not None:
            told.add(command.node.start_byte)
            yield (
                script.place(test),
                f"when {short(command)} fails, the script ends there (set -e): the rollback is never reached",
            )
    trapped = [each for signal in ("ERR", "EXIT") for each in traps(script, signal)]
    if any(undoes(each) or each.name == "trap" for each in trapped):
        return
    for command in script.commands:
        watches = verb(command) in WATCHES and command.node.start_byte not in told and not in_rollback(command)
        follows = rolls_back(script, later(command)) if watches and ends_script(command) else None
        if follows is not None and on_failure(follows) and not by_hand(follows):
            yield command.place, f"when {short(command)} fails, the script ends there (set -e): no rollback follows"


@rule("script-failure-lost", MAJOR, over=script_files)
def failure_lost(script: Script, _plan: Plan) -> Iterator[Found]:
    """A step of a deployment whose failure nobody sees."""
    for command in script.commands:
        if _matters(command) and not _is_seen(command):
            why = "it stands in a pipe without pipefail" if _piped(command) else _why(script, command)
            yield (
                command.place,
                f"nobody sees when {short(command)} fails: {why}, and the script goes on as if it had worked",
            )
            return


def _matters(command: Command) -> bool:
    return (changes(command) or verb(command) in WATCHES) and not command.inside("command_substitution")


def _is_seen(command: Command) -> bool:
    if ends_script(command) or seen(command) or _looked_at(command):
        return True
    plain = [each for each in after(command.node) if each.type == "command"]
    return any(fails(each) for each in commands_in(command.script, plain)) or _is_end(command)


def _is_end(command: Command) -> bool:
    """Is it the very last command, whose status is the script's?"""
    return not later(command) and not _piped(command)


def _looked_at(command: Command) -> bool:
    following = after(command.node)[:1]
    return any("$?" in text_of(each) or "PIPESTATUS" in text_of(each) for each in following)


def _piped(command: Command) -> bool:
    pipe = next((node for node in command.above() if node.type == "pipeline"), None)
    return (
        pipe is not None
        and pipe.named_children[-1].start_byte > command.node.start_byte
        and not command.script.pipefail
    )


def _why(script: Script, command: Command) -> str:
    function = scope(command.node).child_by_field_name("name")
    if errexit_at(command) and function is not None:
        return f"its function {text_of(function)} is called in a test, where set -e does not hold"
    return "there is no set -e" if not script.errexit else "set -e does not hold here"
