"""What a run's lanes hold: its windows, the blow and its proof, each client's outages, healing, recovery, the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seatrial import outages as model
from seatrial.checks.clients import clients_of
from seatrial.checks.data_loss import account
from seatrial.checks.disasters import ENDS, disasters, outages_by_stream
from seatrial.checks.windows import kind_of, struck_s
from seatrial.ledger import ACKNOWLEDGED
from seatrial.report import units
from seatrial.report.axis import shown_windows
from seatrial.report.lanes import Lane, Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seatrial.outages import Outage
    from seatrial.report.axis import Axis
    from seatrial.report.plot import Shade
    from seatrial.samples import Sample
    from seatrial.timeline import Event, Timeline

    Outages = Mapping[str, Sequence[Outage]]

EDGE_S = 0.125
SEPARATE = 6  # endpoints of the load that get a lane each; more share one
_MOMENTS = {
    "recovered": ("good", "believed, after a watch: all clients are served"),
    "gave-up": ("bad", "patience is over: still not served"),
    "interrupted": ("bad", "the run was interrupted"),
    "crashed": ("bad", "the runner failed"),
}


def story(timeline: Timeline, axis: Axis, found: Outages) -> list[Lane]:
    """All lanes of a run, without those that have nothing to tell. `found` are its `client_outages`."""
    rows = [_windows(timeline, axis), _fault(timeline, axis), _effect(timeline, axis)]
    rows += [
        _client(stream, samples, found.get(stream, []), axis) for stream, samples in _streams(timeline, found).items()
    ]
    rows += [_slow(timeline, found), _healed(timeline), _recovered(timeline), _data(timeline, axis)]
    return [lane for lane in rows if lane.marks or lane.name.split("/")[0] in ("probe", "load", "ledger")]


def shades(timeline: Timeline, axis: Axis) -> list[Shade]:
    """The time in which the fault acted, and in which the deployment settled."""
    kinds = {"during": "shade-fault", "settling": "shade-settling", "after the blow": "shade-fault"}
    found = shown_windows(timeline, axis)
    shaded = ((window, kinds.get(name) or kinds.get(kind_of(name))) for name, window in found.items())
    return [(window.start_s, window.end_s, kind) for window, kind in shaded if kind]


def client_outages(timeline: Timeline) -> dict[str, list[Outage]]:
    """The outages of each stream, as the verdict on recovery counts them; of a run without a fault or end all."""
    if struck_s(timeline) is not None and any(timeline.first(kind) for kind in ENDS):
        return outages_by_stream(timeline)
    clients, streams = clients_of(timeline), timeline.streams.items()
    found = {
        stream: model.outages(samples, model.baseline(samples), clients.attention(stream))
        for stream, samples in streams
        if samples
    }
    return {stream: outages for stream, outages in found.items() if outages}


def _streams(timeline: Timeline, found: Outages) -> Mapping[str, Sequence[Sample]]:
    """Probe, load, ledger, in this order."""
    order = ("probe/", "load/", "ledger/")
    known = {s: samples for kind in order for s, samples in timeline.streams.items() if s.startswith(kind)}
    endpoints = [stream for stream in known if stream.startswith("load/")]
    if len(endpoints) <= SEPARATE:
        return known
    quiet = set(endpoints) - set(found)
    return {stream: samples for stream, samples in known.items() if stream not in quiet}


def _windows(timeline: Timeline, axis: Axis) -> Lane:
    marks = []
    for name, window in shown_windows(timeline, axis).items():
        told = f"{name}: {axis.told(window.start_s)} to {axis.told(window.end_s)}"
        class_ = "window-fault" if kind_of(name) == "during" or name == "after the blow" else "window"
        marks.append(Mark(window.start_s, window.end_s, class_, name, told, "inside"))
    return Lane("window", tuple(marks))


def _fault(timeline: Timeline, axis: Axis) -> Lane:
    """From each blow until the healing that let the deployment recover; where it had to do so by itself, a moment."""
    marks = (
        _blow(blow, disaster.healed_s, axis)
        for disaster in disasters(timeline)
        for blow in disaster.blows or timeline.all("injecting")
    )
    return Lane("fault", tuple(marks))


def _blow(event: Event, healed_s: float | None, axis: Axis) -> Mark:
    at = float(event.data.get("struck_s", event.at_s))
    arguments = event.data.get("arguments") or {}
    name = " ".join([str(event.data.get("fault", "fault")), *(f"{key}={value}" for key, value in arguments.items())])
    told = f"{name}, struck at {axis.told(at)}"
    if healed_s is None or healed_s <= at:
        return Mark(at, at, "blow", name, told, shape="point")
    return Mark(at, healed_s, "blow", name, f"{told}, healed at {axis.told(healed_s)}")


def _effect(timeline: Timeline, axis: Axis) -> Lane:
    marks = []
    for event in timeline.all("effect"):
        seen, at = bool(event.data["seen"]), float(event.data["seen_s"])
        evidence = "; ".join(map(str, event.data["evidence"]))
        label = ("seen: " if seen else "no trace: ") + evidence
        marks.append(Mark(at, at, "good" if seen else "bad", label, f"{axis.told(at)} {label}", shape="point"))
    return Lane("effect", tuple(marks))


def _client(stream: str, samples: Sequence[Sample], outages: Iterable[Outage], axis: Axis) -> Lane:
    first, last = samples[0].intended_s, samples[-1].end_s
    told = f"{stream}: sampled from {axis.told(first)} to {axis.told(last)}"
    served = Mark(first, last, "served", title=told, where="none", shape="line")
    return Lane(stream, (served, *(mark for outage in outages for mark in _down(outage, last, axis))))


def _down(outage: Outage, last_s: float, axis: Axis) -> Iterable[Mark]:
    """The span in which it was surely down, and on both sides the spans in which it may have been."""
    ended = math.isfinite(outage.end.upper_s)
    start, sure = outage.onset.upper_s, max(outage.end.lower_s, outage.onset.upper_s)
    until = outage.end.upper_s if ended else last_s
    length = outage.duration
    high = f"{length.upper_s:.3f}" if ended else "no end seen"
    label = f"down for [{length.lower_s:.3f}, {high}] s" if ended else f"down for > {length.lower_s:.3f} s, no end seen"
    told = f"{label}; from {axis.told(start)} to {axis.told(until) if ended else 'the end'}; {outage.failed} failed"
    yield Mark(outage.onset.lower_s, start, "maybe", where="none")
    yield Mark(sure, until, "maybe", where="none")
    yield Mark(start, sure, "down", where="none")
    yield Mark(outage.onset.lower_s, until, "whole", label, told)


def _slow(timeline: Timeline, found: Outages) -> Lane:
    """Brownout: the load was answered, but more than 5 % of it slower than the objective."""
    limit = (timeline.run.get("objectives") or {}).get("p95_s")
    load = [sample for stream, samples in timeline.streams.items() if stream.startswith("load/") for sample in samples]
    spans = [(span.lower_s, span.upper_s) for span in model.brownouts(load, float(limit))] if limit else []
    for stream, outages in found.items():
        if stream.startswith("load/"):
            spans = _outside(spans, outages)
    marks = []
    for start, end in spans:
        words = units.seconds(end - start)
        marks.append(Mark(start, end, "slow", words, f"brownout of the load for {words}"))
    return Lane("brownout (load)", tuple(marks))


def _outside(spans: list[tuple[float, float]], outages: Iterable[Outage]) -> list[tuple[float, float]]:
    """What of the spans is not down; a rest that is shorter than half a bin is the outage's own edge."""
    for outage in outages:
        start, end = outage.onset.lower_s, outage.end.upper_s
        pieces = [(low, min(high, start)) for low, high in spans] + [(max(low, end), high) for low, high in spans]
        spans = sorted({(low, high) for low, high in pieces if high - low > EDGE_S})
    return spans


