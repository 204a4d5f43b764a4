"""Recovery: from the first client that failed to the moment from which every client succeeded and went on to.

The time is an interval, because clients sample: see `seatrial.outages` for what each sample proves. All clients count:
the probe, each endpoint of the load, each way of the ledger; the deployment has recovered when the last of them has.
Each disaster of a run is judged by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial import outages as model
from seatrial.checks.disasters import disasters
from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed

if TYPE_CHECKING:
    from seatrial.checks.clients import Unseen
    from seatrial.checks.disasters import Disaster
    from seatrial.outages import Combined, Outage
    from seatrial.spans import Interval
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "recovery time"


def recovery(timeline: Timeline) -> list[Promise]:
    """A promise for each disaster: that the clients were served again within the RTO."""
    if not faulty(timeline):
        return []
    found = disasters(timeline)
    if not found:
        said, objective = "nothing was broken, so nothing recovered", limit(timeline, "rto_s")
        return [inconclusive(timeline, NAME, said, objective=objective, unit="s")]
    return [_judge(timeline, disaster) for disaster in found]


def _judge(timeline: Timeline, disaster: Disaster) -> Promise:
    """FAIL if the recovery surely took longer than the RTO, PASS if it surely did not and the fault was real."""
    objective, name = limit(timeline, "rto_s"), NAME + disaster.label
    seen = _measured(disaster)
    lower, upper = seen.lower_s, seen.upper_s
    ended = math.isfinite(upper)
    numbers = {
        "objective": objective, "unit": "s",
        "lower": lower, "upper": upper if ended else None, "measured": (lower + upper) / 2 if ended else None,
    }  # fmt: skip
    if lower > objective:
        said = "recovered only" if ended else "not recovered"
        return failed(timeline, name, f"{said} after more than {lower:.2f} s", proof=seen.proof, **numbers)
    doubt = _doubt(timeline, disaster, seen, objective)
    if doubt:
        return inconclusive(timeline, name, doubt, proof=seen.proof, **numbers)
    return passed(timeline, name, seen.proof[0], proof=seen.proof, **numbers)


@dataclass(frozen=True)
class Measured:
    """Bounds of the recovery time in seconds, and what proves them."""

    lower_s: float
    upper_s: float  # infinite if no end was seen
    proof: tuple[str, ...]


def _measured(disaster: Disaster) -> Measured:
    """What was seen, and then widened by what was not: it may hide the start of an outage or the end of it."""
    found, unseen = disaster.outages, disaster.unseen
    blind = _stopped(disaster) is not None
    said = tuple(f"{gap.said()}: the upper bound reaches over it" for gap in unseen)
    if not found:
        longest = max([_longest_silence(disaster), *(gap.span.length_s for gap in unseen)])
        proof = (f"no client saw a failure; the longest wait between two answers was {longest:.3f} s", *said)
        return Measured(0.0, math.inf if blind else longest, proof)
    total = model.combine(found)
    upper = math.inf if blind else max([total.end.upper_s, *(gap.span.upper_s for gap in unseen)])
    first = min([total.onset.lower_s, *(gap.span.lower_s for gap in unseen)])
    proof = (_combined(total), *(_sentence(*item) for item in found.items()), *said)
    return Measured(total.duration.lower_s, upper - first, proof)


def _stopped(disaster: Disaster) -> Unseen | None:
    """What was not seen up to the end: whoever did not look then never looked again."""
    return next((gap for gap in disaster.unseen if gap.span.upper_s >= disaster.until_s), None)


def _combined(total: Combined) -> str:
    return (
        f"all clients together, from the first that failed to the last that was served again: "
        f"down for {_bounds(total.duration)} s"
    )


def _longest_silence(disaster: Disaster) -> float:
    """The longest wait between two answers of one stream."""
    struck, until = disaster.struck_s, disaster.until_s
    streams = disaster.clients.timeline.streams.values()
    ends = (sorted(s.end_s for s in samples if s.ok and struck <= s.end_s <= until) for samples in streams)
    return max((late - early for some in ends for early, late in pairwise(some)), default=0.0)


def _sentence(stream: str, outages: list[Outage]) -> str:
    failures = sum(outage.failed for outage in outages)
    flaps = sum(outage.flaps for outage in outages) + len(outages) - 1
    flapped = f", came back and failed again {flaps} {'time' if flaps == 1 else 'times'}" if flaps else ""
    requests = "request" if failures == 1 else "requests"
    down = _bounds(model.combine({stream: outages}).duration)
    return f"{stream}: down for {down} s, {failures} {requests} failed{flapped}"


def _bounds(span: Interval) -> str:
    return f"[{span.lower_s:.3f}, {f'{span.upper_s:.3f}' if math.isfinite(span.upper_s) else 'no end seen'}]"


def _doubt(timeline: Timeline, disaster: Disaster, seen: Measured, objective: float) -> str | None:
    """Why the recovery time cannot be certified, or None."""
    steady, stopped = timeline.first("steady"), _stopped(disaster)
    longest = max(disaster.unseen, key=lambda gap: gap.span.length_s, default=None)
    hidden = f"{longest.said()}: an outage may be longer than it saw" if longest else ""
    ended, within = math.isfinite(seen.upper_s), seen.upper_s <= objective
    proven = disaster.proven and not timeline.first("injection-failed")
    doubts = {
        "the fault was not seen to have worked, so there was nothing to recover from": not proven,
        "the target was not up before the fault": steady is None or not steady.data["met"],
        "Seatrial itself started what it had killed: nothing was seen to recover by itself": disaster.helped,
        f"{stopped.said() if stopped else ''}, and never looked again": stopped is not None,
        f"not recovered within the {seen.lower_s:.1f} s that the scenario watched; the objective allows more": (
            not ended
        ),
        "the run ended before every client was served again": disaster.recovered_s is None,
        hidden: bool(hidden) and not within,
        "the objective lies inside the measured interval: too close to call": not within,
    }
    return next((doubt for doubt, holds in doubts.items() if holds), None)
