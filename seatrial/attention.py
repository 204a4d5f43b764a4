"""When a recorder itself did not look: it shares a process with the requests that it times.

A stall of that process (it was stopped, or got no core) is a silence of all its requests, and says nothing of the
service. It shows in the open loop, in which a request is sent when it is due: what was due in a stall is sent, or given
up, when the stall is over. The sampler leaves out what was due too long ago, so a long stall of it is a hole in what
it sent. A closed loop has no such times; there Locust's heartbeat shows it (see `seatrial.load.recorder`).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.samples import PENDING, TIMEOUT, UNSENT, period_s
from seatrial.spans import Interval, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seatrial.samples import Sample

STALL_S = 0.02  # so late is late; what is taken in so soon after a stall may have come in it
MISSED = 0.1  # of a request's time, up to its end, in which its recorder did not look: its answer may have come there
SLEPT_S = 1.0  # what was due longer ago is not sent any more: a sampler that slept must not wake up as a flood


@dataclass(frozen=True)
class Attention:
    """What one recording process missed, in order of time."""

    stalls: Sequence[Interval] = ()  # spans in which it took nothing in
    busy: Sequence[Interval] = ()  # spans in which it had no core left to take everything in at its time

    @cached_property
    def _lowers(self) -> list[float]:
        return [stall.lower_s for stall in self.stalls]

    def last_look(self, at_s: float) -> float:
        """The last moment up to `at_s` at which all that had come was surely taken in already, or `at_s` itself."""
        for stall in reversed(self.stalls[: bisect.bisect_left(self._lowers, at_s)]):
            if at_s > stall.upper_s + STALL_S:
                break
            at_s = stall.lower_s
        return at_s

    def looked_from(self, until_s: float, length_s: float) -> float:
        """The moment from which it has looked for so long up to another moment, stalls left out."""
        for stall in reversed(self.stalls[: bisect.bisect_left(self._lowers, until_s)]):
            looked_s = max(until_s - stall.upper_s, 0.0)
            if looked_s >= length_s:
                break
            length_s, until_s = length_s - looked_s, stall.lower_s
        return until_s - length_s

    def spoilt(self, sample: Sample) -> bool:
        """May the recorder itself be why this request failed? It proves nothing about the service then."""
        if sample.outcome != TIMEOUT:
            return sample.outcome == UNSENT
        missed_s = sample.end_s - self.last_look(sample.end_s)
        missed = missed_s > MISSED * (sample.end_s - sample.start_s)
        return missed or any(span.lower_s < sample.end_s and span.upper_s > sample.start_s for span in self.busy)

    def believed(self, samples: Iterable[Sample]) -> list[Sample]:
        """The samples, those that it may have spoilt without an outcome."""
        return [replace(sample, outcome=PENDING) if self.spoilt(sample) else sample for sample in samples]


UNDISTURBED = Attention()


def sampler_attention(streams: Mapping[str, Sequence[Sample]]) -> Attention:
    """Of a sampler, from all the streams of its process, each sorted by start."""
    samples = [sample for some in streams.values() for sample in some]
    starts = sorted(sample.start_s for sample in samples)
    usual_s = min((period_s(some) for some in streams.values() if len(some) > 1), default=SLEPT_S)
    allowed_s = max(SLEPT_S, 2 * usual_s)
    holes = [Interval(early + usual_s, late) for early, late in pairwise(starts) if late - early > allowed_s]
    return Attention(union([*_late(samples), *holes]))


def load_attention(samples: Iterable[Sample], stalls: Iterable[Interval], busy: Iterable[Interval]) -> Attention:
    """Of the load generator, from its samples and from what it recorded of itself."""
    return Attention(union([*_late(samples), *stalls]), union(busy))


def _late(samples: Iterable[Sample]) -> Iterable[Interval]:
    return (Interval(s.intended_s, s.intended_s + s.late_s) for s in samples if s.late_s > STALL_S)
