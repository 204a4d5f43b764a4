"""The disaster-recovery document, Korean or English: its objectives, procedures with minutes, strategies and drills."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.recovery_steps import HEADING, Section, cells_of, prose, sections
from seatrial.plan.recovery_times import Procedure, procedures
from seatrial.plan.recovery_words import MEASURED, RPO, RTO, STRATEGIES, duration_s, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from seatrial.plan.files import Source


@dataclass(frozen=True)
class Objective:
    """What is promised for a kind of disaster."""

    kind: str  # database, application, infrastructure, or the row's own words
    rto_s: float | None
    rpo_s: float | None
    place: Place
    name: str = ""  # the row's own words
    loose: bool = False  # told in prose or in a list, under a heading of its kind

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"disaster {self.kind}"


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
    sections: list[Section] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

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
    plan.procedures += procedures(source)
    plan.sections += sections(source)
    plan.lines += source.lines
    for number, line in prose(source):
        for strategy, pattern in STRATEGIES.items():
            if match := re.search(pattern, line, re.IGNORECASE):
                plan.mentions.append(Mention(strategy, match[0], Place(source.path, number)))
    return plan


def _tables(source: Source) -> Iterator[tuple[list[str], list[tuple[int, list[str]]]]]:
    """Header and rows of each table, rows with their lines."""
    lines = source.lines
    for number in range(1, len(lines)):
        if "-" in lines[number] and re.fullmatch(r"[\s:|-]*", lines[number]) and "|" in lines[number - 1]:
            rows = []
            for later in range(number + 1, len(lines)):
                if "|" not in lines[later]:
                    break
                rows.append((later + 1, cells_of(lines[later])))
            yield cells_of(lines[number - 1]), rows


def _objectives(source: Source, header: list[str], rows: list[tuple[int, list[str]]]) -> Iterator[Objective]:
    rto, rpo = _column(header, RTO), _column(header, RPO)
    if (rto is None and rpo is None) or MEASURED.search(" ".join(header)):
        return
    for line, cells in rows:
        times = [
            duration_s(cells[column]) if column is not None and column < len(cells) else None for column in (rto, rpo)
        ]
        if times != [None, None]:
            name = next((cell for column, cell in enumerate(cells) if column not in (rto, rpo) and cell), "")
            yield Objective(
                kind_of(name) or kind_of(" ".join(cells)) or name, times[0], times[1], Place(source.path, line), name
            )


def _column(header: list[str], pattern: str) -> int | None:
    return next((number for number, cell in enumerate(header) if re.search(pattern, cell, re.IGNORECASE)), None)


def _loose_objectives(source: Source) -> Iterator[Objective]:
    """`RTO: 1시간` and `RPO: 15분` in prose or lists, under the heading that they stand under."""
    kind, rto, rpo, place = "", None, None, Place(source.path)
    for number, line in prose(source):
        heading = HEADING.match(line)
        if heading:
            if rto is not None or rpo is not None:
                yield Objective(kind, rto, rpo, place, loose=True)
            kind, rto, rpo = kind_of(heading[2]) or (kind if len(heading[1]) > 3 else ""), None, None
        for pattern, which in ((RTO, "rto"), (RPO, "rpo")) if not MEASURED.search(line) else ():
            match = re.search(
                rf"(?:{pattern})(?:[^0-9|]{{0,30}}|[^0-9|]{{0,20}}\|\s*)((?:\d+(?:\.\d+)?\s*[^\s|]+\s*){{1,2}})",
                line,
                re.IGNORECASE,
            )
            found = duration_s(match[1]) if match else None
            if found is not None:
                rto, rpo = (found, rpo) if which == "rto" else (rto, found)
                place = Place(source.path, number)
    if rto is not None or rpo is not None:
        yield Objective(kind, rto, rpo, place, loose=True)
