"""What the variables of a script hold, as far as its text alone tells; and where a word of it really comes from."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.shell import Script
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from seatrial.plan.shell import Command
    from seatrial.plan.shell_words import Tree

_USE = re.compile(r"\$(?:\{(?P<name>[A-Za-z_]\w*)(?P<form>[^}]*)\}|(?P<plain>[A-Za-z_]\w*))")
_AT_RUN_TIME = re.compile(r".*(?:\$\(|`)|\$\{?\d", re.DOTALL)  # answers of commands, arguments
_READERS = ("read", "mapfile", "readarray", "getopts", "unset", "printf")
MOST_DEPTH = 8
MOST_LETTERS = 60  # of a name that somebody wrote


class Values:
    """The variables of a script that hold one text from beginning to end."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.places: dict[str, Tree] = {}  # where a variable that is assigned once is assigned
        texts: dict[str, list[str]] = {}
        for name, value, node in script.assignments:
            if node.parent is None or node.parent.type != "command":  # `NAME=x program` holds for the program only
                texts.setdefault(name, []).append(value + ("$+" if "+=" in text_of(node)[: len(name) + 2] else ""))
                self.places[name] = node
        self.assigned = set(texts) | _loop_names(script) | _read_names(script)
        free = _loop_names(script) | _read_names(script)
        self._once = {name: found[0] for name, found in texts.items() if len(set(found)) == 1 and name not in free}
        self.given = {name: text for name, text in script.given.items() if name not in self.assigned}

    def filled(self, text: str, depth: int = 0) -> str:
        """A text with its variables replaced; a `$` stays where one is not known."""

        def value(match: re.Match[str]) -> str:
            name, form = match["name"] or match["plain"], match["form"] or ""
            default = re.fullmatch(r":?-(.*)", form)
            if form and default is None and not form.startswith((":?", "?")):
                return match[0]
            known = self._once.get(name, self.given.get(name))
            if known is None and name not in self.assigned and default is not None:
                known = default[1].strip("\"'")
            if known is None or depth > MOST_DEPTH or _AT_RUN_TIME.match(known):
                return match[0]
            return self.filled(known, depth + 1)

        return _USE.sub(value, text)

    def origin(self, text: str, place: Place, depth: int = 0) -> Place:
        """Where a word is written: the assignment of the one variable that its first known part comes from."""
        for match in _USE.finditer(text):
            name = match["name"] or match["plain"]
            if name in self._once and depth < MOST_DEPTH and not self._once[name].startswith("$("):
                if re.fullmatch(r"\$\{?\d.*", self._once[name]):
                    continue
                return self.origin(self._once[name], self.script.place(self.places[name]), depth + 1)
        return place


@lru_cache(maxsize=512)
def values_of(script: Script) -> Values:
    """The values of a script."""
    return Values(script)


def filled(command: Command, text: str) -> str:
    """A word of a command with its variables replaced."""
    return values_of(command.script).filled(text)


def may_set(text: str, name: str) -> bool:
    """Does any text of a script look as if it set a variable, even where the tree is torn?"""
    words = r"for|select|read|local|declare|typeset|export|readonly|mapfile|readarray|getopts|let|printf\s+-v|unset"
    assigned = rf"(?<![\w$]){name}(?:\[[^\]\n]{{0,80}}\])?\+?="
    named = rf"\b(?:{words})\b[^\n]{{0,200}}\b{name}\b|\(\(\s*[^)\n]{{0,80}}\b{name}\b"
    return len(name) > MOST_LETTERS or bool(re.search(f"{assigned}|{named}", text))


def known(text: str) -> bool:
    """Is a text free of what only the run tells?"""
    return bool(text) and not re.search(r"[$`*?{}]|^-", text)


def _loop_names(script: Script) -> set[str]:
    found = {text_of(name) for node in script.of("for_statement") if (name := node.child_by_field_name("variable"))}
    counted = script.of("postfix_expression", "unary_expression")
    return found | {text_of(node).strip("+-$ ") for node in counted}


def _read_names(script: Script) -> set[str]:
    found: set[str] = set()
    for command in script.commands:
        if command.name in _READERS:
            found |= {word for word in command.words[1:] if re.fullmatch(r"[A-Za-z_]\w*", word)}
    return found
