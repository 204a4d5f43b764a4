"""The live view of a run: are all clients being served right now? It steers the run; it never judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.evidence import STABLE_COUNT, STABLE_SPAN_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seatrial.roles import Observer
    from seatrial.samples import Sample

SILENT_S = 1.0  # a stream without an answer for so long, and for five of its periods, is not being served


@dataclass
class _Stream:
    """What is known of one stream: its last failure's start, and the answers since."""

    last_failure_s: float = float("-inf")
    streak: int = 0
    streak_from_s: float = 0.0
    last_answer_s: float = float("-inf")
    period_s: float = 0.0
    ok: int = 0
    failed: int = 0
    outcome: str = ""  # of its last failure

    def add(self, sample: Sample) -> None:
        if not sample.ok:
            self.failed += 1
            self.outcome = sample.outcome
            if sample.start_s > self.last_failure_s:
                self.last_failure_s, self.streak = sample.start_s, 0
            return
        self.ok += 1
        if sample.start_s <= self.last_failure_s:
            return
        if self.streak == 0:
            self.streak_from_s = sample.end_s
        elif self.ok > 1:
            self.period_s += 0.1 * (max(sample.end_s - self.last_answer_s, 0.0) - self.period_s)
        self.streak += 1
        self.last_answer_s = max(self.last_answer_s, sample.end_s)

    def trouble(self, now: float) -> str | None:
        never_failed = self.streak > 0 and self.last_failure_s == float("-inf")
        stable = self.streak >= STABLE_COUNT and self.last_answer_s - self.streak_from_s >= STABLE_SPAN_S
        if not (stable or never_failed):
            return f"fails ({self.outcome})" if self.outcome else "fails"
        if now - self.last_answer_s > max(SILENT_S, 5 * self.period_s):
            return "does not answer"
        return None


class LiveView:
    """Follows every stream of the observers as its samples arrive."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._streams: dict[str, _Stream] = {}
        self.writes: list[Sample] = []  # the ledger's, to be read back

    def refresh(self) -> None:
        """Take in the new samples."""
        for observer in self._observers:
            self.take(observer.poll())

    def take(self, samples: Iterable[Sample]) -> None:
        """Take in these samples."""
        for sample in samples:
            self._streams.setdefault(sample.stream, _Stream()).add(sample)
            if sample.stream.startswith("ledger/"):
                self.writes.append(sample)

    def oldest_writes(self, count: int) -> list[Sample]:
        """The first acknowledged writes, so many of each of the ledger's ways."""
        found: dict[str, list[Sample]] = {}
        for write in self.writes:
            if write.ok and len(found.setdefault(write.stream, [])) < count:
                found[write.stream].append(write)
        return [write for writes in found.values() for write in writes]

    @property
    def streams(self) -> tuple[str, ...]:
        """Streams that have been seen."""
        return tuple(sorted(self._streams))

    def tally(self) -> str:
        """`1023 requests answered, 2 failed`, of all streams so far."""
        streams = self._streams.values()
        return f"{sum(s.ok for s in streams)} requests answered, {sum(s.failed for s in streams)} failed"

    def look(self, now: float) -> list[str]:
        """Take in the new samples; the troubles that are left."""
        self.refresh()
        return self.troubles(now)

    def troubles(self, now: float) -> list[str]:
        """One phrase for each stream that is not being served; empty if all clients are."""
        found = ((name, stream.trouble(now)) for name, stream in sorted(self._streams.items()))
        listed = [f"{name} {trouble}" for name, trouble in found if trouble]
        return listed if self._streams else ["no client has sent anything yet"]
