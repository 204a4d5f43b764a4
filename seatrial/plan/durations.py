"""How long a script may wait at most, by its own timeouts and pauses alone: a lower bound of the time that it needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.plan.rollouts import call_of
from seatrial.plan.shell_flow import body, conditions, loop_body
from seatrial.plan.shell_values import values_of
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.plan.shell import Command, Script
    from seatrial.plan.shell_words import Tree

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LOOPS = ("for_statement", "while_statement", "c_style_for_statement")
_INSIDE = frozenset({
    "program", "compound_statement", "do_group", "subshell", "redirected_statement", "negated_command", "pipeline",
    "variable_assignment", "command_substitution", "declaration_command", "else_clause", "string", "list",
})  # fmt: skip
MOST_DEPTH = 40
_ENDS = ("exit", "return", "break", "continue", "exec")


def seconds(text: str) -> float | None:
    """`600`, `600s`, `10m`, `1h30m` in seconds; None for anything else."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Waits:
    """The longest way through a script: of branches the longer one, of loops all their rounds."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.values = values_of(script)
        self._commands: dict[int, Command] = {each.node.start_byte: each for each in script.commands}
        self._calling: set[str] = set()

    def longest(self) -> float:
        """In seconds."""
        through, ended = self._all(self.script.root.named_children, 0)
        return max(through or 0.0, ended)

    def _all(self, nodes: Iterable[Tree], depth: int) -> tuple[float | None, float]:
        """The longest way to the end of some statements (None if there is none), and the longest that leaves before."""
        time, left = 0.0, 0.0
        for node in nodes:
            through, ended = self._one(node, depth + 1)
            left = max(left, time + ended)
            if through is None:
                return None, left
            time += through
        return time, left

    def _one(self, node: Tree, depth: int) -> tuple[float | None, float]:
        if depth > MOST_DEPTH:
            return 0.0, 0.0
        known = {"command": self._command, "if_statement": self._if, "case_statement": self._case, "list": self._list}
        way = self._loop if node.type in _LOOPS else known.get(node.type)
        if way is not None:
            return way(node, depth)
        return self._all(node.named_children, depth) if node.type in _INSIDE else (0.0, 0.0)

    def _case(self, node: Tree, depth: int) -> tuple[float | None, float]:
        items = [self._all(body(each), depth) for each in node.named_children if each.type == "case_item"]
        return self._either([*items, (0.0, 0.0)])

    def _list(self, node: Tree, depth: int) -> tuple[float | None, float]:
        """`a || b`: at most both; what leaves in `b` leaves the way through `a` open."""
        parts = node.named_children
        first, ended = self._one(parts[0], depth)
        if first is None or len(parts) < 2:
            return first, ended
        second, left = self._one(parts[1], depth)
        return first + (second or 0.0), max(ended, first + left)

    def _if(self, node: Tree, depth: int) -> tuple[float | None, float]:
        tested, left = self._all(conditions(node), depth)
        start = tested or 0.0
        ways = [self._all(body(node), depth)]
        others = [each for each in node.named_children if each.type in ("elif_clause", "else_clause")]
        ways += [self._all(body(each), depth) for each in others]
        if not any(each.type == "else_clause" for each in others):
            ways.append((0.0, 0.0))
        through, ended = self._either(ways)
        return None if through is None else start + through, max(left, start + ended)

    @staticmethod
    def _either(ways: list[tuple[float | None, float]]) -> tuple[float | None, float]:
        through = [each for each, _ in ways if each is not None]
        return max(through) if through else None, max(ended for _, ended in ways)

    def _loop(self, node: Tree, depth: int) -> tuple[float | None, float]:
        inside, ended = self._all([loop_body(node)], depth)
        head, _ = self._all(conditions(node), depth)
        rounds = self._rounds(node)
        once = max(inside or 0.0, ended) + (head or 0.0)
        return once * rounds, once * rounds

    def _rounds(self, node: Tree) -> int:
        """How often a loop goes round when nothing leaves it; 1 where nobody can tell."""
        head = self.values.filled(text_of(node)[: loop_body(node).start_byte - node.start_byte]).replace('"', "")
        counted = re.search(r"\bin\s+\$\(\s*seq\s+(?:1\s+)?(\d+)\s*\)|\bin\s+\{1\.\.(\d+)\}", head)
        if counted:
            return int(counted[1] or counted[2])
        below = re.search(r"(?:-l[te]|<=?)\s*(\d+)\b", head)
        steps = re.search(r"\+\+|\+=\s*1\b|\+\s*1\b", text_of(node))
        return int(below[1]) if below and steps else 1

    def _command(self, node: Tree, depth: int) -> tuple[float | None, float]:
        command = self._commands.get(node.start_byte)
        if command is None or not command.words:
            return 0.0, 0.0
        inner, _ = self._all(node.named_children[1:], depth)  # command substitutions among its words
        name = command.words[0]
        if name in self.script.functions and name not in self._calling and call_of(command) is None:
            return self._function(name, depth)
        if command.name in _ENDS:
            return None, inner or 0.0
        return (inner or 0.0) + self._waits(command), 0.0

    def _function(self, name: str, depth: int) -> tuple[float | None, float]:
        self._calling.add(name)
        node = self.script.functions[name].child_by_field_name("body")
        through, ended = self._all(node.named_children if node is not None else [], depth)
        self._calling.discard(name)
        exits = through is None and node is not None and text_of(node.named_children[-1]).startswith("exit")
        longest = max(through or 0.0, ended)
        return (None, longest) if exits else (longest, longest)

    def _waits(self, command: Command) -> float:
        words = [self.values.filled(word) for word in command.program]
        if command.name == "sleep" and len(words) == 2:
            return seconds(words[1]) or 0.0
        call = call_of(command)
        if call is not None and call.verb in ("rollout status", "wait"):
            given = call.option("--timeout")
            return (seconds(given[0]) or 0.0) if given else 0.0
        if command.name == "helm" and {"--wait", "--atomic"} & set(words):
            return seconds(self.values.filled(command.option("--timeout") or "5m")) or 0.0
        return 0.0
