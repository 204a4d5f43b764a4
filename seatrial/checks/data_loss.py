"""Data loss: every acknowledged write is there afterwards, or it is lost. RPO is judged from the oldest lost one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed
from seatrial.checks.windows import struck_s
from seatrial.ledger import ABSENT, ACKNOWLEDGED, FAILED, PHANTOM, PRESENT, UNKNOWN, UNREADABLE, WRONG, write_result

if TYPE_CHECKING:
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

NAME = "data loss"
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
    read: int  # acknowledged writes that were found as written


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
        tuple(sorted(lost, key=lambda sample: sample.end_s)),
        tuple(key for (_, key), state in states.items() if state == WRONG),
        tuple(key for (_, key), state in states.items() if state == PHANTOM),
        tuple(place[1] for place in acknowledged if states.get(place, UNREADABLE) == UNREADABLE),
        _first_is_lost(acknowledged, lost),
        sum(states.get(place) == PRESENT for place in acknowledged),
    )


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
    numbers = {"objective": limit(timeline, "rpo_s"), "unit": "s"}
    if nothing := _says_nothing(timeline, ledger):
        return [inconclusive(timeline, NAME, nothing, proof=_proof(ledger), **numbers)]
    broken = _broken(timeline, ledger)
    if broken:
        return [failed(timeline, NAME, broken, proof=_proof(ledger), **numbers, **_extent(timeline, ledger))]
    if doubt := _doubt(timeline, ledger):
        return [inconclusive(timeline, NAME, doubt, proof=_proof(ledger), **numbers)]
    extent = _extent(timeline, ledger)
    if ledger.lost:
        return [_within(timeline, ledger, {**numbers, **extent})]
    said = f"all {ledger.read} acknowledged writes were read back as written"
    return [passed(timeline, NAME, said, proof=_proof(ledger), **numbers, **extent)]


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


def _within(timeline: Timeline, ledger: Account, numbers: dict[str, Any]) -> Promise:
    """Writes were lost: is the loss within the RPO, and does the ledger reach back far enough to say so?"""
    said = f"{len(ledger.lost)} acknowledged writes lost, the oldest {numbers['measured']:.2f} s before the fault"
    said, proof = f"{said}: {_lost(ledger)}", _proof(ledger)
    if numbers["measured"] > numbers["objective"]:
        return failed(timeline, NAME, said, proof=proof, **numbers)
    if ledger.unbounded:
        said = f"{said}; so is the first write of the ledger: the loss may reach further back than it does"
        return inconclusive(timeline, NAME, said, proof=proof, **{**numbers, "upper": None})
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
    effect = timeline.first("effect")
    if struck_s(timeline) is None or effect is None:
        return f"{len(ledger.lost)} acknowledged writes lost, and nothing was broken: {_lost(ledger)}"
    late = [sample.key for sample in ledger.lost if sample.start_s > float(effect.data["seen_s"])]
    if late:
        return (
            f"{len(late)} writes that were sent after the fault had struck were acknowledged and lost: {_named(late)}"
        )
    return ""


def _extent(timeline: Timeline, ledger: Account) -> dict[str, float]:
    struck = struck_s(timeline)
    # A write lost between the blow and its effect counts by its distance too: no loss is 0 s long.
    seconds = max((abs(struck - sample.end_s) for sample in ledger.lost), default=0.0) if struck is not None else 0.0
    return {"measured": seconds, "lower": seconds, "upper": seconds}


def _lost(ledger: Account) -> str:
    return _named([sample.key for sample in ledger.lost])


def _named(keys: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def _proof(ledger: Account) -> tuple[str, ...]:
    counted = ", ".join(f"{count} {result}" for result, count in ledger.results.items())
    return (f"writes: {counted}", f"read back as written: {ledger.read}", f"lost: {_lost(ledger) or 'none'}")
