"""Shell scripts as syntax trees: commands with their words, what stands around them, and the options that are set.

The tree is tree-sitter's (its bash grammar also reads plain sh); a torn script still gives the commands that it has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from seatrial.plan.files import Place
from seatrial.plan.shell_words import RUNNERS, Tree, run_by, sets, text_of, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

_WORDS = frozenset({
    "word", "string", "raw_string", "concatenation", "number", "simple_expansion", "expansion", "ansi_c_string",
    "command_substitution", "process_substitution", "arithmetic_expansion", "string_content",
})  # fmt: skip
MOST_BYTES = 500_000
_SECOND = re.compile(r"(\$(?:\w+|\{\w+\})[\w/:@-]*)\$([A-Za-z_]\w*)")


@lru_cache(maxsize=1)
def _parser() -> Any:  # noqa: ANN401 - tree-sitter's
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _braced(text: str) -> str:
    """`$A/b_$B.c` as `$A/b_${B}.c`, which means the same: the grammar takes the former for two words."""
    for _ in range(3):
        text = _SECOND.sub(r"\1${\2}", text)
    return text


@dataclass(eq=False)
class Script:
    """A script: a file, or a text inside another file (a workflow's `run`, a container's `sh -c`)."""

    file: PurePosixPath
    text: str
    first_line: int = 1
    outer: str = ""  # options that whoever runs it sets: GitHub's `bash -e`, for one
    given: dict[str, str] = field(default_factory=dict)  # variables of its environment that are told

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"script {self.file}" if self.first_line == 1 else f"script in {self.file}:{self.first_line}"

    @cached_property
    def root(self) -> Tree:
        """The syntax tree."""
        return _parser().parse(_braced(self.text).encode()[:MOST_BYTES]).root_node

    def place(self, node: Tree) -> Place:
        """The line of a part of the tree."""
        return Place(self.file, self.first_line + node.start_point[0])

    @cached_property
    def nodes(self) -> list[Tree]:
        """All named parts of the tree, in the order of the text."""
        found, waiting = [], [self.root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting.extend(reversed(node.named_children))
        return found

    def of(self, *types: str) -> Iterator[Tree]:
        """The parts of these types."""
        return (node for node in self.nodes if node.type in types)

    @cached_property
    def commands(self) -> list[Command]:
        """Its simple commands, in the order of the text; those inside substitutions and functions too."""
        return [Command(self, node) for node in self.of("command")]

    @cached_property
    def named(self) -> dict[str, list[Command]]:
        """Its commands by their first word as it is written."""
        found: dict[str, list[Command]] = {}
        for command in self.commands:
            found.setdefault(command.words[0] if command.words else "", []).append(command)
        return found

    @cached_property
    def command_starts(self) -> list[int]:
        """Where its commands begin, in bytes."""
        return [command.node.start_byte for command in self.commands]

    @cached_property
    def functions(self) -> dict[str, Tree]:
        """The functions that it defines, by name."""
        names = ((node.child_by_field_name("name"), node) for node in self.of("function_definition"))
        return {text_of(name): node for name, node in names if name is not None}

    @cached_property
    def assignments(self) -> list[tuple[str, str, Tree]]:
        """Variables that it assigns: name, value as text (quotes gone), node. In the order of the text."""
        found = []
        for node in self.of("variable_assignment"):
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if name is not None:
                found.append((text_of(name), unquoted(value) if value is not None else "", node))
        return found

    @cached_property
    def values(self) -> dict[str, str]:
        """The last value of each variable that is assigned plainly, other variables replaced where they are known."""
        found: dict[str, str] = {}
        for name, value, _ in self.assignments:
            found[name] = self.filled(value, found)
        return found

    @staticmethod
    def filled(text: str, values: dict[str, str]) -> str:
        """A text with `$NAME`, `${NAME}` and `${NAME:-default}` replaced where the value is known."""

        def value(match: re.Match[str]) -> str:
            name = match["plain"] or match["name"]
            return values.get(name) or (match["other"] if match["other"] is not None else match[0])

        return re.sub(r"\$(?:\{(?P<name>\w+)(?::?-(?P<other>[^}]*))?\}|(?P<plain>[A-Za-z_]\w*))", value, text)

    def option(self, letter: str, name: str) -> bool:
        """Is an option on, by `set -e`, `set -o errexit`, the shebang, or whoever runs the script?"""
        first = self.text.split("\n", maxsplit=1)[0]
        if first.startswith("#!") and any(
            letter in word[1:] for word in first.split()[1:] if re.fullmatch(r"-[a-z]+", word)
        ):
            return True
        outer = self.outer.split()
        return name in outer or any(
            sets(command.words, letter, name) for command in self.commands if command.name == "set"
        )

    @property
    def errexit(self) -> bool:
        """Does it end at the first command that fails?"""
        return self.option("e", "errexit")

    @property
    def pipefail(self) -> bool:
        """Does a pipe fail if any part of it fails?"""
        return self.option("\0", "pipefail")


@dataclass(eq=False)
class Command:
    """A simple command."""

    script: Script
    node: Tree

    @cached_property
    def words(self) -> list[str]:
        """Its name and arguments, quotes gone, `$NAME` as written."""
        name = self.node.child_by_field_name("name")
        words = [unquoted(name)] if name is not None else []
        end = -1
        for child in self.node.named_children:
            if child.type not in _WORDS or child == name:
                continue
            if child.start_byte == end:  # the grammar cuts `$NAME=$IMAGE/x` in two behind `=$`
                words[-1] += unquoted(child)
            else:
                words.append(unquoted(child))
            end = child.end_byte
        return words

    @property
    def name(self) -> str:
        """The program, without its folder; that which sudo, env, time, exec and the like run."""
        return self.program[0] if self.program else ""

    @cached_property
    def program(self) -> list[str]:
        """Name and arguments of the program that runs in the end."""
        words = list(self.words)
        while words and words[0].rsplit("/", maxsplit=1)[-1] in RUNNERS:
            words = run_by(words)
        return [words[0].rsplit("/", maxsplit=1)[-1], *words[1:]] if words else []

    @property
    def text(self) -> str:
        """As it is written."""
        return text_of(self.node)

    @property
    def place(self) -> Place:
        """Its line."""
        return self.script.place(self.node)

    def above(self) -> Iterator[Tree]:
        """What it stands in, the nearest first."""
        node = self.node.parent
        while node is not None:
            yield node
            node = node.parent

    def inside(self, *types: str) -> bool:
        """Does it stand in something of these types?"""
        return any(node.type in types for node in self.above())

    @property
    def tested(self) -> bool:
        """Is its exit status looked at (if, while, !, && and ||), so that errexit does not end the script?"""
        node, child = self.node.parent, self.node
        while node is not None and node.type not in (
            "function_definition",
            "subshell",
            "command_substitution",
            "program",
        ):
            if node.type == "negated_command":
                return True
            if node.type == "list" and node.named_children and child.start_byte < node.named_children[-1].start_byte:
                return True
            if node.type in ("if_statement", "elif_clause", "while_statement"):
                condition = node.child_by_field_name("condition") or (
                    node.named_children[0] if node.named_children else None
                )
                return condition is not None and condition.start_byte <= child.start_byte < condition.end_byte
            if node.type in ("do_group", "compound_statement", "else_clause"):
                return False
            node, child = node.parent, node
        return False

    def option(self, *names: str) -> str | None:
        """The value of an option: `--namespace x`, `--namespace=x`, `-n x`; empty for a last flag; None if absent."""
        words = self.program
        for number, word in enumerate(words):
            head, equals, value = word.partition("=")
            if head in names and equals:
                return value
            if word in names:
                return words[number + 1] if number + 1 < len(words) else ""
            short = next(
                (
                    name
                    for name in names
                    if re.fullmatch(r"-[A-Za-z]", name) and word.startswith(name) and len(word) > 2
                ),
                None,
            )
            if short and not word.startswith("--"):
                return word[2:]
        return None
