"""A run as its page shows it: everything computed, nothing left to the template but to write it down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from seatrial.masking import Masker
from seatrial.report import charts, tables
from seatrial.report.axis import axis_of
from seatrial.report.lanes import lanes
from seatrial.report.plot import Frame
from seatrial.report.sentences import severity, why
from seatrial.report.story import client_outages, shades, story
from seatrial.verdict import Outcome, Promise, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.report.axis import Axis
    from seatrial.report.story import Outages
    from seatrial.samples import Sample
    from seatrial.timeline import Event, Timeline

GROUPS = (("load", "Load"), ("probe", "Probe"), ("ledger", "Ledger's writes"))
CLOSE = 0.3  # an outage that takes less than this share of the timeline is shown again from close by


@dataclass(frozen=True)
class Picture:
    """A picture and its caption."""

    caption: str
    svg: Markup
    key: str  # which legend stands under it: "lanes", "latency", "throughput"


@dataclass(frozen=True)
class RunView:
    """One run."""

    identity: str  # the prefix of its anchors
    run: dict[str, Any]
    folder: str
    outcome: Outcome
    why: str
    promises: tuple[Promise, ...]
    began: str
    axis: Axis
    pictures: tuple[Picture, ...]
    windows: tuple[tables.WindowTable, ...]
    ledger: tables.Ledger | None
    events: tuple[Event, ...]
    generator: str
    files: tuple[tables.RawFile, ...]

    @property
    def rows(self) -> list[tuple[Promise, str]]:
        """The promises, each with the anchor of this run."""
        return [(promise, self.identity) for promise in self.promises]

    def all(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    def promise(self, name: str) -> Promise | None:
        """The promise of that name, if it was judged."""
        return next((promise for promise in self.promises if promise.promise == name), None)


def view_of(timeline: Timeline, verdict: Verdict, identity: str) -> RunView:
    """Compute what the page of a run shows. Pure: it reads the run's folder, and no clock."""
    axis = axis_of(timeline)
    return RunView(
        identity=identity,
        run=Masker().tree(timeline.run),
        folder=timeline.folder.resolve().name,
        outcome=verdict.outcome,
        why=why(verdict.promises),
        promises=tuple(sorted(verdict.promises, key=severity)),
        began=axis.clock(timeline.events[0].at_s) if timeline.events else "",
        axis=axis,
        pictures=tuple(_pictures(timeline, axis, identity)),
        windows=tuple(tables.percentiles(timeline, axis)),
        ledger=tables.ledger(timeline, axis),
        events=timeline.events,
        generator=_generator(timeline),
        files=tuple(tables.raw_files(timeline.folder)),
    )


def _pictures(timeline: Timeline, axis: Axis, identity: str) -> list[Picture]:
    down = client_outages(timeline)
    rows, frame = (
        story(timeline, axis, down),
        Frame(f"{identity}-lanes", "Timeline of the run", axis, shades(timeline, axis)),
    )
    told = "; ".join(f"{lane.name}: {', '.join(m.label for m in lane.marks if m.label)}" for lane in rows if lane.marks)
    found = [Picture("Timeline", lanes(frame, rows, told), "lanes")]
    if close := _close(timeline, axis, down):
        near = [lane for lane in rows if lane.name != "window" and lane.touches(close.start_s, close.end_s)]
        nearer = replace(frame, identity=f"{identity}-close", title="The same, around the fault", axis=close)
        found.append(Picture(nearer.title, lanes(nearer, near, told), "lanes"))
    limit = (timeline.run.get("objectives") or {}).get("p95_s")
    return found + [
        picture
        for kind, name in GROUPS
        if (samples := _of(timeline, kind))
        for picture in _charts(replace(frame, identity=f"{identity}-{kind}"), name, samples, limit)
    ]


def _charts(frame: Frame, name: str, samples: list[Sample], limit_s: float | None) -> Iterable[Picture]:
    """Latency, and of the load (which alone is held against an objective) also the rate."""
    load = name == GROUPS[0][1]
    count = f"{len(samples):,}".replace(",", " ")
    frame = replace(frame, title=f"{name}: latency of all {count} requests")
    picture = charts.latency(frame, samples, limit_s if load else None, 178.0 if load else 112.0)
    yield Picture(frame.title, picture, "latency")
    if load:
        frame = replace(frame, identity=f"{frame.identity}-rate", title=f"{name}: requests per second")
        yield Picture(frame.title, charts.throughput(frame, samples), "throughput")


def _of(timeline: Timeline, kind: str) -> list[Sample]:
    streams = timeline.streams.items()
    return [sample for stream, samples in streams if stream.startswith(f"{kind}/") for sample in samples]


def _close(timeline: Timeline, axis: Axis, down: Outages) -> Axis | None:
    """The axis around the fault and its outages, if they are too short to be seen well on the whole one."""
    struck = timeline.first("effect")
    if struck is None:
        return None
    start = float(struck.data["struck_s"])
    found = [outage for outages in down.values() for outage in outages]
    if not found:
        return None
    ends = [outage.end.upper_s for outage in found]
    end = max([float(struck.data["seen_s"]), *ends])
    length = max(end - start, 0.2)
    if length > CLOSE * axis.length_s:
        return None
    return axis.part(start - 0.4 * length, end + 0.8 * length)


def _generator(timeline: Timeline) -> str:
    """One sentence on the health of the load generator, or nothing if it left no record."""
    rows = timeline.load_health
    if not rows:
        return ""
    cpu, lag = max(row.cpu for row in rows), max(row.lag_p99_s for row in rows)
    unsent = sum(row.unsent for row in rows)
    return (
        f"The load generator used at most {100 * cpu:.0f} % of its core, sent at most {1000 * lag:.1f} ms late"
        f" (p99 of a second) and could not send {unsent} requests."
    )
