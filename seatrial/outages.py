"""Outages from samples, as intervals: what one stream's clients prove about when the service was down.

Evidence. A success that started at s and ended at e proves that the service was up at some moment of [s, e], and that
it answered at e. A failure that started at f and ended at g proves that it was down at some moment of [f, g]; a request
is attributed to its start. An *outage* is a span between two answers in which a request failed, or in which requests
were pending for longer than `hang_s` and none was answered: a service that accepts and never answers is down even if
every request is answered in the end, one that is evenly slow is not, because its answers keep coming.

It began after the latest start of a request that was answered before (`onset.lower`) and before the first proof of the
contrary (`onset.upper`); it ended after the last such proof (`end.lower`) and before the first answer (`end.upper`).
The end counts once STABLE_COUNT answers that span STABLE_SPAN_S have come and no failure among them; until then what
follows is the same outage, flapping. The method is that of OpenShift's disruption sampler, with intervals.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from seatrial.samples import Sample

PENDING = "pending"  # the outcome of a request that nobody knows the outcome of yet
STABLE_COUNT = 5
STABLE_SPAN_S = 0.25
NEVER = math.inf


@dataclass(frozen=True)
class Interval:
    """A moment or a length that is known to lie between two bounds, in seconds."""

    lower_s: float
    upper_s: float


@dataclass(frozen=True)
class Baseline:
    """What is normal for a stream: learnt from it before anything was broken."""

    prompt_s: float = 0.01  # a healthy answer takes at most about so long
    hang_s: float = 0.2  # no answer for so long with a request pending is a silence


@dataclass(frozen=True)
class Outage:
    """A span in which the service was down for the clients of one stream."""

    onset: Interval
    end: Interval  # upper is infinite if no stable run of answers was seen after it
    failed: int  # requests that failed in it
    first_failure_s: float  # start of the first request that failed, or that waited in the silence
    flaps: int = 0  # how often it seemed over and was not

    @property
    def duration(self) -> Interval:
        """Bounds of how long it lasted."""
        return _length(self.onset, self.end)


@dataclass(frozen=True)
class Combined:
    """The outages of all streams as one: from the first that began to the last that ended."""

    onset: Interval
    end: Interval

    @property
    def duration(self) -> Interval:
        """Bounds of how long it lasted."""
        return _length(self.onset, self.end)


def baseline(samples: Sequence[Sample]) -> Baseline:
    """What is normal, from the answers of an undisturbed stream: twice its p99, and three times, with a floor."""
    latencies = sorted(sample.end_s - sample.start_s for sample in samples if sample.ok)
    if not latencies:
        return Baseline()
    p99 = latencies[min(len(latencies) - 1, math.ceil(0.99 * len(latencies)) - 1)]
    return Baseline(max(Baseline.prompt_s, p99), max(Baseline.hang_s, 3 * p99))


def outages(samples: Sequence[Sample], normal: Baseline) -> list[Outage]:
    """The outages of one stream, in order. `samples` are sorted by start."""
    stream = _Stream(samples, normal)
    found: list[Outage] = []
    for outage in stream.gaps():
        if found and not stream.stable_between(found[-1].end.upper_s, outage):
            found[-1] = _merged(found[-1], outage)
        else:
            found.append(outage)
    if found and not stream.stable_after(found[-1].end.upper_s):
        found[-1] = replace(found[-1], end=Interval(found[-1].end.lower_s, NEVER))
    return found


def combine(by_stream: Mapping[str, Sequence[Outage]]) -> Combined:
    """From the first onset to the last end: the service is back when it is back for every client.

    The two probe streams ask the same thing at different moments: where their bounds overlap, both hold.
    """
    onsets, ends = [], []
    for group in _groups(by_stream):
        onsets.append(_common([found[0].onset for found in group], min))
        ends.append(_common([found[-1].end for found in group], max))
    onset = Interval(min(o.lower_s for o in onsets), min(o.upper_s for o in onsets))
    return Combined(onset, Interval(max(e.lower_s for e in ends), max(e.upper_s for e in ends)))


def _groups(by_stream: Mapping[str, Sequence[Outage]]) -> list[list[Sequence[Outage]]]:
    probe = [found for stream, found in by_stream.items() if stream.startswith("probe/") and found]
    others = [[found] for stream, found in by_stream.items() if not stream.startswith("probe/") and found]
    return [probe, *others] if probe else others


def _common(bounds: Sequence[Interval], choose: Callable[[Iterable[float]], float]) -> Interval:
    """The bounds that hold together; where they exclude each other, the first (or the last) of them."""
    lower, upper = max(b.lower_s for b in bounds), min(b.upper_s for b in bounds)
    if lower <= upper:
        return Interval(lower, upper)
    return Interval(choose(b.lower_s for b in bounds), choose(b.upper_s for b in bounds))


def sampling_gaps(samples: Sequence[Sample], rate_hz: float) -> list[Interval]:
    """Spans in which the sampler itself did not look: nothing was sent for five periods, and at least 0.25 s."""
    allowed = max(5 / rate_hz, 0.25)
    starts = sorted(sample.start_s for sample in samples)
    return [Interval(a, b) for a, b in pairwise(starts) if b - a > allowed]


def brownouts(samples: Sequence[Sample], slow_s: float, bin_s: float = 0.25) -> list[Interval]:
    """Spans in which requests were answered, but more than 5 % of them slower than `slow_s` or not at all."""
    bins: dict[int, list[Sample]] = {}
    for sample in samples:
        bins.setdefault(math.floor(sample.intended_s / bin_s), []).append(sample)
    spans: list[Interval] = []
    for number, group in sorted(bins.items()):
        slow = sum(sample.latency_s > slow_s for sample in group)
        if slow <= 0.05 * len(group) or not any(sample.ok for sample in group):
            continue
        start, end = number * bin_s, (number + 1) * bin_s
        if spans and math.isclose(spans[-1].upper_s, start):
            spans[-1] = Interval(spans[-1].lower_s, end)
        else:
            spans.append(Interval(start, end))
    return spans


class _Stream:
    """One stream's answers and failures, in order, ready to be asked."""

    def __init__(self, samples: Sequence[Sample], normal: Baseline) -> None:
        self._normal = normal
        self._samples = sorted(samples, key=lambda sample: (sample.start_s, sample.end_s))
        self._starts = [sample.start_s for sample in self._samples]
        self._answers = sorted((sample for sample in self._samples if sample.ok), key=lambda sample: sample.end_s)
        self._ends = [sample.end_s for sample in self._answers]
        self._latest_start = _running_maximum(sample.start_s for sample in self._answers)
        self._failures = [sample.start_s for sample in self._samples if _failed(sample)]

    def gaps(self) -> Iterable[Outage]:
        """Spans between consecutive answers in which something failed or hung."""
        failing = {bisect.bisect_right(self._ends, start) for start in self._failures}
        silent = {
            number + 1
            for number, (early, late) in enumerate(pairwise(self._ends))
            if late - early > self._normal.hang_s
        }
        if self._samples and self._last_moment() - (self._ends or [-NEVER])[-1] > self._normal.hang_s:
            silent.add(len(self._ends))
        for number in sorted(failing | silent):
            outage = self._outage(number)
            if outage and (number in failing or self._hung(number)):
                yield outage

    def stable_between(self, end_s: float, later: Outage) -> bool:
        """Did a stable run of answers come between an outage's end and the first failure of a later one?"""
        first = bisect.bisect_left(self._ends, end_s)
        until = bisect.bisect_right(self._ends, later.first_failure_s, lo=first)
        return self._is_stable(first, until)

    def stable_after(self, end_s: float) -> bool:
        """Did a stable run of answers come after an outage's end?"""
        return self._is_stable(bisect.bisect_left(self._ends, end_s), len(self._ends))

    def _is_stable(self, first: int, until: int) -> bool:
        enough = until - first >= STABLE_COUNT
        return enough and self._ends[until - 1] - self._ends[first] >= STABLE_SPAN_S

    def _outage(self, number: int) -> Outage | None:
        """The outage between answer number-1 and answer number (one of them may not exist)."""
        before = self._latest_start[number - 1] if number else -NEVER
        answer = self._ends[number] if number < len(self._ends) else NEVER
        earliest = self._ends[number - 1] if number else -NEVER
        inside = self._unanswered(before, answer)
        failures = [sample for sample in inside if _failed(sample)]
        failures = [sample for sample in failures if earliest <= sample.start_s] or failures
        if not inside:
            return None
        prompt = self._normal.prompt_s
        begins = [min(sample.end_s, sample.start_s + prompt) if not sample.ok else sample.start_s + prompt
                  for sample in inside]  # fmt: skip
        onset = Interval(before if math.isfinite(before) else inside[0].start_s, max(min(begins), before))
        end = Interval(min(max(self._last_proof(inside, answer), onset.upper_s), answer), answer)
        failed = sum(earliest <= sample.start_s < answer for sample in inside if _failed(sample))
        return Outage(onset, end, failed, min(sample.start_s for sample in (failures or inside)))

    def _unanswered(self, after_s: float, answer_s: float) -> list[Sample]:
        """Requests that were sent after the latest one answered before the gap, and not answered within it."""
        first = bisect.bisect_right(self._starts, after_s) if math.isfinite(after_s) else 0
        until = bisect.bisect_left(self._starts, answer_s)
        return [sample for sample in self._samples[first:until] if not sample.ok or sample.end_s >= answer_s]

    def _last_proof(self, inside: Sequence[Sample], answer_s: float) -> float:
        """The last moment at which it was surely down: a failure's start, or shortly before the end of a silence."""
        failed = max((sample.start_s for sample in inside if _failed(sample)), default=-NEVER)
        until = min(answer_s, self._last_moment())
        waiting = [sample for sample in inside if sample.start_s <= until - self._normal.prompt_s
                   and sample.end_s >= until]  # fmt: skip
        return max(failed, until - self._normal.prompt_s) if waiting else failed

    def _hung(self, number: int) -> bool:
        """Was a request pending for longer than `hang_s` when the silence ended?"""
        answer = self._ends[number] if number < len(self._ends) else NEVER
        until = min(answer, self._last_moment())
        before = self._latest_start[number - 1] if number else -NEVER
        return any(sample.start_s <= until - self._normal.hang_s for sample in self._unanswered(before, answer))

    def _last_moment(self) -> float:
        return max(self._starts[-1], self._ends[-1] if self._ends else 0.0)


def cut(samples: Sequence[Sample], until_s: float) -> list[Sample]:
    """The samples as they were known at a moment: what had no outcome by then is pending."""
    known = (sample for sample in samples if sample.start_s <= until_s)
    return [s if s.end_s <= until_s else replace(s, end_s=NEVER, outcome=PENDING) for s in known]


def _failed(sample: Sample) -> bool:
    return not sample.ok and sample.outcome != PENDING


def _running_maximum(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in values:
        found.append(max(value, found[-1]) if found else value)
    return found


def _merged(first: Outage, later: Outage) -> Outage:
    failed, flaps = first.failed + later.failed, first.flaps + 1
    return replace(first, end=later.end, failed=failed, flaps=flaps)


def _length(onset: Interval, end: Interval) -> Interval:
    return Interval(max(end.lower_s - onset.upper_s, 0.0), end.upper_s - onset.lower_s)
