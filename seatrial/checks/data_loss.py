"""Data loss: every acknowledged write is there afterwards, or it is lost. RPO is judged from the oldest lost one.

A lost write counts by its distance from the blow that it came before. Where nothing was acknowledged right before that
(or right before the oldest lost write), nobody knows what of those moments would have been kept: the loss may reach
back to the last write that was, and its bounds say so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.checks.disasters import disasters, struck
from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed
from seatrial.ledger import ABSENT, ACKNOWLEDGED, FAILED, PHANTOM, PRESENT, UNKNOWN, UNREADABLE, WRONG, write_result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seatrial.checks.disasters import Disaster
    from seatrial.samples import Sample
    from seatrial.timeline import Event, Timeline
    from seatrial.verdict import Promise

NAME = "data loss"
LEAST_QUIET_S = 0.5  # a ledger that acknowledged nothing for less was steady
SHOWN = 5  # ids named in a reason; all of them stand in the report


@dataclass(frozen=True)
class Account:
    """The ledger of a run: writes by result, and what was found when they were read back."""

    results: dict[str, int]  # acknowledged, failed, unknown
    lost: tuple[Sample, ...]  # acknowledged and absent, the oldest acknowledgement first
    wrong: tuple[str, ...]  # keys that hold another value than was written
    phantom: tuple[str, ...]  # keys that nobody wrote
    unreadable: tuple[str, ...]  # acknowledged keys that could not be read back
    unbounded: bool  # the first acknowledged write of a stream is lost: nothing shows where the loss ends
    kept: tuple[Sample, ...]  # acknowledged and found as written, the oldest acknowledgement first

    @property
    def read(self) -> int:
        """How many acknowledged writes were found as written."""
        return len(self.kept)


@dataclass(frozen=True)
class Quiet:
    """A span before a blow, or before the oldest lost write, in which the ledger acknowledged nothing that was kept."""

    stream: str
    length_s: float
    reach_s: float  # from the last write that was kept to the blow: so far back the loss may reach; may be infinite

    def said(self) -> str:
        """In a sentence."""
        long = f"for {self.length_s:.2f} s" if math.isfinite(self.length_s) else "ever"
        return f"{self.stream} acknowledged nothing that was kept {long} before the fault, so a loss then was not seen"


def account(timeline: Timeline) -> Account:
    """The account of a finished run."""
    writes = {
        (sample.stream, sample.key): sample
        for stream, samples in timeline.streams.items()
        if stream.startswith("ledger/")
        for sample in samples
    }
    results = dict.fromkeys((ACKNOWLEDGED, FAILED, UNKNOWN), 0)
    for sample in writes.values():
        results[write_result(sample)] += 1
    states = {(item.stream, item.key): item.state for item in timeline.read_back}
    acknowledged = {place: sample for place, sample in writes.items() if write_result(sample) == ACKNOWLEDGED}
    lost = [sample for place, sample in acknowledged.items() if states.get(place) == ABSENT]
    return Account(
        results,
        _by_end(lost),
        tuple(key for (_, key), state in states.items() if state == WRONG),
        tuple(key for (_, key), state in states.items() if state == PHANTOM),
        tuple(place[1] for place in acknowledged if states.get(place, UNREADABLE) == UNREADABLE),
        _first_is_lost(acknowledged, lost),
        _by_end(sample for place, sample in acknowledged.items() if states.get(place) == PRESENT),
    )


def _by_end(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.end_s))


def _first_is_lost(acknowledged: dict[tuple[str, str], Sample], lost: list[Sample]) -> bool:
    first: dict[str, Sample] = {}
    for (stream, _), sample in sorted(acknowledged.items(), key=lambda item: item[1].end_s):
        first.setdefault(stream, sample)
    return any(sample in lost for sample in first.values())


def data_loss(timeline: Timeline) -> list[Promise]:
    """One promise: the seconds of acknowledged writes that were lost, against the RPO."""
    if not timeline.run.get("ledger"):
        return _without_ledger(timeline)
    ledger = account(timeline)
    numbers: dict[str, Any] = {"objective": limit(timeline, "rpo_s"), "unit": "s"}
    if nothing := _says_nothing(timeline, ledger):
        return [inconclusive(timeline, NAME, nothing, proof=_proof(ledger), **numbers)]
    quiet = _longest_quiet(timeline, ledger)
    numbers |= _extent(timeline, ledger, quiet)
    if broken := _broken(timeline, ledger):
        return [failed(timeline, NAME, broken, proof=_proof(ledger), **numbers)]
    doubt = _doubt(timeline, ledger)
    if doubt and numbers["measured"] <= numbers["objective"]:  # what is lost for sure stays lost
        lower = {"lower": numbers["lower"]} if ledger.lost else {}
        only = {"objective": numbers["objective"], "unit": "s", **lower}
        return [inconclusive(timeline, NAME, doubt, proof=_proof(ledger), **only)]
    return [_within(timeline, ledger, quiet, numbers)]


def _says_nothing(timeline: Timeline, ledger: Account) -> str:
    """Why the account shows neither what was kept nor what was lost, or an empty string."""
    if not ledger.results[ACKNOWLEDGED]:
        return "no write was acknowledged: there is nothing to lose"
    steady = timeline.first("steady")  # which includes that a few writes were read back
    if not ledger.read and not (steady and steady.data["met"]):
        return "no write could be read back, even before the fault: is [ledger] read of seatrial.toml right?"
    return ""


def _doubt(timeline: Timeline, ledger: Account) -> str:
    """Why the account does not show what became of every write, or an empty string."""
    begun, recorded = timeline.first("readback-begin"), sum(ledger.results.values())
    if begun and begun.data["writes"] > recorded:
        return f"{begun.data['writes']} writes were read back, and only {recorded} are recorded"
    if ledger.unreadable:
        return f"{len(ledger.unreadable)} acknowledged writes could not be read back: {_named(ledger.unreadable)}"
    return ""


def _within(timeline: Timeline, ledger: Account, quiet: Quiet | None, numbers: dict[str, Any]) -> Promise:
    """Is what was lost within the RPO, and does the ledger show enough to say so?"""
    said = f"all {ledger.read} acknowledged writes were read back as written"
    if ledger.lost:
        said = f"{len(ledger.lost)} acknowledged writes lost, the oldest {numbers['measured']:.2f} s before the fault"
        said = f"{said}: {_lost(ledger)}"
    proof = (*_proof(ledger), *([quiet.said()] if quiet else []))
    if numbers["measured"] > numbers["objective"]:
        return failed(timeline, NAME, said, proof=proof, **numbers)
    if ledger.unbounded:
        said = f"{said}; so is the first write of the ledger: the loss may reach further back than it does"
        return inconclusive(timeline, NAME, said, proof=proof, **{**numbers, "upper": None})
    if quiet and quiet.reach_s > numbers["objective"]:
        return inconclusive(timeline, NAME, f"{said}; but {quiet.said()}", proof=proof, **numbers)
    return passed(timeline, NAME, said, proof=proof, **numbers)


def _without_ledger(timeline: Timeline) -> list[Promise]:
    nothing_to_lose = (timeline.run["settings"].get("ledger") or {}).get("nothing_to_lose")
    if not faulty(timeline) or nothing_to_lose:
        return []
    said = "seatrial.toml has no [ledger]: nothing was written that could be lost (or say nothing_to_lose = true there)"
    return [inconclusive(timeline, NAME, said)]


def _broken(timeline: Timeline, ledger: Account) -> str:
    """What no RPO excuses: values that nobody wrote, and losses that the fault does not explain."""
    if ledger.wrong:
        return f"{len(ledger.wrong)} entries hold a value that was not written: {_named(ledger.wrong)}"
    if ledger.phantom:
        return f"{len(ledger.phantom)} entries are there that nobody wrote: {_named(ledger.phantom)}"
    if not ledger.lost:
        return ""
    if not timeline.first("effect"):
        return f"{len(ledger.lost)} acknowledged writes lost, and nothing was broken: {_lost(ledger)}"
    late = [sample.key for sample in ledger.lost if blow_after(timeline, sample) is None]
    if late:
        return (
            f"{len(late)} writes that were sent after the fault had struck were acknowledged and lost: {_named(late)}"
        )
    return ""


def blow_after(timeline: Timeline, write: Sample) -> Event | None:
    """The first blow that may have cost a write: one that was sent after a blow was seen to work was not hit by it."""
    return next((blow for blow in timeline.all("effect") if write.start_s <= float(blow.data["seen_s"])), None)


def _extent(timeline: Timeline, ledger: Account, quiet: Quiet | None) -> dict[str, float | None]:
    blows = ((sample, blow_after(timeline, sample)) for sample in ledger.lost)
    # A write lost between the blow and its effect counts by its distance too: no loss is 0 s long.
    seconds = max((abs(struck(blow) - sample.end_s) for sample, blow in blows if blow), default=0.0)
    upper = max(seconds, quiet.reach_s) if quiet else seconds
    return {"measured": seconds, "lower": seconds, "upper": upper if math.isfinite(upper) else None}


def _longest_quiet(timeline: Timeline, ledger: Account) -> Quiet | None:
    """That from which a loss may reach back furthest, or None if the ledger was steady before each blow."""
    found = [quiet for disaster in disasters(timeline) for quiet in _quiets(timeline, ledger, disaster)]
    return max(found, key=lambda quiet: quiet.reach_s, default=None)


def _quiets(timeline: Timeline, ledger: Account, disaster: Disaster) -> Iterator[Quiet]:
    for stream in timeline.streams:
        if not stream.startswith("ledger/"):
            continue
        hit = (s.end_s for s in ledger.lost if s.stream == stream and blow_after(timeline, s) in disaster.blows)
        from_s = min([disaster.struck_s, *hit])
        last_s = max((s.end_s for s in ledger.kept if s.stream == stream and s.end_s <= from_s), default=-math.inf)
        if from_s - last_s > LEAST_QUIET_S:
            yield Quiet(stream, from_s - last_s, disaster.struck_s - last_s)


def _lost(ledger: Account) -> str:
    return _named([sample.key for sample in ledger.lost])


def _named(keys: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def _proof(ledger: Account) -> tuple[str, ...]:
    counted = ", ".join(f"{count} {result}" for result, count in ledger.results.items())
    return (f"writes: {counted}", f"read back as written: {ledger.read}", f"lost: {_lost(ledger) or 'none'}")
