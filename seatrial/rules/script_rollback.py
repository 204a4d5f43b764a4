"""Rules about what a deployment script does when a version fails: it takes it back, waits, and says that it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.rollouts import WATCHES, by_hand, deploys, on_failure, traps, undoes, verb
from seatrial.plan.shell_flow import (
    after,
    afterwards,
    callers,
    commands_in,
    conditions,
    fails,
    later,
    loop_body,
    loops,
    quiet,
    reached,
    scope,
    statement,
    ways,
)
from seatrial.plan.shell_words import text_of
from seatrial.rules.script_flow import script_files, scripts, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

_ENDLESS = ("true", ":", "[ 1 ]", "[[ 1 ]]", "((1))", "1")


def _rollbacks(script: Script) -> Iterator[Command]:
    """The commands that take a version back after a failure, in a script that deploys."""
    if not deploys(script):
        return
    for command in script.commands:
        if undoes(command) and not by_hand(command) and not any(by_hand(call) for call in _calls(command)):
            yield command


def _branch(command: Command) -> Tree:
    """The branch that a command stands in, by its first line; itself where there is none."""
    branches = ("if_statement", "elif_clause", "else_clause")
    return next((node for node in command.above() if node.type in branches), command.node)


def _calls(command: Command) -> list[Command]:
    function = scope(command.node)
    return callers(command.script, function) if function.type == "function_definition" else []


@rule("script-rollback-succeeds", CRITICAL, over=scripts)
def rollback_succeeds(script: Script, _plan: Plan) -> Iterator[Found]:
    """A script that rolls back and then ends with status 0."""
    trapped = {each.node.start_byte for signal in ("ERR", "EXIT") for each in traps(script, signal)}
    for command in _rollbacks(script):
        if command.node.start_byte in trapped or not on_failure(command):
            continue
        for call, nodes in ways(command):
            own, rest = commands_in(script, nodes), reached(script, nodes)
            # What a function called behind it returns is a check's answer, and no end of the script.
            ends = [each for each in rest if each.name != "return" or each in own]
            if not on_failure(call) or any(fails(each) or each.words in (["exit"], ["return"]) for each in ends):
                continue
            here = [each for each in own if scope(each.node) == scope(command.node)]
            good = next(
                (each for each in here if call is command and each.words in (["exit", "0"], ["return", "0"])), None
            )
            said = f"after {short(command)} nothing ends with a failure: a version that was taken back looks deployed"
            yield good.place if good else script.place(_branch(call)), said


@rule("script-rollback-unwaited", MAJOR, over=scripts)
def rollback_unwaited(script: Script, _plan: Plan) -> Iterator[Found]:
    """A rollback that nobody waits for."""
    for command in _rollbacks(script):
        rest = reached(script, later(command))
        waits = command.program[0] == "helm" and "--wait" in command.words
        if not waits and not any(verb(each) in (*WATCHES, "get") or "health" in each.name for each in rest):
            yield (
                command.place,
                f"{short(command)} only starts the rollback: nothing waits until it is done or says that it failed",
            )


def retries(script: Script) -> Iterator[Tree]:
    """The loops that try something again and again, with a wait between."""
    for loop in loops(script):
        tested = " ".join(text_of(each) for each in conditions(loop))
        inside = commands_in(script, [loop_body(loop)])
        if any(each.name == "sleep" for each in inside) and tested not in _ENDLESS:
            yield loop


def _leaves(script: Script, loop: Tree) -> list[Command]:
    """What ends a loop when the try has worked."""
    inside = commands_in(script, [loop_body(loop)])
    good = [each for each in inside if each.words in (["exit", "0"], ["exit"], ["return", "0"], ["return"])]
    return [each for each in good if each.inside("if_statement", "list")]


@rule("script-gives-up-silently", CRITICAL, over=scripts)
def gives_up_silently(script: Script, plan: Plan) -> Iterator[Found]:
    """Retries that end well on success, and end well too when all of them failed."""
    if not (deploys(script) or _called_by_deployment(script, plan)):
        return
    for loop in retries(script):
        inside = commands_in(script, [loop_body(loop)])
        behind = afterwards(loop)
        following = reached(script, behind)
        if not _leaves(script, loop) or any(fails(each) for each in inside):
            continue
        only_says = all(quiet(each) or each.words in (["exit", "0"], ["return", "0"]) for each in following)
        asks = any({"curl", "wget"} & set(each.words) for each in reached(script, [loop_body(loop)]))
        direct = commands_in(script, behind)
        says_last = bool(direct) and quiet(direct[-1]) and not any(each.tested for each in following)
        if only_says or (asks and says_last and not any(fails(each) for each in following)):
            where = script.place(behind[0] if behind else loop)
            what = "returns" if scope(loop).type == "function_definition" else "ends"
            yield (
                where,
                f"when every try has failed, the script gets here and {what} with status 0, as if it had worked",
            )


def _called_by_deployment(script: Script, plan: Plan) -> bool:
    """Is it run by a script that deploys?"""
    name = script.file.name
    return script.first_line == 1 and any(
        name in each.text and deploys(each) for each in plan.all_scripts if each is not script
    )


@rule("script-result-unused", CRITICAL, over=scripts)
def result_unused(script: Script, _plan: Plan) -> Iterator[Found]:
    """Retries that stop at the first success, and whose end nobody looks at."""
    for loop in retries(script) if deploys(script) else ():
        body = loop_body(loop)
        inside = commands_in(script, [body])
        breaks = [each for each in inside if each.words == ["break"] and each.inside("if_statement", "list")]
        if not breaks or any(fails(each) for each in inside) or _asks_a_person(inside):
            continue
        behind = afterwards(loop)
        names = {name for name, _, node in script.assignments if loop.start_byte <= node.start_byte < loop.end_byte}
        variable = loop.child_by_field_name("variable")
        names |= {text_of(variable)} if variable is not None else set()
        used = " ".join(text_of(each) for each in behind)
        checks = {each.name for each in inside if not quiet(each)} - {"break", "sleep", "[", "test"}
        again = any(each.name in checks for each in reached(script, behind))
        if not again and not any(_reads(used, name) for name in names):
            yield (
                script.place(loop),
                "when every try has failed, the script goes on as if one had worked: nothing looks at the result",
            )


def _reads(text: str, name: str) -> bool:
    """`$name`, `${name...`, or the bare name within `(( ... ))`."""
    own = re.escape(name)
    return bool(re.search(rf"\$\{{?#?{own}\b|\(\([^()]*\b{own}\b", text))


def _asks_a_person(commands: list[Command]) -> bool:
    return any(each.name in ("read", "select") for each in commands)


_BAD_NEWS = re.compile(r"(?i)\bfail|\berror\b|unhealthy|not healthy|not ready|실패|오류|비정상")
_GOES_ON = re.compile(r"(?i)warn|continu|retry|retrying|attempt|skip|ignor|again|경고|재시도|계속")


@rule("script-failure-only-said", MAJOR, over=script_files)
def failure_only_said(script: Script, _plan: Plan) -> Iterator[Found]:
    """A branch that says that something failed, and a script that then ends with status 0."""
    if not deploys(script):
        return
    loops_here = ("for_statement", "while_statement", "c_style_for_statement", "case_statement")
    for command in script.commands:
        said = quiet(command) and _BAD_NEWS.search(command.text) and not _GOES_ON.search(command.text)
        if not said or command.inside(*loops_here, "pipeline", "command_substitution") or not on_failure(command):
            continue
        own = [each for each in script.assignments if statement(each[2]) in after(command.node)]
        rest = reached(script, later(command))
        ends = any(fails(each) or each.words[:1] in (["exit"], ["return"], ["exec"]) or undoes(each) for each in rest)
        if not ends and not own and not script.functions:
            yield (
                command.place,
                "says that it failed, and then ends with status 0: its caller takes it for success",
            )
            return
