"""One sample is one request as its client saw it; every recorder writes the same CSV.

Times are seconds of this machine's CLOCK_MONOTONIC (`time.monotonic()`), which all processes of a machine share,
so that samples of the probe, of Locust and events of the runner stand on one axis without conversion.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from seatrial.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

OK = "ok"
UNSENT = "unsent"
TIMEOUT = "timeout"
PENDING = "pending"  # of a request whose outcome nobody knows yet, or ever will; never recorded
LATEST_S = 1e10  # three hundred years of monotonic clock
FIELDS = ("stream", "intended", "start", "end", "outcome", "key")


@dataclass(frozen=True, slots=True)
class Sample:
    """A request, from the moment it was due to the moment its client knew the outcome."""

    stream: str  # "probe/new", "probe/kept", "load/chart", "ledger/api", "ledger/sql", "ledger/redis"
    intended_s: float
    start_s: float  # equal to intended_s where it was never sent
    end_s: float
    outcome: str  # ok, refused, reset, timeout, http_503, wrong (the body is not the promised one), unsent, error
    key: str = ""  # the ledger's id of a write

    @property
    def ok(self) -> bool:
        """The client got what it asked for."""
        return self.outcome == OK

    @property
    def latency_s(self) -> float:
        """From the *intended* time, so that a stalled client cannot hide a stalled server; infinite if it failed."""
        return self.end_s - self.intended_s if self.ok else float("inf")

    @property
    def late_s(self) -> float:
        """How long after it was due its client came to it: to send it, or to decide that it cannot."""
        return (self.end_s if self.outcome == UNSENT else self.start_s) - self.intended_s

    def row(self) -> tuple[str, str, str, str, str, str]:
        """The sample as a CSV row, times with microseconds."""
        times = (f"{t:.6f}" for t in (self.intended_s, self.start_s, self.end_s))
        intended, start, end = times
        return (self.stream, intended, start, end, self.outcome, self.key)


def parse(row: list[str]) -> Sample:
    """A CSV row (in the order of FIELDS) as a sample. Raises ValueError if it is torn or not one."""
    stream, intended, start, end, outcome, key = row
    sample = Sample(stream, float(intended), float(start), float(end), outcome, key)
    if not all(abs(time_s) < LATEST_S for time_s in (sample.intended_s, sample.start_s, sample.end_s)):
        raise ValueError(f"no time of this machine: {row[1:4]}")
    return sample


def period_s(samples: Sequence[Sample]) -> float:
    """The usual seconds between two requests of a stream, sorted by start; 0 of fewer than two."""
    return (samples[-1].start_s - samples[0].start_s) / max(len(samples) - 1, 1) if samples else 0.0


class SampleWriter:
    """Appends samples to a CSV file; what `flush` has returned from survives the writer's death."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)
        if self._file.tell() == 0:
            self._csv.writerow(FIELDS)
            self._file.flush()

    def write(self, samples: Iterable[Sample]) -> None:
        """Append the samples and flush them to the operating system."""
        self._csv.writerows(sample.row() for sample in samples)
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


class SampleTail:
    """Reads the samples that were appended to a file since the last look; a torn last line waits for its rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def poll(self) -> list[Sample]:
        """The new complete samples, in file order; none while the file does not exist."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            chunk = file.read()
        complete = chunk[: chunk.rfind(b"\n") + 1]
        self._offset += len(complete)
        return list(_parse_lines(complete.decode("utf-8").splitlines()))


def read_samples(path: Path) -> list[Sample]:
    """All complete samples of a file, sorted by start; a torn last line is left out. Raises InputError for others."""
    try:
        samples = SampleTail(path).poll()
    except (ValueError, csv.Error) as error:
        raise InputError("samples as Seatrial writes them", str(error), path) from None
    return sorted(samples, key=lambda sample: (sample.start_s, sample.end_s, sample.stream))


def _parse_lines(lines: Iterable[str]) -> Iterator[Sample]:
    for row in csv.reader(lines):
        if row and row[0] != FIELDS[0]:
            yield parse(row)
