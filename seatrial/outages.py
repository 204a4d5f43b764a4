"""Outages from samples, as intervals: what one stream's clients prove about when the service was down.

Evidence. A success that started at s and ended at e proves that the service was up at some moment of [s, e]. A failure
that started at f and ended at g proves that it was down at some moment of [f, min(g, f + prompt)], for a healthy answer
would have come by then. A *silence*, longer than `hang_s` without an answer and with a request pending for so long,
proves that it was down soon after that request and shortly before the answer: a service that accepts and never answers
is down even if every request is answered in the end; one that is evenly slow is not, because its answers keep coming.
Neither counts where the recorder itself did not look (see `seatrial.attention`): it proves nothing about the service.

Proofs of down with no proof of up between them are one outage. It began after the last start of a request that was
answered by its last proof, and before its first proof was complete (`onset`); it ended after its last proof and before
the first answer that was surely given after its first (`end`). Requests overlap, so an answer may arrive after an
outage began: the order of arrival proves nothing by itself. The end counts once five answers that span 0.25 s
have come and no failure among them; until then what follows is the same outage, flapping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.attention import UNDISTURBED
from seatrial.evidence import Answers, Proof, silences, unbroken
from seatrial.samples import PENDING, period_s
from seatrial.spans import Interval, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from seatrial.attention import Attention
    from seatrial.samples import Sample

NEVER = math.inf
PROMPT_P99S = 1.5  # one answer in a hundred is slower than p99, few are slower than so many times p99


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
    """What is normal, from an undisturbed stream: its p99 and half as much again; three times that, or five periods."""
    latencies = sorted(sample.end_s - sample.start_s for sample in samples if sample.ok)
    if not latencies:
        return Baseline()
    p99 = latencies[min(len(latencies) - 1, math.ceil(0.99 * len(latencies)) - 1)]
    hang_s = max(Baseline.hang_s, 3 * p99, 5 * period_s(samples))
    return Baseline(max(Baseline.prompt_s, PROMPT_P99S * p99), hang_s)


def outages(samples: Sequence[Sample], normal: Baseline, attention: Attention = UNDISTURBED) -> list[Outage]:
    """The outages of one stream, in order. `samples` are sorted by start; `attention` is their recorder's."""
    believed = attention.believed(samples)
    answers = Answers([sample for sample in believed if sample.ok], normal.prompt_s, attention)
    waits = silences(believed, answers, normal.prompt_s, normal.hang_s, attention)
    found: list[Outage] = []
    for proofs in unbroken(sorted([*_failures(believed, normal), *waits]), answers):
        outage = _bounded(proofs, answers, samples[0].start_s)
        if found and not answers.stable(found[-1].end.upper_s, outage.first_failure_s):
            found[-1] = _merged(found[-1], outage)
        else:
            found.append(outage)
    if found and not answers.stable(found[-1].end.upper_s, NEVER):
        found[-1] = replace(found[-1], end=Interval(found[-1].end.lower_s, NEVER))
    return found


def combine(by_stream: Mapping[str, Sequence[Outage]]) -> Combined:
    """From the first onset to the last end: the service is down once one client is not served, back when all are.

    Each stream is a client of its own, whose outage may truly begin or end at another moment than that of the others
    (kept connections may live on where new ones are refused). So the bounds of the first onset are the least of their
    bounds, and those of the last end the greatest: no stream narrows those of another.
    """
    onsets = [found[0].onset for found in by_stream.values() if found]
    ends = [found[-1].end for found in by_stream.values() if found]
    onset = Interval(min(o.lower_s for o in onsets), min(o.upper_s for o in onsets))
    return Combined(onset, Interval(max(e.lower_s for e in ends), max(e.upper_s for e in ends)))


def sampling_gaps(samples: Sequence[Sample], rate_hz: float, until_s: float | None = None) -> list[Interval]:
    """Spans in which the sampler did not look: for five periods, and at least 0.25 s, nothing was sent or all was late.

    `until_s` says until when it should have looked; without it, until its last sample.
    """
    allowed = max(5 / rate_hz, 0.25)
    starts = sorted(sample.start_s for sample in samples)
    ends = [] if until_s is None else [max(until_s, *starts[-1:])]
    silent = [Interval(a, b) for a, b in pairwise([*starts, *ends]) if b - a > allowed]
    late = [Interval(s.intended_s, s.start_s) for s in samples if s.start_s - s.intended_s > allowed]
    return union([*silent, *late])


def brownouts(samples: Sequence[Sample], slow_s: float, bin_s: float = 0.25) -> list[Interval]:
    """Spans in which requests were answered, but more than 5 % of the answers came later than `slow_s`."""
    bins: dict[int, list[Sample]] = {}
    for sample in samples:
        bins.setdefault(math.floor(sample.intended_s / bin_s), []).append(sample)
    spans: list[Interval] = []
    for number, group in sorted(bins.items()):
        answered = [sample for sample in group if sample.ok]
        if sum(sample.latency_s > slow_s for sample in answered) <= 0.05 * len(answered):
            continue
        start, end = number * bin_s, (number + 1) * bin_s
        if spans and math.isclose(spans[-1].upper_s, start):
            spans[-1] = Interval(spans[-1].lower_s, end)
        else:
            spans.append(Interval(start, end))
    return spans


def _failures(samples: Iterable[Sample], normal: Baseline) -> Iterator[Proof]:
    for sample in samples:
        if not sample.ok and sample.outcome != PENDING:
            yield Proof(sample.start_s, min(sample.end_s, sample.start_s + normal.prompt_s), 1)


def _bounded(proofs: Sequence[Proof], answers: Answers, earliest_s: float) -> Outage:
    last_s, by_s = proofs[-1].after_s, min(proof.by_s for proof in proofs)
    onset = Interval(max(answers.last_start(last_s), earliest_s), by_s)
    end = Interval(last_s, answers.first_end(by_s))
    return Outage(onset, end, sum(proof.failures for proof in proofs), proofs[0].after_s)


def cut(samples: Sequence[Sample], until_s: float) -> list[Sample]:
    """The samples as they were known at a moment: what had no outcome by then is pending."""
    known = (sample for sample in samples if sample.start_s <= until_s)
    return [s if s.end_s <= until_s else replace(s, end_s=NEVER, outcome=PENDING) for s in known]


def _merged(first: Outage, later: Outage) -> Outage:
    failed, flaps = first.failed + later.failed, first.flaps + 1
    return replace(first, end=later.end, failed=failed, flaps=flaps)


def _length(onset: Interval, end: Interval) -> Interval:
    return Interval(max(end.lower_s - onset.upper_s, 0.0), end.upper_s - onset.lower_s)
