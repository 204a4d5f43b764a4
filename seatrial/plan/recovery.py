"""The disaster-recovery document, Korean or English: its objectives, procedures with minutes, strategies and drills."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.recovery_words import RPO, RTO, STRATEGIES, duration_s, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from seatrial.plan.files import Source

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


@dataclass(frozen=True)
class Objective:
    """What is promised for a kind of disaster."""

    kind: str  # database, application, infrastructure, or the row's own words
    rto_s: float | None
    rpo_s: float | None
    place: Place

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"disaster {self.kind}"


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


@dataclass(frozen=True)
class Mention:
    """A strategy that the document counts on."""

    strategy: str  # a key of STRATEGIES
    words: str
    place: Place

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"strategy {self.strategy}"


@dataclass(eq=False)
class RecoveryPlan:
    """A disaster-recovery document."""

    file: PurePosixPath
    objectives: list[Objective] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"recovery plan {self.file}"

    @property
    def place(self) -> Place:
        """Its file."""
        return Place(self.file)

    def objective(self, kind: str) -> Objective | None:
        """The strictest objective of a kind."""
        found = [objective for objective in self.objectives if objective.kind == kind]
        return min(found, key=lambda objective: (objective.rpo_s or 1e12, objective.rto_s or 1e12), default=None)


def read_recovery(source: Source) -> RecoveryPlan:
    """The recovery plan of a Markdown document."""
    plan = RecoveryPlan(source.path)
    for header, rows in _tables(source):
        plan.objectives += _objectives(source, header, rows)
    plan.objectives += _loose_objectives(source)
    plan.procedures += _procedures(source)
    for number, line in _prose(source):
        for strategy, pattern in STRATEGIES.items():
            if match := re.search(pattern, line, re.IGNORECASE):
                plan.mentions.append(Mention(strategy, match[0], Place(source.path, number)))
    return plan


def _tables(source: Source) -> Iterator[tuple[list[str], list[tuple[int, list[str]]]]]:
    """Header and rows of each table, rows with their lines."""
    lines = source.lines
    for number in range(1, len(lines)):
        if re.fullmatch(r"\s*\|?[\s:|-]*-[\s:|-]*\|?\s*", lines[number]) and "|" in lines[number - 1]:
            rows = []
            for later in range(number + 1, len(lines)):
                if "|" not in lines[later]:
                    break
                rows.append((later + 1, _cells(lines[later])))
            yield _cells(lines[number - 1]), rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def _objectives(source: Source, header: list[str], rows: list[tuple[int, list[str]]]) -> Iterator[Objective]:
    rto, rpo = _column(header, RTO), _column(header, RPO)
    if rto is None and rpo is None:
        return
    for line, cells in rows:
        times = [
            duration_s(cells[column]) if column is not None and column < len(cells) else None for column in (rto, rpo)
        ]
        if times != [None, None]:
            name = next((cell for column, cell in enumerate(cells) if column not in (rto, rpo) and cell), "")
            yield Objective(
                kind_of(name) or kind_of(" ".join(cells)) or name, times[0], times[1], Place(source.path, line)
            )


def _column(header: list[str], pattern: str) -> int | None:
    return next((number for number, cell in enumerate(header) if re.search(pattern, cell, re.IGNORECASE)), None)


def _loose_objectives(source: Source) -> Iterator[Objective]:
    """`RTO: 1시간` and `RPO: 15분` in prose or lists, under the heading that they stand under."""
    kind, rto, rpo, place = "", None, None, Place(source.path)
    for number, line in _prose(source):
        heading = _HEADING.match(line)
        if heading:
            if rto is not None or rpo is not None:
                yield Objective(kind, rto, rpo, place)
            kind, rto, rpo = kind_of(heading[2]) or (kind if len(heading[1]) > 3 else ""), None, None
            continue
        for pattern, which in ((RTO, "rto"), (RPO, "rpo")):
            match = re.search(rf"(?:{pattern})[^0-9|]{{0,30}}((?:\d+(?:\.\d+)?\s*\S+\s*){{1,2}})", line, re.IGNORECASE)
            found = duration_s(match[1]) if match else None
            if found is not None:
                rto, rpo = (found, rpo) if which == "rto" else (rto, found)
                place = Place(source.path, number)
    if rto is not None or rpo is not None:
        yield Objective(kind, rto, rpo, place)


def _prose(source: Source) -> Iterator[tuple[int, str]]:
    """Lines outside of code blocks and of tables' rules, with their numbers."""
    fenced = False
    for number, line in enumerate(source.lines, start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield number, line


def _procedures(source: Source) -> Iterator[Procedure]:
    """Lists of steps with minutes, under a heading that names a kind of disaster; also the cells of one table row."""
    steps: list[tuple[str, float]] = []
    kind, place = "", Place(source.path)
    for number, line in _prose(source):
        if heading := _HEADING.match(line):
            if len(steps) > 1 and kind:
                yield Procedure(kind, tuple(steps), place)
            kind, place, steps = (
                kind_of(heading[2]) or (kind if len(heading[1]) > 3 else ""),
                Place(source.path, number),
                [],
            )
        elif (
            kind
            and (step := re.match(r"\s*(?:\d+[.)]|[-*])\s+(.*)", line))
            and not re.search(f"{RTO}|{RPO}", line, re.IGNORECASE)
        ):
            match = re.search(r"[(\[\uff08]([^()\[\]\uff08\uff09]*)[)\]\uff09]", step[1])
            length = duration_s(match[1]) if match else None
            if length is not None:
                steps.append((step[1], length))
        elif "|" in line and len(found := _chain(line)) > 2:
            yield Procedure(kind_of(line), tuple(found), Place(source.path, number))
    if len(steps) > 1 and kind:
        yield Procedure(kind, tuple(steps), place)


def _chain(line: str) -> list[tuple[str, float]]:
    """`confirm 5 · root cause 15 · ...`: steps with bare minutes in one cell."""
    best: list[tuple[str, float]] = []
    for cell in _cells(line):
        parts = [
            re.fullmatch(r"(.*\D)\s*(\d+)\s*(?:분|min(?:utes?)?)?", part.strip())
            for part in re.split(r"[·→;]|\s->\s", cell)
        ]
        steps = [(match[1].strip(), 60.0 * int(match[2])) for match in parts if match]
        if len(steps) > len(best) and len(steps) == len(parts):
            best = steps
    return best
