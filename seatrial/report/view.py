"""A run as its page shows it: everything computed, nothing left to the template but to write it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from seatrial.load.health import load_health
from seatrial.masking import Masker
from seatrial.report import charts, tables
from seatrial.report.axis import axis_of
from seatrial.report.lanes import lanes
from seatrial.report.sentences import sorted_by_severity, why
from seatrial.report.story import client_outages, shades, story
from seatrial.verdict import Outcome, Promise, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.report.axis import Axis
    from seatrial.report.plot import Shade
    from seatrial.samples import Sample
    from seatrial.timeline import Event, Timeline

GROUPS = (("load", "Load"), ("probe", "Probe"), ("ledger", "Ledger's writes"))
CLOSE = 0.3  # an outage that takes less than this share of the timeline is shown again from close by


@dataclass(frozen=True)
class Picture:
    """A picture and its caption."""

    caption: str
    svg: Markup
    key: str  # which legend stands under it: lanes, latency or throughput


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
        promises=tuple(sorted_by_severity(verdict.promises)),
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
    shaded, rows = shades(timeline, axis), story(timeline, axis)
    told = "; ".join(f"{lane.name}: {', '.join(m.label for m in lane.marks if m.label)}" for lane in rows if lane.marks)
    found = [Picture("Timeline", lanes(f"{identity}-lanes", "Timeline of the run", rows, axis, shaded, told), "lanes")]
    if close := _close(timeline, axis):
        clients = [lane for lane in rows if lane.name not in ("window", "data verified")]
        picture = lanes(f"{identity}-close", "The same, around the fault", clients, close, shaded, told)
        found.append(Picture("The same, around the fault", picture, "lanes"))
    return found + [
        picture
        for kind, name in GROUPS
        if (samples := _of(timeline, kind))
        for picture in _charts(kind, name, samples, timeline, axis, shaded, identity)
    ]


def _charts(
    kind: str, name: str, samples: list[Sample], timeline: Timeline, axis: Axis, shaded: Sequence[Shade], identity: str
) -> list[Picture]:
    limit = (timeline.run.get("objectives") or {}).get("p95_s") if kind == "load" else None
    height = 178.0 if kind == "load" else 112.0
    title = f"{name}: latency of all {len(samples):,} requests".replace(",", " ")
    identities = f"{identity}-{kind}-latency", f"{identity}-{kind}-rate"
    found = [Picture(title, charts.latency(identities[0], title, samples, axis, shaded, limit, height), "latency")]
    if kind == "load":
        title = f"{name}: requests per second"
        found.append(Picture(title, charts.throughput(identities[1], title, samples, axis, shaded), "throughput"))
    return found


def _of(timeline: Timeline, kind: str) -> list[Sample]:
    streams = timeline.streams.items()
    return [sample for stream, samples in streams if stream.startswith(f"{kind}/") for sample in samples]


def _close(timeline: Timeline, axis: Axis) -> Axis | None:
    """The axis around the fault and its outages, if they are too short to be seen well on the whole one."""
    struck = timeline.first("effect")
    if struck is None:
        return None
    start = float(struck.data["struck_s"])
    found = [outage for outages in client_outages(timeline).values() for outage in outages]
    ends = [outage.end.upper_s for outage in found] or [start]
    end = max([float(struck.data["seen_s"]), *ends])
    length = max(end - start, 0.2)
    if length > CLOSE * axis.length_s:
        return None
    return axis.part(start - 0.4 * length, end + 0.8 * length)


def _generator(timeline: Timeline) -> str:
    """One sentence on the health of the load generator, or nothing if it left no record."""
    rows = load_health(timeline.folder)
    if not rows:
        return ""
    cpu, lag = max(row.cpu for row in rows), max(row.lag_p99_s for row in rows)
    unsent = sum(row.unsent for row in rows)
    return (
        f"The load generator used at most {cpu:.0%} of its core, sent at most {1000 * lag:.1f} ms late"
        f" (p99 of a second) and could not send {unsent} requests."
    )
