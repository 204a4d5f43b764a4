"""Where a command of a script stands in its course: its statement, when it runs, which options hold there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.plan.shell_words import Tree, sets, unsets

if TYPE_CHECKING:
    from seatrial.plan.shell import Command, Script


def option(words: list[str], *names: str) -> str | None:
    """The value of an option: `-d x`, `-dx`, `--dbname=x`, `--dbname x`; None if it is absent."""
    for number, word in enumerate(words):
        head, equals, value = word.partition("=")
        if head in names and equals and head.startswith("--"):
            return value
        if word in names:
            return words[number + 1] if number + 1 < len(words) else ""
        short = next((name for name in names if len(name) == 2 and word.startswith(name) and len(word) > 2), None)
        if short and not word.startswith("--"):
            return word[2:]
    return None


def statement_of(command: Command) -> Tree:
    """The whole statement of a command: its pipe and its redirections."""
    node = command.node
    while node.parent is not None and node.parent.type in ("pipeline", "redirected_statement", "negated_command"):
        node = node.parent
    return node


def reached_at(script: Script, node: Tree) -> int:
    """Where a part of a script runs: its own position, or that of the call of the function that it stands in."""
    above = node.parent
    while above is not None:
        if above.type == "function_definition":
            name = next((name for name, body in script.functions.items() if body.start_byte == above.start_byte), "")
            outside = (each.node for each in script.commands if each.words[:1] == [name])
            calls = [call for call in outside if not above.start_byte <= call.start_byte < above.end_byte]
            return min((reached_at(script, call) for call in calls[:1]), default=node.start_byte)
        above = above.parent
    return int(node.start_byte)


def option_at(script: Script, letter: str, name: str, position: int) -> bool:
    """Is an option on at a position: by the last `set` before it, the shebang, or whoever runs the script?"""
    on = name in script.outer.split() or bool(re.match(rf"#!\S+.*\s-[a-z]*{re.escape(letter)}", script.text))
    for command in script.commands:
        if command.name == "set" and reached_at(script, command.node) < position:
            if sets(command.words, letter, name):
                on = True
            elif unsets(command.words, letter, name):
                on = False
    return on


def fill(script: Script, text: str) -> str:
    """A text with the variables of a script, as far as they are told."""
    for _ in range(3):
        filled = script.filled(text, script.values)
        if filled == text:
            break
        text = filled
    return text
