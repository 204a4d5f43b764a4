"""Logstash's own language -> the plugins of a pipeline, each with the branches that it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.nodes import Unreadable
from seatrial.plan.shipping import Pipeline, Plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.files import Source

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)|(?P<comment>\#[^\n]*)|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<arrow>=>)|"""
    r"""(?P<mark>[{}\[\](),])|(?P<regex>/(?:\\.|[^/\\\n])+/)|(?P<word>[^\s{}\[\](),"'\#=!<>~]+)|(?P<operator>[=!<>~]+)""",
    re.VERBOSE,
)
DEEPEST = 50


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def read_pipeline(source: Source) -> Pipeline:
    """The pipeline of a source. Raises Unreadable with the line of what is wrong."""
    reader = _Reader(source)
    return Pipeline(source.path, list(reader.sections()))


class _Reader:
    """A recursive descent over the tokens of a pipeline."""

    def __init__(self, source: Source) -> None:
        self._file = source.path
        self._tokens = list(_tokens(source.text))
        self._next = 0

    def sections(self) -> Iterator[Plugin]:
        while self._peek():
            name = self._take("word").text
            self._take("mark", "{")
            yield from self._branch(name, (), (), 0)

    def _branch(
        self, section: str, conditions: tuple[str, ...], lines: tuple[int, ...], depth: int
    ) -> Iterator[Plugin]:
        """Plugins and ifs up to the closing brace."""
        if depth > DEEPEST:
            raise Unreadable(self._line(), f"more than {DEEPEST} levels")
        before: list[str] = []
        while not self._is("}"):
            token = self._take("word")
            if token.text in ("if", "else"):
                condition = self._condition(token)
                shown = condition or f"not ({' or '.join(before)})"
                before = [condition] if token.text == "if" else [*before, condition]
                yield from self._branch(section, (*conditions, shown), (*lines, token.line), depth + 1)
            else:
                yield self._plugin(section, token, conditions, lines)
        self._take("mark", "}")

    def _condition(self, token: _Token) -> str:
        words = []
        if token.text == "else" and not self._is("{"):
            self._take("word", "if")
        while not self._is("{"):
            words.append(self._any().text)
        self._take("mark", "{")
        return " ".join(words)

    def _plugin(self, section: str, name: _Token, conditions: tuple[str, ...], if_lines: tuple[int, ...]) -> Plugin:
        settings: dict[str, object] = {}
        lines: dict[str, int] = {}
        self._take("mark", "{")
        while not self._is("}"):
            key = self._any()
            self._take("arrow")
            settings[_bare(key.text)], lines[_bare(key.text)] = self._value(0), key.line
        self._take("mark", "}")
        return Plugin(section, name.text, settings, lines, Place(self._file, name.line), conditions, if_lines)

    def _value(self, depth: int) -> object:
        token = self._any()
        if depth > DEEPEST:
            raise Unreadable(token.line, f"more than {DEEPEST} levels")
        if token.text == "[" and token.kind == "mark":
            return self._list(depth)
        if token.text == "{" and token.kind == "mark":
            return self._mapping(depth)
        if self._is("{"):  # a plugin as a value: codec => json { ... }
            self._take("mark", "{")
            self._mapping(depth)
        return _bare(token.text)

    def _list(self, depth: int) -> list[str]:
        values: list[str] = []
        while not self._is("]"):
            value = self._value(depth + 1)
            values += value if isinstance(value, list) else [str(value)]
            if self._is(","):
                self._any()
        self._take("mark", "]")
        return values

    def _mapping(self, depth: int) -> dict[str, str]:
        values: dict[str, str] = {}
        while not self._is("}"):
            key = self._any()
            self._take("arrow")
            value = self._value(depth + 1)
            values[_bare(key.text)] = (
                value if isinstance(value, str) else " ".join(map(str, value if isinstance(value, list) else []))
            )
            if self._is(","):
                self._any()
        self._take("mark", "}")
        return values

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _is(self, mark: str) -> bool:
        token = self._peek()
        if token is None:
            raise Unreadable(self._line(), "it ends before its last brace is closed")
        return token.kind == "mark" and token.text == mark

    def _any(self) -> _Token:
        token = self._peek()
        if token is None:
            raise Unreadable(self._line(), "it ends before its last brace is closed")
        self._next += 1
        return token

    def _take(self, kind: str, text: str = "") -> _Token:
        token = self._any()
        if token.kind != kind or (text and token.text != text):
            raise Unreadable(token.line, f"expected {text or kind}, found {token.text[:40]}")
        return token

    def _line(self) -> int:
        return self._tokens[-1].line if self._tokens else 1


def _tokens(text: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(line, f"cannot be read at {text[position : position + 20]!r}")
        kind = match.lastgroup or "space"
        if kind not in ("space", "comment"):
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")
        position = match.end()


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else text
