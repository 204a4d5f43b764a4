"""Figures of a run as rows: percentiles by window and endpoint, the ledger's account, the raw files."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.checks.data_loss import account, blow_after
from seatrial.checks.disasters import struck
from seatrial.ledger import ABSENT, ACKNOWLEDGED, FAILED, PRESENT, UNKNOWN, write_result
from seatrial.report.axis import shown_windows
from seatrial.report.bins import rank

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seatrial.checks.windows import Window
    from seatrial.report.axis import Axis
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline

_KINDS = ("load", "probe", "ledger")
SHOWN = 20  # ids of writes; all of them stand in readback.csv
DERIVED = ("report.html", "verdict.json", "junit.xml")  # made from the raw files, and made again by judge and report


@dataclass(frozen=True)
class Percentiles:
    """One stream in one window. Exact order statistics; infinite where the failures reach them."""

    stream: str
    requests: int
    failed: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    slowest_s: float | None  # of those that were answered
    outcomes: tuple[tuple[str, int], ...]  # the failures by outcome, the most frequent first


@dataclass(frozen=True)
class WindowTable:
    """All streams of one window."""

    name: str
    window: Window
    rows: tuple[Percentiles, ...]


def percentiles(timeline: Timeline, axis: Axis) -> list[WindowTable]:
    """A table for each window; streams that had no request in it are left out."""
    tables = []
    for name, window in shown_windows(timeline, axis).items():
        inside = {stream: window.of(samples) for stream, samples in timeline.streams.items()}
        rows = tuple(_percentiles(stream, samples) for stream, samples in sorted(inside.items(), key=_order) if samples)
        tables.append(WindowTable(name, window, rows))
    return tables


def _order(item: tuple[str, object]) -> tuple[int, str]:
    """The load first, which is what the SLO is judged on."""
    kind = item[0].split("/")[0]
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS), item[0]


def _percentiles(stream: str, samples: Sequence[Sample]) -> Percentiles:
    values = sorted(sample.latency_s for sample in samples)
    answered = [value for value in values if math.isfinite(value)]
    outcomes = Counter(sample.outcome for sample in samples if not sample.ok)
    listed = tuple(sorted(outcomes.items(), key=lambda item: (-item[1], item[0])))
    p50, p95, p99 = (rank(values, fraction) for fraction in (0.5, 0.95, 0.99))
    slowest = answered[-1] if answered else None
    return Percentiles(stream, len(values), len(values) - len(answered), p50, p95, p99, slowest, listed)


@dataclass(frozen=True)
class Way:
    """The account of one way of writing: through the API, in SQL, in Redis."""

    stream: str
    acknowledged: int
    failed: int
    unknown: int
    present: int  # acknowledged, and found as written
    lost: int
    unknown_present: int  # of the unknown ones


@dataclass(frozen=True)
class Lost:
    """An acknowledged write that is not there."""

    key: str
    stream: str
    acknowledged: str
    before_fault_s: float | None


@dataclass(frozen=True)
class Ledger:
    """The whole account, as the report shows it."""

    ways: tuple[Way, ...]
    lost: tuple[Lost, ...]
    lost_count: int
    wrong: tuple[str, ...]
    phantom: tuple[str, ...]
    unreadable: tuple[str, ...]
    read_back: bool


def ledger(timeline: Timeline, axis: Axis) -> Ledger | None:
    """The account of a run, or None if it wrote nothing."""
    streams = [stream for stream in timeline.streams if stream.startswith("ledger/")]
    if not streams:
        return None
    found = account(timeline)
    lost = tuple(_lost(timeline, axis, sample) for sample in found.lost[:SHOWN])
    ways = tuple(_way(timeline, stream) for stream in streams)
    return Ledger(ways, lost, len(found.lost), found.wrong, found.phantom, found.unreadable, bool(timeline.read_back))


def _lost(timeline: Timeline, axis: Axis, write: Sample) -> Lost:
    blow = blow_after(timeline, write) or next(reversed(timeline.all("effect")), None)
    before_s = struck(blow) - write.end_s if blow else None
    return Lost(write.key, write.stream, axis.told(write.end_s), before_s)


def _way(timeline: Timeline, stream: str) -> Way:
    results = {sample.key: write_result(sample) for sample in timeline.streams[stream]}
    states = {item.key: item.state for item in timeline.read_back if item.stream == stream}
    counted = Counter(results.values())
    both = Counter((result, states.get(key)) for key, result in results.items())
    return Way(
        stream, counted[ACKNOWLEDGED], counted[FAILED], counted[UNKNOWN],
        both[ACKNOWLEDGED, PRESENT], both[ACKNOWLEDGED, ABSENT], both[UNKNOWN, PRESENT],
    )  # fmt: skip


@dataclass(frozen=True)
class RawFile:
    """A file of the run's folder."""

    name: str
    size: int
    sha256: str


def raw_files(folder: Path) -> list[RawFile]:
    """What was recorded, by name, without what is derived from it and can be made again."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    named = ((path, path.relative_to(folder).as_posix()) for path in paths)
    return [RawFile(name, path.stat().st_size, _sha256(path)) for path, name in named if name not in DERIVED]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
