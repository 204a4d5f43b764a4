"""Recovery: from the first client that failed to the moment from which every client succeeded and went on to.

The time is an interval, because clients sample: see `seatrial.outages` for what each sample proves. All clients count:
the probe, each endpoint of the load, each way of the ledger; the deployment has recovered when the last of them has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial import outages as model
from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed, proven
from seatrial.checks.windows import observed_until_s, recovered_s, struck_s
from seatrial.spans import Interval

if TYPE_CHECKING:
    from seatrial.outages import Combined, Outage
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "recovery time"
PROBE_STREAMS = ("probe/new", "probe/kept")
UNAIDED = ("Kill",)  # faults that the deployment has to survive without anybody's help


def outages_by_stream(timeline: Timeline) -> dict[str, list[Outage]]:
    """The outages of each stream from the first blow on, as far as the run was observed undisturbed."""
    struck, until = struck_s(timeline), observed_until_s(timeline)
    if struck is None:
        return {}
    found = {
        stream: _outages(samples, struck, until) for stream, samples in timeline.streams.items() if samples
    }  # a stream whose clients saw no failure has none
    return {stream: outages for stream, outages in found.items() if outages}


def _outages(samples: list[Sample], struck: float, until: float) -> list[Outage]:
    before = [sample for sample in samples if sample.end_s < struck]
    seen = model.cut(samples, until)
    noisy = any(not sample.ok for sample in before)
    found = [outage for outage in model.outages(seen, model.baseline(before)) if outage.end.upper_s >= struck]
    # Where single requests fail anyway, a single failure is the error rate's affair; an outage is more than one.
    return [outage for outage in found if outage.failed != 1 or not noisy]


def recovery(timeline: Timeline) -> list[Promise]:
    """FAIL if the recovery surely took longer than the RTO, PASS if it surely did not and the fault was real."""
    if not faulty(timeline):
        return []
    objective = limit(timeline, "rto_s")
    numbers = {"objective": objective, "unit": "s"}
    if struck_s(timeline) is None:
        return [inconclusive(timeline, NAME, "nothing was broken, so nothing recovered", **numbers)]
    seen = _measured(timeline)
    lower, upper = seen.lower_s, seen.upper_s
    ended = math.isfinite(upper)
    numbers |= {"lower": lower, "upper": upper if ended else None, "measured": (lower + upper) / 2 if ended else None}
    if lower > objective:
        said = "recovered only" if ended else "not recovered"
        return [failed(timeline, NAME, f"{said} after more than {lower:.2f} s", proof=seen.proof, **numbers)]
    doubt = _doubt(timeline, seen, objective)
    if doubt:
        return [inconclusive(timeline, NAME, doubt, proof=seen.proof, **numbers)]
    return [passed(timeline, NAME, seen.proof[0], proof=seen.proof, **numbers)]


@dataclass(frozen=True)
class Measured:
    """Bounds of the recovery time in seconds, and what proves them."""

    lower_s: float
    upper_s: float  # infinite if no end was seen
    proof: tuple[str, ...]
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Unseen:
    """A span in which the probe itself did not look: an outage inside it would not have been seen."""

    stream: str
    span: Interval

    def said(self) -> str:
        """In a sentence."""
        return f"the probe itself ({self.stream}) paused for {self.span.upper_s - self.span.lower_s:.2f} s"


def _measured(timeline: Timeline) -> Measured:
    """What was seen, and then widened by what was not: a pause of the probe may hide the start or the end of it."""
    found, until = outages_by_stream(timeline), observed_until_s(timeline)
    pauses = _pauses(timeline)
    blind = any(pause.span.upper_s >= until for pause in pauses)  # it never looked again
    said = tuple(f"{pause.said()}: the upper bound reaches over it" for pause in pauses)
    if not found:
        silences = [_longest_silence(timeline, stream) for stream in timeline.streams]
        longest = max([*silences, *(pause.span.upper_s - pause.span.lower_s for pause in pauses)], default=0.0)
        proof = (f"no client saw a failure; the longest wait between two answers was {longest:.3f} s", *said)
        return Measured(0.0, math.inf if blind else longest, proof, pauses)
    total = model.combine(found)
    upper = math.inf if blind else max([total.end.upper_s, *(pause.span.upper_s for pause in pauses)])
    first = min([total.onset.lower_s, *(pause.span.lower_s for pause in pauses)])
    proof = (_combined(total), *(_sentence(*item) for item in found.items()), *said)
    return Measured(total.duration.lower_s, upper - first, proof, pauses)


def _combined(total: Combined) -> str:
    return (
        f"all clients together, from the first that failed to the last that was served again: "
        f"down for {_bounds(total.duration)} s"
    )


def _pauses(timeline: Timeline) -> tuple[Unseen, ...]:
    rate_hz = float(timeline.run["settings"]["client"]["rate_hz"])
    struck, until = struck_s(timeline) or 0.0, observed_until_s(timeline)
    found = []
    for stream in PROBE_STREAMS:
        samples = [s for s in timeline.streams.get(stream, []) if struck - 1 <= s.intended_s <= until]
        gaps = model.sampling_gaps(samples, rate_hz, until) if samples else [Interval(struck, until)]
        found += [Unseen(stream, Interval(max(g.lower_s, struck), g.upper_s)) for g in gaps if g.upper_s > struck]
    return tuple(found)


def _longest_silence(timeline: Timeline, stream: str) -> float:
    struck, until = struck_s(timeline) or 0.0, observed_until_s(timeline)
    ends = sorted(sample.end_s for sample in timeline.streams[stream] if sample.ok and struck <= sample.end_s <= until)
    return max((late - early for early, late in pairwise(ends)), default=0.0)


def _sentence(stream: str, outages: list[Outage]) -> str:
    failures = sum(outage.failed for outage in outages)
    flaps = sum(outage.flaps for outage in outages) + len(outages) - 1
    flapped = f", came back and failed again {flaps} {'time' if flaps == 1 else 'times'}" if flaps else ""
    requests = "request" if failures == 1 else "requests"
    down = _bounds(model.combine({stream: outages}).duration)
    return f"{stream}: down for {down} s, {failures} {requests} failed{flapped}"


def _bounds(span: Interval) -> str:
    return f"[{span.lower_s:.3f}, {f'{span.upper_s:.3f}' if math.isfinite(span.upper_s) else 'no end seen'}]"


def _doubt(timeline: Timeline, seen: Measured, objective: float) -> str | None:
    """Why the recovery time cannot be certified, or None."""
    steady, until = timeline.first("steady"), observed_until_s(timeline)
    stopped = next((pause for pause in seen.unseen if pause.span.upper_s >= until), None)
    longest = max(seen.unseen, key=lambda pause: pause.span.upper_s - pause.span.lower_s, default=None)
    hidden = f"{longest.said()}: an outage may be longer than it saw" if longest else ""
    ended, within = math.isfinite(seen.upper_s), seen.upper_s <= objective
    doubts = {
        "the fault was not seen to have worked, so there was nothing to recover from": not proven(timeline),
        "the target was not up before the fault": steady is None or not steady.data["met"],
        "Seatrial itself started what it had killed: nothing was seen to recover by itself": _helped(timeline),
        f"{stopped.said() if stopped else ''}, and never looked again": stopped is not None,
        f"not recovered within the {seen.lower_s:.1f} s that the scenario watched; the objective allows more": (
            not ended
        ),
        "the run ended before every client was served again": recovered_s(timeline) is None,
        hidden: bool(hidden) and not within,
        "the objective lies inside the measured interval: too close to call": not within,
    }
    return next((doubt for doubt, holds in doubts.items() if holds), None)


def _helped(timeline: Timeline) -> bool:
    """Was a killed component healed before the clients were served? Then its restart policy was never seen at work."""
    healing, recovered = timeline.time_of("healing"), recovered_s(timeline)
    killed = any(event.data["fault"] in UNAIDED for event in timeline.all("effect"))
    return killed and healing is not None and (recovered is None or healing < recovered)
