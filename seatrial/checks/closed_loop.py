"""What a closed loop did not send while its users waited: coordinated omission, and its correction.

In a closed loop (a user's own locustfile) each user waits for an answer before it asks again. Ten users that a freeze
holds for ten seconds are ten slow requests, where a hundred would have come due: the slower the deployment, the less
is asked of it. HdrHistogram's correction (`recordValueWithExpectedInterval`) adds what is missing: a request that took
L, where a user usually asks every P, stands also for those of L - P, L - 2P and so on down to P, which were due
meanwhile and not sent. P is learnt from the undisturbed load: its users, divided by its requests per second. Of these
only the bad ones are counted in: good answers that nobody asked for would thin out the bad ones that were given.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, replace
from itertools import count, takewhile
from typing import TYPE_CHECKING

from seatrial.load.health import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seatrial.checks.windows import Window
    from seatrial.load.health import HealthSample
    from seatrial.samples import Sample


@dataclass(frozen=True)
class Pace:
    """How an undisturbed closed loop asks: so many users, each every `period_s` seconds."""

    users: int
    period_s: float

    def said(self, added: int) -> str:
        """In a sentence, with how many bad requests were added for it."""
        return (
            f"a closed loop of {self.users} users, each of whom usually asks every {self.period_s:.3f} s: counted in"
            f" are {added} bad requests that were due while users waited, and not sent, after HdrHistogram"
        )

    def missing(self, sample: Sample) -> Iterator[Sample]:
        """The requests that its user would have sent while it waited for this one, with the same end."""
        due = (sample.start_s + number * self.period_s for number in count(1))
        for due_s in takewhile(lambda due_s: sample.end_s - due_s >= self.period_s, due):
            yield replace(sample, intended_s=due_s, start_s=due_s)


def is_closed(health: Sequence[HealthSample]) -> bool:
    """Was it a closed loop that the generator ran?"""
    return any(row.loop == CLOSED for row in health)


def pace(samples: Iterable[Sample], health: Sequence[HealthSample], undisturbed: Window) -> Pace | None:
    """The pace of the load in an undisturbed window; None if it asked nothing there, or its users are not known."""
    seconds = Counter(int(s.start_s - undisturbed.start_s) for s in undisturbed.of(list(samples)))
    users = max((row.in_flight for row in health if row.at_s >= undisturbed.start_s), default=0)
    whole = int(undisturbed.length_s)
    if not seconds or not users or not whole:
        return None
    # The usual second: one in which users waited makes the pace no slower.
    rate_hz = max(statistics.median(seconds[second] for second in range(whole)), seconds.total() / undisturbed.length_s)
    return Pace(users, users / rate_hz)
