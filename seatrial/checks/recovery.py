"""Recovery: from the first client that failed to the moment from which every client succeeded and went on to.

The time is an interval, because clients sample: see `seatrial.outages` for what each sample proves. All clients count:
the probe, each endpoint of the load, each way of the ledger; the deployment has recovered when the last of them has.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial import outages as model
from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed, proven
from seatrial.checks.windows import observed_until_s, struck_s

if TYPE_CHECKING:
    from seatrial.outages import Outage
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "recovery time"
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
    lower, upper, proof = _measured(timeline)
    ended = math.isfinite(upper)
    numbers |= {"lower": lower, "upper": upper if ended else None, "measured": (lower + upper) / 2 if ended else None}
    if lower > objective:
        said = "recovered only" if ended else "not recovered"
        return [failed(timeline, NAME, f"{said} after more than {lower:.2f} s", proof=proof, **numbers)]
    doubt = _doubt(timeline, ended=ended, lower=lower, within=upper <= objective)
    if doubt:
        return [inconclusive(timeline, NAME, doubt, proof=proof, **numbers)]
    return [passed(timeline, NAME, proof[0], proof=proof, **numbers)]


def _measured(timeline: Timeline) -> tuple[float, float, tuple[str, ...]]:
    """Bounds of the recovery time in seconds, and what proves them."""
    found = outages_by_stream(timeline)
    if not found:
        longest = max((_longest_silence(timeline, stream) for stream in timeline.streams), default=0.0)
        return 0.0, longest, (f"no client saw a failure; the longest wait between two answers was {longest:.3f} s",)
    total = model.combine(found)
    return total.duration.lower_s, total.duration.upper_s, tuple(_sentence(*item) for item in found.items())


def _longest_silence(timeline: Timeline, stream: str) -> float:
    struck, until = struck_s(timeline) or 0.0, observed_until_s(timeline)
    ends = sorted(sample.end_s for sample in timeline.streams[stream] if sample.ok and struck <= sample.end_s <= until)
    return max((late - early for early, late in pairwise(ends)), default=0.0)


def _sentence(stream: str, outages: list[Outage]) -> str:
    failures = sum(outage.failed for outage in outages)
    total = model.combine({stream: outages}).duration
    upper = f"{total.upper_s:.3f}" if math.isfinite(total.upper_s) else "no end seen"
    flaps = sum(outage.flaps for outage in outages) + len(outages) - 1
    flapped = f", came back and failed again {flaps} times" if flaps else ""
    return f"{stream}: down for [{total.lower_s:.3f}, {upper}] s, {failures} requests failed{flapped}"


def _doubt(timeline: Timeline, *, ended: bool, lower: float, within: bool) -> str | None:
    """Why the recovery time cannot be certified, or None."""
    steady = timeline.first("steady")
    gap = _sampling_gap(timeline)
    doubts = {
        "the fault was not seen to have worked, so there was nothing to recover from": not proven(timeline),
        "the target was not up before the fault": steady is None or not steady.data["met"],
        "Seatrial itself started what it had killed: nothing was seen to recover by itself": _helped(timeline),
        f"not recovered within the {lower:.1f} s that the scenario watched; the objective allows more": not ended,
        gap or "": gap is not None,
        "the run ended before every client was served again": not _seen_to_recover(timeline),
        "the objective lies inside the measured interval: too close to call": not within,
    }
    return next((doubt for doubt, holds in doubts.items() if holds), None)


def _seen_to_recover(timeline: Timeline) -> bool:
    """Were all clients seen to be served after the last blow? A wait that ended before it says nothing of it."""
    last_blow = max((float(event.data["struck_s"]) for event in timeline.all("effect")), default=0.0)
    return any(event.at_s > last_blow for event in timeline.all("recovered"))


def _helped(timeline: Timeline) -> bool:
    """Was a killed component healed before the clients were served? Then its restart policy was never seen at work."""
    healing, recovered = timeline.time_of("healing"), timeline.time_of("recovered")
    killed = any(event.data["fault"] in UNAIDED for event in timeline.all("effect"))
    return killed and healing is not None and (recovered is None or healing < recovered)


def _sampling_gap(timeline: Timeline) -> str | None:
    rate_hz = float(timeline.run["settings"]["client"]["rate_hz"])
    struck, until = struck_s(timeline) or 0.0, observed_until_s(timeline)
    for stream in ("probe/new", "probe/kept"):
        samples = [s for s in timeline.streams.get(stream, []) if struck - 1 <= s.intended_s <= until]
        gaps = model.sampling_gaps(samples, rate_hz, until)
        if not samples:
            return f"the probe recorded nothing as {stream}"
        if gaps:
            longest = max(gap.upper_s - gap.lower_s for gap in gaps)
            return f"the probe itself ({stream}) paused for {longest:.2f} s, so an outage may be longer than it saw"
    return None
