"""The arguments of a script: which variables take them, what each use is good for, which words are let through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.plan.rollouts import call_of
from seatrial.plan.shell_flow import commands_in, fails, quiet, reached, scope
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

POSITIONAL = re.compile(r"\$\{?([1-9])(?:\}|:[-=?][^}]*\})?")


def parameters(script: Script) -> Iterator[tuple[str, int, str, Tree]]:
    """Variables that take an argument of the script: name, number, value as written, node."""
    for name, value, node in script.assignments:
        match = POSITIONAL.fullmatch(value)
        if match and scope(node).type != "function_definition":
            yield name, int(match[1]), value, node


def uses(script: Script, name: str) -> list[Tree]:
    """Where a variable is used."""
    found = []
    for node in script.of("variable_name"):
        holder = node.parent
        if text_of(node) == name and holder is not None and holder.type not in ("variable_assignment", "for_statement"):
            found.append(node)
    return found


def _counted(text: str, name: str) -> bool:
    """Is a variable used by its bare name: in arithmetic, indirectly, or handed on?"""
    return bool(re.search(rf"(?:\(\(|\[\[|\blet\b|\bexport\b|-v\s|\$\{{!)[^\n]{{0,200}}(?<![$\w{{]){name}\b", text))


def done_with(script: Script, name: str) -> set[str]:
    """What all its uses are good for; the first that does something is enough."""
    if _counted(script.text, name):
        return {"does"}
    found: set[str] = set()
    for use in uses(script, name):
        found.add(does(script, use))
        if "does" in found:
            break
    return found


def does(script: Script, use: Tree) -> str:
    """What a use is good for: it says something, it tests something, or it does something."""
    node: Tree | None = use
    while node is not None:
        if node.type in ("test_command", "case_statement", "if_statement"):
            return "tests" if _only_says(script, node) else "does"
        if node.type in ("variable_assignment", "declaration_command", "for_statement", "function_definition"):
            return "does"
        if node.type == "command":
            command = next(each for each in commands_in(script, [node]))
            if command.name in ("[", "test"):
                return "tests" if _only_says(script, node) else "does"
            says = (quiet(command) and not command.inside("pipeline") and not _written(node)) or _remarks(command, use)
            return "says" if says else "does"
        node = node.parent
    return "does"


def _remarks(command: Command, use: Tree) -> bool:
    """Does it only stand in a remark on the object: a label's or an annotation's value?"""
    call = call_of(command)
    word = next((text_of(node) for node in _up(use) if node.parent == command.node), "")
    return call is not None and call.verb in ("annotate", "label") and re.match(r"[\"']?[\w./-]+=", word) is not None


def _up(node: Tree) -> Iterator[Tree]:
    while node is not None:
        yield node
        node = node.parent


def _written(node: Tree) -> bool:
    """Does what it says go into a file?"""
    holder = node.parent
    return (
        holder is not None
        and holder.type == "redirected_statement"
        and not re.search(r">&?\s*(?:&?2|/dev/stderr)", text_of(holder))
    )


def _only_says(script: Script, node: Tree) -> bool:
    """Does a test decide about nothing but messages and the end of the script?"""
    while node.type not in ("if_statement", "case_statement", "list", "while_statement") and node.parent is not None:
        node = node.parent
    inside = reached(script, [node])
    harmless = ("exit", "return", "[", "test", "usage", "false", "shift")
    return (
        node.type != "program"
        and all(quiet(each) or each.name in harmless for each in inside)
        and not any(child.type == "variable_assignment" for child in _below(node))
    )


def _below(node: Tree) -> Iterator[Tree]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += each.named_children


def accepted(script: Script, name: str) -> list[str]:
    """The words that a `case` lets through, where it refuses all others; empty where there is none."""
    for node in script.of("case_statement"):
        value = node.child_by_field_name("value")
        if value is None or not re.fullmatch(rf"\"?\$\{{?{name}\}}?\"?", text_of(value)):
            continue
        items = [child for child in node.named_children if child.type == "case_item"]
        last = items[-1] if items else None
        others = last is not None and [text_of(each) for each in last.children_by_field_name("value")] == ["*"]
        if others and last is not None and any(fails(each) for each in reached(script, [last])):
            return [text_of(each).strip("\"'") for item in items[:-1] for each in item.children_by_field_name("value")]
    return []
