"""The line on which a key of a TOML file stands; the standard library's parser does not keep it."""

from __future__ import annotations

import re

_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(text: str, where: tuple[str, ...]) -> int:
    """The line (from 1) of the key path, or of its nearest parent that has a line; 1 if none has."""
    lines = _lines(text)
    wanted = tuple(part for part in where if not part.isdigit())
    for length in range(len(wanted), 0, -1):
        if wanted[:length] in lines:
            return lines[wanted[:length]]
    return 1


def _lines(text: str) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = _split(match.group(1))
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault(table + _split(match.group(1)), number)
    return found


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
