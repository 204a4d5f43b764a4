"""GitHub's expressions: `${{ ... }}` in texts, and conditions as far as files tell their value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEMPLATE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||[=!<>]=|[!<>()\[\],]|[A-Za-z_][\w-]*(?:\.(?:[\w-]+|\*))*|-?\d[\w.]*)")
_PATH = re.compile(r"(?<![\w.'-])(?:[A-Za-z_][\w-]*)(?:\.(?:[\w-]+|\*)|\[\s*'[^']*'\s*\])+")
_STATUS = ("success", "always", "failure", "cancelled")
UNKNOWN = object()
MOST_TOKENS = 200


def expressions(text: str) -> Iterator[tuple[int, str]]:
    """Position and inside of each `${{ }}` of a text."""
    for match in TEMPLATE.finditer(text):
        yield match.start(), match[1].strip()


def paths(expression: str) -> list[list[str]]:
    """The contexts that an expression reads: `needs.build.outputs.tag` in parts; texts in quotes left out."""
    indexed = re.sub(r"\[\s*'([\w-]+)'\s*\]", r".\1", expression)
    bare = re.sub(r"'(?:[^']|'')*'", "''", indexed)
    return [match[0].split(".") for match in _PATH.finditer(bare)]


def condition(text: str) -> str:
    """An `if` without its `${{ }}`."""
    match = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", text, re.DOTALL)
    return (match[1] if match else text).strip()


def filled(text: str, look: Callable[[str], str | None]) -> str:
    """A text with each `${{ }}` replaced by what `look` knows of it; the others stay."""
    return TEMPLATE.sub(lambda match: match[0] if (known := look(match[1].strip())) is None else known, text)


def as_variables(text: str) -> str:
    """A text with each `${{ }}` written as a variable of the shell, on as many lines."""

    def variable(match: re.Match[str]) -> str:
        inside = match[1].strip()
        path = inside.split(".")
        simple = re.fullmatch(r"[\w.-]+", inside)
        name = "_".join(path).replace("-", "_") if simple else re.sub(r"\W+", "_", inside).strip("_")
        shown = name.upper() if path[0] == "github" and simple else f"expr_{name}"
        return f"${{{shown}}}" + "\n" * match[0].count("\n")

    return TEMPLATE.sub(variable, text)


class _Parser:
    """Evaluates while it reads; a value that files do not tell is UNKNOWN."""

    def __init__(self, text: str, values: dict[str, str]) -> None:
        self.tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()) and len(self.tokens) < MOST_TOKENS:
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(text)
            self.tokens.append(match[1])
            position = match.end()
        self.values = values
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def either(self) -> object:
        left = self.both()
        while self.peek() == "||":
            self.take()
            right = self.both()
            left = _or(left, right)
        return left

    def both(self) -> object:
        left = self.compared()
        while self.peek() == "&&":
            self.take()
            right = self.compared()
            left = _and(left, right)
        return left

    def compared(self) -> object:
        left = self.single()
        if self.peek() not in ("==", "!=", "<", ">", "<=", ">="):
            return left
        operator, right = self.take(), self.single()
        if UNKNOWN in (left, right) or operator not in ("==", "!="):
            return UNKNOWN
        return (str(left).lower() == str(right).lower()) is (operator == "==")

    def single(self) -> object:
        word = self.take()
        if word == "!":
            inside = self.single()
            return UNKNOWN if inside is UNKNOWN else not truthy(inside)
        if word == "(":
            inside = self.either()
            self.take()
            return inside
        if word.startswith("'"):
            return word[1:-1].replace("''", "'")
        if self.peek() == "(":
            return self.call(word)
        if word in ("true", "false"):
            return word == "true"
        while self.peek() == "[":
            self.take()
            self.either()
            self.take()
            word = "?"
        return self.values.get(word, UNKNOWN)

    def call(self, name: str) -> object:
        self.take()
        given: list[object] = []
        while self.peek() not in (")", ""):
            given.append(self.either())
            if self.peek() == ",":
                self.take()
        self.take()
        if name.lower() in _STATUS:
            return True if name.lower() in ("success", "always") else UNKNOWN
        if UNKNOWN in given or len(given) != 2:
            return UNKNOWN
        first, second = (str(each).lower() for each in given)
        known = {
            "startswith": first.startswith(second),
            "endswith": first.endswith(second),
            "contains": second in first,
        }
        return known.get(name.lower(), UNKNOWN)


def _or(left: object, right: object) -> object:
    if left is UNKNOWN:
        return right if right is not UNKNOWN and truthy(right) else UNKNOWN
    return left if truthy(left) else right


def _and(left: object, right: object) -> object:
    if left is UNKNOWN:
        return False if right is not UNKNOWN and not truthy(right) else UNKNOWN
    return right if truthy(left) else left


def truthy(value: object) -> bool:
    """What GitHub takes for true."""
    return value not in ("", False, "0", None)


def evaluate(text: str, values: dict[str, str]) -> object:
    """The value of an expression where these contexts are known, UNKNOWN where files do not tell it."""
    try:
        parser = _Parser(text, values)
        found = parser.either()
        return found if parser.at >= len(parser.tokens) else UNKNOWN
    except (ValueError, RecursionError):
        return UNKNOWN


def literals(text: str) -> list[str]:
    """The texts in quotes."""
    return [match.replace("''", "'") for match in re.findall(r"'((?:[^']|'')*)'", text)]
