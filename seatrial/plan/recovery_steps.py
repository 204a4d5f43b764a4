"""The headings of a recovery document with what stands under them; its prose, its lists and its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.files import Source

HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
ITEM = re.compile(r"(\s*)(?:\d+[.)]|[-*])\s+(.*)")


@dataclass(frozen=True)
class Section:
    """A heading with everything under it, deeper headings too."""

    title: str
    level: int
    place: Place
    body: tuple[tuple[int, str], ...]  # lines with their numbers

    @property
    def items(self) -> list[str]:
        """The entries of its lists."""
        return [match[2] for _, line in self.body if (match := ITEM.match(line))]


def cells_of(line: str) -> list[str]:
    """The cells of a table's row."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def prose(source: Source) -> Iterator[tuple[int, str]]:
    """Lines outside of code blocks and of tables' rules, with their numbers."""
    fenced = False
    for number, line in enumerate(source.lines, start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield number, line


def sections(source: Source) -> Iterator[Section]:
    """All sections, the outer ones before the inner ones."""
    heads = [(number, match) for number, line in prose(source) if (match := HEADING.match(line))]
    for place, (number, match) in enumerate(heads):
        level = len(match[1])
        end = next((later for later, other in heads[place + 1 :] if len(other[1]) <= level), len(source.lines) + 1)
        body = tuple((line, source.lines[line - 1]) for line in range(number + 1, end))
        yield Section(match[2], level, Place(source.path, number), body)
