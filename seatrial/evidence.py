"""What the samples of one stream prove about when the service was down, and when it was up; see `seatrial.outages`."""

from __future__ import annotations

import bisect
import math
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from seatrial.attention import UNDISTURBED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seatrial.attention import Attention
    from seatrial.samples import Sample

STABLE_COUNT = 5  # answers in a row, and
STABLE_SPAN_S = 0.25  # the least time that they span, show that an outage is over
NEVER = math.inf


class Proof(NamedTuple):
    """It was down at some moment from `after_s` to `by_s`."""

    after_s: float
    by_s: float
    failures: int  # 1 for a failed request, 0 for a silence


class Answers:
    """The successes of one stream, ready to be asked."""

    def __init__(self, answers: Sequence[Sample], prompt_s: float, attention: Attention = UNDISTURBED) -> None:
        by_end = sorted(answers, key=lambda sample: sample.end_s)
        self.ends = [sample.end_s for sample in by_end]
        self._latest_start = list(accumulate((sample.start_s for sample in by_end), max))
        # A late answer was not given when it was asked for, but shortly before it came.
        came = ((sample, attention.last_look(sample.end_s)) for sample in by_end)
        given = sorted((max(sample.start_s, came_s - prompt_s), sample.end_s) for sample, came_s in came)
        self._given_after = [after_s for after_s, _ in given]
        self._earliest_end = list(accumulate((end_s for _, end_s in reversed(given)), min))[::-1]

    def last_start(self, answered_by_s: float) -> float:
        """The latest start of a request that was answered by this moment."""
        count = bisect.bisect_right(self.ends, answered_by_s)
        return self._latest_start[count - 1] if count else -NEVER

    def first_end(self, given_after_s: float) -> float:
        """When the first answer came that was surely given after this moment."""
        number = bisect.bisect_left(self._given_after, given_after_s)
        return self._earliest_end[number] if number < len(self._earliest_end) else NEVER

    def stable(self, from_s: float, until_s: float) -> bool:
        """Did a stable run of answers come between two moments?"""
        first = bisect.bisect_left(self.ends, from_s)
        until = bisect.bisect_right(self.ends, until_s, lo=first)
        return until - first >= STABLE_COUNT and self.ends[until - 1] - self.ends[first] >= STABLE_SPAN_S


def silences(
    samples: Sequence[Sample], answers: Answers, prompt_s: float, hang_s: float, attention: Attention = UNDISTURBED
) -> Iterator[Proof]:
    """Two proofs for each silence: soon after the first request that waited in it, and shortly before its end.

    A silence is as long as its recorder looked: while that stalls, nobody knows whether answers come.
    """
    starts = [sample.start_s for sample in samples]
    until_s = max([*starts[-1:], *answers.ends[-1:]], default=0.0)
    for early, late in pairwise([-NEVER, *answers.ends, until_s]):
        if early >= late - hang_s or early >= (asked_by_s := attention.looked_from(late, hang_s)):
            continue
        asked = range(bisect.bisect_right(starts, answers.last_start(early)), bisect.bisect_right(starts, asked_by_s))
        ends = ((starts[number], min(samples[number].end_s, late)) for number in asked)
        waited = [(start, end) for start, end in ends if start <= attention.looked_from(end, hang_s)]
        if waited:
            first, silent_s = waited[0][0], attention.last_look(max(end for _, end in waited)) - prompt_s
            yield Proof(first, max(first + prompt_s, early), 0)
            yield Proof(silent_s, silent_s, 0)


def unbroken(proofs: Iterable[Proof], answers: Answers) -> Iterator[list[Proof]]:
    """Proofs in order, parted where an answer was surely given between two of them."""
    group: list[Proof] = []
    by_s = NEVER
    for proof in proofs:
        if group and answers.first_end(by_s) <= proof.after_s:
            yield group
            group, by_s = [], NEVER
        group.append(proof)
        by_s = min(by_s, proof.by_s)
    if group:
        yield group
