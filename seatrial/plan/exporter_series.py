"""Exporters and their series: how a line of a table is read.

A line is `type labels unit: names`. Labels are separated by commas; one with a question mark is there in some versions
only; `-` is none, `*` is any. The labels that Prometheus itself adds (job, instance) are not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

ANY = "*"


@dataclass(frozen=True)
class Series:
    """A metric as Prometheus sees it."""

    name: str
    kind: str  # counter, gauge, histogram, summary
    labels: frozenset[str] | None  # those that it always has; None where they are not known
    maybe: frozenset[str]  # those that it has in some versions
    unit: str  # bool, ratio, bytes, seconds, time, count, or `-`
    exporter: str


@dataclass(frozen=True)
class Exporter:
    """An exporter: how to recognise it, and what it exports."""

    name: str
    images: tuple[str, ...]  # last parts of the names of its images
    ports: tuple[int, ...]
    hints: tuple[str, ...]  # what its host or its job is called
    prefixes: tuple[str, ...]  # names that nobody else exports
    table: str

    @cached_property
    def series(self) -> dict[str, Series]:
        """Its metrics by name, those of a histogram one by one."""
        return series_of(self.table, self.name)


def series_of(table: str, exporter: str) -> dict[str, Series]:
    """The metrics of a table by name, those of a histogram one by one."""
    return {series.name: series for line in table.strip().split("\n") for series in _of_line(line, exporter)}


def _of_line(line: str, exporter: str) -> list[Series]:
    head, _, names = line.partition(":")
    kind, labels, unit = head.split()
    words = [] if labels in ("-", ANY) else labels.split(",")
    sure = None if labels == ANY else frozenset(word for word in words if not word.endswith("?"))
    maybe = frozenset(word[:-1] for word in words if word.endswith("?"))
    found = [Series(name, kind, sure, maybe, unit, exporter) for name in names.split()]
    if kind == "histogram":
        return [part for series in found for part in histogram(series)]
    return found


def histogram(whole: Series) -> list[Series]:
    """The three series of a histogram."""
    sure = None if whole.labels is None else whole.labels | {"le"}
    return [
        Series(f"{whole.name}_bucket", "bucket", sure, whole.maybe, "-", whole.exporter),
        Series(f"{whole.name}_sum", "counter", whole.labels, whole.maybe, whole.unit, whole.exporter),
        Series(f"{whole.name}_count", "counter", whole.labels, whole.maybe, "count", whole.exporter),
    ]
