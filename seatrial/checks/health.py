"""Does the health endpoint tell the truth? Green while work fails hides an outage; red while it is done makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks.promise import failed, faulty, inconclusive, passed
from seatrial.checks.recovery import outages_by_stream
from seatrial.checks.windows import observed_until_s, recovered_s

if TYPE_CHECKING:
    from seatrial.outages import Outage
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "health tells the truth"
TOLERANCE_S = 1.0  # beside a client's timeout: a check that runs once a second cannot be faster

Span = tuple[float, float]


def health(timeline: Timeline) -> list[Promise]:
    """FAIL if health and work contradict each other for longer than a check may take; nothing without a fault."""
    if not faulty(timeline):
        return []
    if recovered_s(timeline) is None and not timeline.first("gave-up"):
        return [inconclusive(timeline, NAME, "the run ended before health and work could be compared")]
    found = outages_by_stream(timeline)
    until = observed_until_s(timeline)
    red = _spans([o for stream, outages in found.items() if stream.startswith("probe/") for o in outages], until)
    work = {
        stream: outages for stream, outages in found.items() if stream.startswith("load/") or stream == "ledger/api"
    }
    broken = _spans([outage for outages in work.values() for outage in outages], until)
    green, needless = _longest(_minus(broken, red)), _longest(_minus(red, broken))
    tolerance = float(timeline.run["settings"]["client"]["timeout_s"]) + TOLERANCE_S
    numbers = {"objective": tolerance, "measured": max(green, needless), "unit": "s"}
    if green > tolerance:
        said = f"the health endpoint was green for {green:.1f} s while work failed ({', '.join(work)})"
        return [failed(timeline, NAME, said, **numbers)]
    if needless > tolerance:
        return [
            failed(
                timeline, NAME, f"the health endpoint was red for {needless:.1f} s while all work was done", **numbers
            )
        ]
    return [
        passed(timeline, NAME, "health and work never contradicted each other for longer than a check takes", **numbers)
    ]


def _spans(outages: list[Outage], until: float) -> list[Span]:
    """What the outages surely cover, merged and in order."""
    merged: list[Span] = []
    for start, end in sorted((o.onset.upper_s, min(o.end.lower_s, until)) for o in outages):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif end > start:
            merged.append((start, end))
    return merged


def _minus(spans: list[Span], others: list[Span]) -> list[Span]:
    for start, end in others:
        spans = [piece for span in spans for piece in _cut(span, start, end)]
    return spans


def _cut(span: Span, start: float, end: float) -> list[Span]:
    pieces = [(span[0], min(span[1], start)), (max(span[0], end), span[1])]
    return [piece for piece in pieces if piece[1] > piece[0]]


def _longest(spans: list[Span]) -> float:
    return max((end - start for start, end in spans), default=0.0)