def _healed(timeline: Timeline) -> Lane:
    marks = []
    for event in timeline.all("healed"):
        ok = bool(event.data.get("ok"))
        label = str(event.data.get("operation", "undo")) + ("" if ok else f" failed: {event.data.get('detail', '')}")
        marks.append(Mark(event.at_s, event.at_s, "good" if ok else "bad", label, label, shape="point"))
    return Lane("healed", tuple(marks))


def _recovered(timeline: Timeline) -> Lane:
    marks = []
    for event in timeline.events:
        if event.kind in _MOMENTS:
            class_, label = _MOMENTS[event.kind]
            detail = str(event.data.get("detail") or event.data.get("reason") or "")
            marks.append(Mark(event.at_s, event.at_s, class_, label, f"{label}: {detail}", shape="point"))
    return Lane("recovered", tuple(marks))


def _data(timeline: Timeline, axis: Axis) -> Lane:
    begin, end = timeline.time_of("readback-begin"), timeline.time_of("readback-end")
    if begin is None:
        return Lane("data verified", ())
    if end is None:
        return Lane("data verified", (Mark(begin, axis.end_s, "maybe", "never ended"),))
    found = account(timeline)
    good = not (found.lost or found.wrong or found.phantom or found.unreadable)
    label = f"{found.read} of {found.results[ACKNOWLEDGED]} writes there"
    return Lane("data verified", (Mark(begin, end, "verified" if good else "broken", label, label),))
