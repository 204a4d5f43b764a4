"""The flow of a script: what follows a command, what its failure does, and who calls the function that it stands in."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.shell import Command
from seatrial.plan.shell_words import Tree, sets, text_of, unsets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seatrial.plan.shell import Script

_BLOCKS = frozenset({
    "program", "compound_statement", "do_group", "if_statement", "elif_clause", "else_clause", "case_item", "subshell",
    "command_substitution",
})  # fmt: skip
_BRANCHES = ("elif_clause", "else_clause")
_QUIET = frozenset({"echo", "printf", "info", "warn", "error", "date", ":", "true", "cat", "tee", "tput", "sleep"})


def conditions(node: Tree) -> list[Tree]:
    """What an `if`, `elif`, `while` or `until` tests."""
    if node.type == "elif_clause":
        return [child for child in node.named_children if child.type != "comment"][:1]
    return [child for child in node.children_by_field_name("condition") if child.is_named]


@lru_cache(maxsize=4096)
def body(node: Tree) -> tuple[Tree, ...]:
    """The statements of a block; of an `if` those of its first branch."""
    return tuple(child for child in node.named_children if _in_body(child, node))


def _in_body(child: Tree, block: Tree) -> bool:
    if child.type in ("comment", *_BRANCHES):
        return False
    if block.type in ("if_statement", "elif_clause"):
        return child not in conditions(block)
    return block.type != "case_item" or child not in block.children_by_field_name("value")


@lru_cache(maxsize=8192)
def statement(node: Tree) -> Tree:
    """The statement of a block that a part of the tree belongs to."""
    while node.parent is not None and not (node.parent.type in _BLOCKS and _in_body(node, node.parent)):
        node = node.parent
    return node


def after(node: Tree) -> list[Tree]:
    """The statements that follow in the same block."""
    own = statement(node)
    if own.parent is None:
        return []
    return [each for each in body(own.parent) if each.start_byte >= own.end_byte]


@lru_cache(maxsize=8192)
def scope(node: Tree) -> Tree:
    """The function that it stands in, or the whole script."""
    while node.parent is not None and node.type != "function_definition":
        node = node.parent
    return node


def afterwards(node: Tree) -> list[Tree]:
    """All statements that follow until the end of its function or script, other branches left out."""
    return list(_following(node)[0])


@lru_cache(maxsize=4096)
def _following(node: Tree) -> tuple[list[Tree], bool]:
    """The statements that follow, and whether one of them ends the whole script."""
    found: list[Tree] = []
    top = scope(node)
    while node is not None and node != top:
        own = statement(node)
        if own == top or (own.start_byte <= top.start_byte and top.type == "function_definition"):
            break
        for each in after(own):
            found.append(each)
            word = text_of(each).split(None, 1)[0] if each.type == "command" else ""
            if word in ("exit", "return", "exec"):
                return found, word != "return"
        node = own.parent
    return found, False


def commands_in(script: Script, nodes: Iterable[Tree]) -> list[Command]:
    """The commands that stand in parts of the tree, in the order of the text."""
    starts, found = script.command_starts, set()
    for node in nodes:
        first = bisect_left(starts, node.start_byte)
        last = bisect_left(starts, max(node.end_byte, node.start_byte + 1))
        found |= {number for number in range(first, last) if script.commands[number].node.end_byte <= node.end_byte}
    return [script.commands[number] for number in sorted(found)]


def _within(inner: Tree, outer: Tree) -> bool:
    return bool(outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte)


def callers(script: Script, function: Tree) -> list[Command]:
    """The commands that call a function of the script."""
    name = function.child_by_field_name("name")
    return script.named.get(text_of(name), []) if name is not None else []


def errexit_at(command: Command) -> bool:
    """Is `set -e` in force where a command stands, in the order of the text?"""
    script = command.script
    on = script.errexit and not any(each.name == "set" for each in script.commands)
    outer = "errexit" in script.outer.split() or on or _by_shebang(script)
    for each in script.commands:
        if each.name == "set" and each.node.start_byte < command.node.start_byte:
            outer = (outer or sets(each.words, "e", "errexit")) and not unsets(each.words, "e", "errexit")
    return outer


def _by_shebang(script: Script) -> bool:
    first = script.text.split("\n", maxsplit=1)[0]
    return bool(re.match(r"#!.*\s-[a-z]*e", first))


def is_last(command: Command) -> bool:
    """Is its status that of its function or script?"""
    return not afterwards(command.node)


def seen(command: Command, depth: int = 0) -> bool:
    """May somebody look at its status: a test around it, or around the function whose last command it is?"""
    if command.tested:
        return True
    function = scope(command.node)
    calls = callers(command.script, function) if function.type == "function_definition" and depth < 5 else []
    return is_last(command) and any(seen(call, depth + 1) for call in calls)


def unguarded(command: Command, depth: int = 0) -> bool:
    """Is errexit out of force for it, because each call of its function is tested?"""
    function = scope(command.node)
    if function.type != "function_definition" or depth > 5:
        return False
    calls = callers(command.script, function)
    return bool(calls) and all(call.tested or unguarded(call, depth + 1) for call in calls)


def ends_script(command: Command) -> bool:
    """Does the script end at once when this command fails?"""
    if command.tested or unguarded(command) or not errexit_at(command):
        return False
    if command.inside("command_substitution", "process_substitution", "subshell"):
        return False
    pipe = next((node for node in command.above() if node.type == "pipeline"), None)
    return pipe is None or command.script.pipefail or _within(command.node, pipe.named_children[-1])


def quiet(command: Command) -> bool:
    """Does it only say something?"""
    return command.name in _QUIET or bool(re.fullmatch(r"(log|print|echo|say|msg)_?\w*", command.name))


def fails(command: Command) -> bool:
    """Does it end its script or function with a status that says failure, as far as one can tell?"""
    if command.name == "false" or (command.name == "kill" and "$$" in command.words):
        return True
    return command.name in ("exit", "return") and command.words[1:] not in ([], ["0"])


def loops(script: Script) -> Iterator[Tree]:
    """Its loops."""
    return script.of("for_statement", "while_statement", "c_style_for_statement")


def loop_body(loop: Tree) -> Tree:
    """What a loop repeats."""
    return loop.child_by_field_name("body") or loop.named_children[-1]


def later(command: Command) -> list[Tree]:
    """All that follows: in its function or script, and behind each call of that function, each once."""
    found: list[Tree] = []
    waiting, known = [command], {command.node.start_byte}
    while waiting:
        each = waiting.pop(0)
        follows, ended = _following(each.node)
        found += follows
        function = scope(each.node)
        if function.type == "function_definition" and not ended:
            calls = [call for call in callers(each.script, function) if call.node.start_byte not in known]
            known |= {call.node.start_byte for call in calls}
            waiting += calls
    return found


def ways(command: Command, depth: int = 0) -> list[tuple[Command, list[Tree]]]:
    """Each way on from a command: the call by which it is reached from outside of functions, and all that follows."""
    own, ended = _following(command.node)
    own = [*_beside(command.node), *own]
    function = scope(command.node)
    calls = callers(command.script, function) if function.type == "function_definition" and depth < 5 else []
    if ended or not calls:
        return [(command, own)]
    return [(call, own + rest) for each in calls for call, rest in ways(each, depth + 1)]


def _beside(node: Tree) -> list[Tree]:
    """What stands behind it in its own statement: `undo && exit 1`."""
    own, found = statement(node), []
    while node != own and node.parent is not None:
        if node.parent.type == "list":
            found += [each for each in node.parent.named_children if each.start_byte >= node.end_byte]
        node = node.parent
    return found


def reached(script: Script, nodes: Iterable[Tree]) -> list[Command]:
    """The commands in parts of the tree, and in the functions that they call."""
    found: list[Command] = []
    waiting, known = commands_in(script, nodes), set()
    while waiting:
        command = waiting.pop(0)
        found.append(command)
        name = command.words[0] if command.words else ""
        if name in script.functions and name not in known:
            known.add(name)
            waiting += commands_in(script, [script.functions[name]])
    return found


@lru_cache(maxsize=512)
def depth(script: Script) -> int:
    """How many parts stand in each other at most; a torn script is one thing in another to its end."""
    deepest, waiting = 0, [(script.root, 1)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        waiting.extend((child, level + 1) for child in node.named_children)
    return deepest
