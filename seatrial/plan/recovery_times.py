"""The steps of a recovery document's procedures, with their minutes: headings, lines in bold, lists, rows of tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.recovery_steps import HEADING, ITEM, cells_of, prose
from seatrial.plan.recovery_words import RPO, RTO, duration_s, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.files import Source

_GROUPS = re.compile(r"[(\[\uff08]([^()\[\]\uff08\uff09]*)[)\]\uff09]")
_BOLD = re.compile(r"\s{0,3}(?:\*\*|__)(.+?)(?:\*\*|__)(.*)")
# How often or how long something is done or kept is no step of a recovery.
_NO_STEP = re.compile(r"retention|interval|every\b|kept|보존|보관|주기|간격|매일|매주|매월|마다", re.IGNORECASE)
_OBJECTIVE = re.compile(f"{RTO}|{RPO}", re.IGNORECASE)
_TIME_COLUMN = re.compile(r"시간|소요|예산|\btimes?\b|\bmin(?:ute)?s?\b|duration|budget|\(분\)", re.IGNORECASE)
_TOTAL = re.compile(r"\btotal\b|\bsum\b|합계|총계|총\s|전체\s*소요", re.IGNORECASE)
DAY_S = 86_400.0
LONGEST = 200  # words of a step
_TAIL = re.compile(r"[:\u2013\u2014-]\s*(\d+\s*(?:분|시간|min\w*|h\w*))\s*$")
_SPAN = re.compile(r"(\d+)\s*(?:분|min\w*)?\s*[-~\u2013]\s*(\d+)\s*(?:분|min|m\b)")
IN_TABLE, IN_BOLD, IN_HEADING = -1, -2, -10  # how far out a step stands; one of a list has its indentation


@dataclass(frozen=True)
class Step:
    """A step, and how long it takes."""

    words: str
    seconds: float
    place: Place
    depth: int = 0
    start: float | None = None  # of a span that counts from the beginning (`10-15 min`)
    parts: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Procedure:
    """The steps of a recovery, with their minutes."""

    kind: str
    steps: tuple[Step, ...]
    place: Place

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"procedure {self.kind}"

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(step.seconds for step in self.steps)

    @property
    def longest(self) -> Step:
        """The step that takes the most."""
        return max(self.steps, key=lambda step: step.seconds)


class _Steps:
    """The steps that are gathered under a heading."""

    def __init__(self, kind: str, level: int, place: Place) -> None:
        self.kind, self.level, self.place = kind, level, place
        self.found: list[Step] = []

    def take(self, depth: int, words: str, place: Place) -> None:
        """A step, if it tells how long it takes."""
        if _OBJECTIVE.search(words) or _NO_STEP.search(words):
            return
        tail = _TAIL.search(words)
        for text in [*_GROUPS.findall(words), tail[1] if tail else ""]:
            if (length := duration_s(text)) is not None and length < DAY_S:
                span = _SPAN.search(text)
                start, end = (60.0 * int(span[1]), 60.0 * int(span[2])) if span else (None, length)
                self.found.append(Step(words, end, place, depth, start))
                return

    def procedure(self) -> Iterator[Procedure]:
        """What they are together; steps of a step are a part of it."""
        outer = min((step.depth for step in self.found), default=0)
        steps = [step for step in self.found if step.depth == outer]
        running = bool(steps) and steps[0].start == 0 and all(step.start is not None for step in steps)
        parts = {} if running else self._parts(outer)
        told = tuple(
            Step(
                step.words,
                step.seconds - (step.start or 0) if running else step.seconds,
                step.place,
                parts=parts.get(id(step), ()),
            )
            for step in steps
        )
        if len(told) > 1 and self.kind:
            yield Procedure(self.kind, told, self.place)

    def _parts(self, outer: int) -> dict[int, tuple[Step, ...]]:
        """What stands below each of the outermost steps, up to the next of them; by the outer one's identity."""
        below: dict[int, list[Step]] = {}
        last: list[Step] = []
        for step in self.found:
            if step.depth == outer:
                last = below[id(step)] = []
            else:
                last.append(step)
        return {key: _shallowest(steps) for key, steps in below.items()}


def _shallowest(steps: list[Step]) -> tuple[Step, ...]:
    depth = min((step.depth for step in steps), default=0)
    return tuple(step for step in steps if step.depth == depth)


def procedures(source: Source) -> Iterator[Procedure]:
    """Steps with minutes, under a heading that names a kind of disaster; also the cells of one table row."""
    steps = _Steps("", 0, Place(source.path))
    column: int | None = None  # of the times, in a table of steps
    for number, line in prose(source):
        place = Place(source.path, number)
        column = _column(line, column)
        if heading := HEADING.match(line):
            level, title = len(heading[1]), heading[2]
            inside = bool(steps.kind) and level > steps.level
            if inside and (steps.found or _timed(title) or not kind_of(title)):
                steps.take(IN_HEADING + level, title, place)
                continue
            yield from steps.procedure()
            steps = _Steps(kind_of(title), level, place)
        elif "|" in line and len(found := _chain(line, place)) > 2:
            yield Procedure(kind_of(line), tuple(found), place)
        elif steps.kind:
            _take_line(steps, line, column, place)
    yield from steps.procedure()


def _timed(title: str) -> bool:
    """Does a heading tell how long it takes?"""
    return any(duration_s(text) is not None and not _OBJECTIVE.search(text) for text in _GROUPS.findall(title))


def _take_line(steps: _Steps, line: str, column: int | None, place: Place) -> None:
    """A step of a list, in bold, or of a table."""
    if item := ITEM.match(line):
        steps.take(len(item[1]), item[2], place)
    elif bold := _BOLD.match(line):
        steps.take(IN_BOLD, bold[1] + bold[2], place)
    elif column is not None and column < len(cells := cells_of(line)) and not _TOTAL.search(line):
        bare = re.fullmatch(r"\d+", cells[column])
        words = " ".join(cells[:column])
        steps.take(IN_TABLE, f"{words} ({cells[column]}{'분' if bare else ''})", place)


def _column(line: str, column: int | None) -> int | None:
    """The column of the times: found in the head of a table of steps, kept as long as the table goes on."""
    if "|" not in line:
        return None
    if column is not None or _OBJECTIVE.search(line) or duration_s(line) is not None:
        return column
    found = [number for number, cell in enumerate(cells_of(line)) if _TIME_COLUMN.search(cell)]
    return found[0] if len(found) == 1 and found[0] > 0 else None


def _chain(line: str, place: Place) -> list[Step]:
    """`confirm 5 · root cause 15 · ...`: steps with bare minutes in one cell."""
    best: list[Step] = []
    for cell in cells_of(line):
        parts = [
            re.fullmatch(r"(.*\D)\s*(\d+)\s*(?:분|min(?:utes?)?)?", part.strip()[:LONGEST])
            for part in re.split(r"[·→;]|\s->\s", cell)
        ]
        steps = [Step(match[1].strip(), 60.0 * int(match[2]), place) for match in parts if match]
        if len(steps) > len(best) and len(steps) == len(parts):
            best = steps
    return best
