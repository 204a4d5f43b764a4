"""The headings of a recovery document with what stands under them, and the steps of its procedures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.recovery_words import RPO, RTO, duration_s, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.files import Source

HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"(\s*)(?:\d+[.)]|[-*])\s+(.*)")
_GROUPS = re.compile(r"[(\[\uff08]([^()\[\]\uff08\uff09]*)[)\]\uff09]")
# How often or how long something is done or kept is no step of a recovery.
_NO_STEP = re.compile(r"retention|interval|every\b|kept|보존|보관|주기|간격|매일|매주|매월|마다", re.IGNORECASE)
DAY_S = 86_400.0
_TAIL = re.compile(r"[:\u2013\u2014-]\s*(\d+\s*(?:분|시간|min\w*|h\w*))\s*$")
_SPAN = re.compile(r"(\d+)\s*(?:분|min\w*)?\s*[-~\u2013]\s*(\d+)\s*(?:분|min|m\b)")


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
        return [match[2] for _, line in self.body if (match := _ITEM.match(line))]


@dataclass(frozen=True)
class Procedure:
    """The steps of a recovery, with their minutes."""

    kind: str
    steps: tuple[tuple[str, float], ...]  # words, seconds
    place: Place

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"procedure {self.kind}"

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(length for _, length in self.steps)


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


@dataclass(frozen=True)
class _Step:
    depth: int  # -1 for a heading, else the indentation
    words: str
    start: float | None  # of a span that counts from the beginning (`10-15 min`)
    length: float


class _Steps:
    """The steps that are gathered under a heading."""

    def __init__(self, kind: str, level: int, place: Place) -> None:
        self.kind, self.level, self.place = kind, level, place
        self.found: list[_Step] = []

    def take(self, depth: int, words: str) -> None:
        """A step, if it tells how long it takes."""
        if re.search(f"{RTO}|{RPO}", words, re.IGNORECASE) or _NO_STEP.search(words):
            return
        tail = _TAIL.search(words)
        for text in [*_GROUPS.findall(words), tail[1] if tail else ""]:
            if (length := duration_s(text)) is not None and length < DAY_S:
                span = _SPAN.search(text)
                start, end = (60.0 * int(span[1]), 60.0 * int(span[2])) if span else (None, length)
                self.found.append(_Step(depth, words, start, end))
                return

    def procedure(self) -> Iterator[Procedure]:
        """What they are together; steps of a step are a part of it."""
        outer = min((step.depth for step in self.found), default=0)
        steps = [step for step in self.found if step.depth == outer]
        running = bool(steps) and steps[0].start == 0 and all(step.start is not None for step in steps)
        told = [(step.words, step.length - (step.start or 0) if running else step.length) for step in steps]
        if len(told) > 1 and self.kind:
            yield Procedure(self.kind, tuple(told), self.place)


def procedures(source: Source) -> Iterator[Procedure]:
    """Lists of steps with minutes, under a heading that names a kind of disaster; also the cells of one table row."""
    steps = _Steps("", 0, Place(source.path))
    for number, line in prose(source):
        if heading := HEADING.match(line):
            level, title = len(heading[1]), heading[2]
            inside = bool(steps.kind) and level > steps.level
            timed = any(duration_s(text) is not None for text in _GROUPS.findall(title))
            if inside and (timed or not kind_of(title)):
                steps.take(-1, title)
                continue
            yield from steps.procedure()
            steps = _Steps(kind_of(title), level, Place(source.path, number))
        elif steps.kind and (item := _ITEM.match(line)):
            steps.take(len(item[1]), item[2])
        elif "|" in line and len(found := _chain(line)) > 2:
            yield Procedure(kind_of(line), tuple(found), Place(source.path, number))
    yield from steps.procedure()


def _chain(line: str) -> list[tuple[str, float]]:
    """`confirm 5 · root cause 15 · ...`: steps with bare minutes in one cell."""
    best: list[tuple[str, float]] = []
    for cell in cells_of(line):
        parts = [
            re.fullmatch(r"(.*\D)\s*(\d+)\s*(?:분|min(?:utes?)?)?", part.strip())
            for part in re.split(r"[·→;]|\s->\s", cell)
        ]
        steps = [(match[1].strip(), 60.0 * int(match[2])) for match in parts if match]
        if len(steps) > len(best) and len(steps) == len(parts):
            best = steps
    return best
