"""Values with their place: what a YAML or JSON file says, where every part knows its file and line.

Deployment files are read by people before they are read by programs, and both make mistakes: a text where a list
should be, a key twice, a file that ends in the middle. So a `Node` never raises when it is asked for what it does not
have. What is missing is a Node that is false, knows the place of its nearest parent, and has nothing inside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_VALUES = 500_000  # aliases count each time: a small file can stand for billions of values
DEEPEST = 100  # levels; libyaml ends the process at some ten thousand
_NESTED_LINE = re.compile(rf"^[ \t]*(?:[-?][ \t]+){{{DEEPEST},}}", re.MULTILINE)
_INDENTED = re.compile(rf"^[ ]{{{20 * DEEPEST},}}\S", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")


class Unreadable(ValueError):
    """A file is not what its kind wants: the line (from 1) and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line, self.why = line, why


@dataclass(eq=False, slots=True)
class Node:
    """A value of a file. `raw` is a dict of Nodes, a list of Nodes, a text, or None where there is nothing."""

    file: PurePosixPath
    line: int  # of its key, where it has one
    raw: dict[str, Node] | list[Node] | str | None = None
    tag: str = "null"  # map, seq, str, int, float, bool, null, timestamp; missing where it was not written
    twice: list[tuple[str, int]] = field(default_factory=list)  # keys that were written again, with their lines

    def __bool__(self) -> bool:
        """True if something is written there; `false` and `0` are something, null and empty text are not."""
        return bool(self.raw)

    @property
    def written(self) -> bool:
        """Was the key written, even if with nothing behind it?"""
        return self.tag != "missing"

    def get(self, *path: str | int) -> Node:
        """The value under a path of keys and positions, or a missing one."""
        node = self
        for step in path:
            inner = node.raw
            found: Node | None = None
            if isinstance(inner, dict) and isinstance(step, str):
                found = inner.get(step)
            elif isinstance(inner, list) and isinstance(step, int) and -len(inner) <= step < len(inner):
                found = inner[step]
            if found is None:
                return Node(self.file, node.line, None, "missing")
            node = found
        return node

    @property
    def text(self) -> str:
        """A scalar as it was written, without quotes; empty for everything else."""
        return self.raw if isinstance(self.raw, str) else ""

    @property
    def number(self) -> float | None:
        """A number, also one that was written as text; None for everything else."""
        try:
            return float(self.raw) if isinstance(self.raw, str) and self.raw[:1].lower() not in "ni" else None
        except ValueError:
            return None

    @property
    def integer(self) -> int | None:
        """A whole number, also one that was written as text; None for everything else."""
        found = isinstance(self.raw, str) and _INTEGER.fullmatch(self.raw) is not None and len(self.raw) < 16
        return int(self.text) if found else None

    @property
    def flag(self) -> bool | None:
        """True or false by YAML 1.1 (yes, on, true), also where it was quoted; None for everything else."""
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(self.text.lower())

    @property
    def is_map(self) -> bool:
        """Is it a mapping?"""
        return isinstance(self.raw, dict)

    @property
    def is_list(self) -> bool:
        """Is it a sequence?"""
        return isinstance(self.raw, list)

    def items(self) -> Iterator[tuple[str, Node]]:
        """Keys and values of a mapping; nothing for everything else."""
        if isinstance(self.raw, dict):
            yield from self.raw.items()

    def keys(self) -> list[str]:
        """The keys of a mapping."""
        return list(self.raw) if isinstance(self.raw, dict) else []

    def __iter__(self) -> Iterator[Node]:
        """The members of a sequence; nothing for everything else."""
        if isinstance(self.raw, list):
            yield from self.raw

    def __len__(self) -> int:
        """How many members or keys it has."""
        return len(self.raw) if isinstance(self.raw, list | dict) else 0

    def texts(self) -> list[str]:
        """A sequence's members as texts; a single text as a list of one."""
        return [node.text for node in self] if self.is_list else [self.text] if self.text else []

    def walk(self) -> Iterator[Node]:
        """This node and everything below it."""
        yield self
        for _, child in self.items():
            yield from child.walk()
        for child in self:
            yield from child.walk()

    @property
    def plain(self) -> Any:  # noqa: ANN401 - any JSON value
        """The value without places, with numbers and flags as such."""
        if isinstance(self.raw, dict):
            return {key: child.plain for key, child in self.raw.items()}
        if isinstance(self.raw, list):
            return [child.plain for child in self.raw]
        if self.tag == "int":
            return _whole(self.text)
        if self.tag == "float":
            return self.number if self.number is not None else self.raw
        return self.flag if self.tag == "bool" else self.raw


def _whole(text: str) -> int | str:
    """A whole number in any base that YAML 1.1 and Go both know; `22:22`, base 60 by the book, is a text to both."""
    bare = text.replace("_", "")
    base = 8 if re.fullmatch(r"[-+]?0[0-7]+", bare) else 0
    try:
        return int(bare, base) if len(bare) < 30 else text
    except ValueError:
        return text


def missing(file: PurePosixPath, line: int = 1) -> Node:
    """A node for what is not there."""
    return Node(file, line, None, "missing")


def read_yaml(text: str, file: PurePosixPath) -> list[Node]:
    """The documents of a YAML (or JSON) file. Raises Unreadable with the line of what is wrong."""
    _refuse_depth(text)
    try:
        documents = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error).split("\n", maxsplit=1)[0]
        raise Unreadable(mark.line + 1 if mark else 1, str(why)) from None
    except (RecursionError, ValueError, UnicodeError) as error:
        raise Unreadable(1, str(error) or "too many levels") from None
    maker = _Maker(file)
    return [maker.node(document, document.start_mark.line + 1) for document in documents if document is not None]


def _refuse_depth(text: str) -> None:
    depth = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth += 1 if match[0] in "[{" else -1
        if depth > DEEPEST * 10:  # brackets in texts count too
            raise Unreadable(text.count("\n", 0, match.start()) + 1, f"more than {DEEPEST} levels")
    for pattern in (_NESTED_LINE, _INDENTED):
        if deep := pattern.search(text):
            raise Unreadable(text.count("\n", 0, deep.start()) + 1, f"more than {DEEPEST} levels")


class _Maker:
    """Makes Nodes of what PyYAML composed; an alias is the very Node that its anchor is."""

    def __init__(self, file: PurePosixPath) -> None:
        self._file = file
        self._made: dict[int, tuple[Node, int]] = {}
        self._open: set[int] = set()

    def node(self, composed: Any, line: int) -> Node:  # noqa: ANN401 - PyYAML has no types
        return self._node(composed, line)[0]

    def _node(self, composed: Any, line: int) -> tuple[Node, int]:  # noqa: ANN401 - PyYAML has no types
        """The Node, and how many values it stands for."""
        known = self._made.get(id(composed))
        if known is not None:
            return known
        if id(composed) in self._open or len(self._open) > DEEPEST:
            raise Unreadable(composed.start_mark.line + 1, f"an alias of itself, or more than {DEEPEST} levels")
        self._open.add(id(composed))
        tag = composed.tag.rpartition(":")[2]
        if isinstance(composed, yaml.MappingNode):
            made = self._mapping(composed, line)
        elif isinstance(composed, yaml.SequenceNode):
            members = [self._node(each, each.start_mark.line + 1) for each in composed.value]
            made = Node(self._file, line, [node for node, _ in members], "seq"), 1 + sum(count for _, count in members)
        else:
            made = Node(self._file, line, None if tag == "null" else composed.value, tag), 1
        if made[1] > MOST_VALUES:
            raise Unreadable(composed.start_mark.line + 1, f"stands for more than {MOST_VALUES} values")
        self._open.discard(id(composed))
        self._made[id(composed)] = made
        return made

    def _mapping(self, composed: Any, line: int) -> tuple[Node, int]:  # noqa: ANN401 - PyYAML has no types
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        twice: list[tuple[str, int]] = []
        total = 1
        for key, value in composed.value:
            place = key.start_mark.line + 1
            node, count = self._node(value, place)
            total += count
            name = key.value if isinstance(key.value, str) else ""
            if name == "<<":
                for source in node if node.is_list else [node]:
                    merged = {**dict(source.items()), **merged}
                continue
            if name in own:
                twice.append((name, place))
            own[name] = node
        return Node(self._file, line, {**merged, **own}, "map", twice), total
