"""What the clients of a run saw from a blow on, and what their recorders did not see; see `seatrial.outages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import outages as model
from seatrial.attention import sampler_attention
from seatrial.load.health import attention as load_attention
from seatrial.samples import PENDING
from seatrial.spans import Interval, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.attention import Attention
    from seatrial.outages import Outage
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline

PROBE_STREAMS = ("probe/new", "probe/kept")
LEAST_UNSEEN_S = 0.25  # a recorder that did not look for less hides no outage worth the name


@dataclass(frozen=True)
class Unseen:
    """A span in which a recorder itself did not look: an outage inside it would not have been seen."""

    kind: str  # probe or load: whose streams it is
    span: Interval
    did: str  # "the probe itself (probe/new) paused"

    def said(self) -> str:
        """In a sentence."""
        return f"{self.did} for {self.span.length_s:.2f} s"


@dataclass(frozen=True)
class Clients:
    """The clients of a run, and the attention of the processes that record them."""

    timeline: Timeline
    probe: Attention  # of the sampler, whose process writes the ledger too
    load: Attention

    def attention(self, stream: str) -> Attention:
        """Of the process that records a stream."""
        return self.load if stream.startswith("load/") else self.probe

    def outages(self, undisturbed_until_s: float, struck_s: float, until_s: float) -> dict[str, list[Outage]]:
        """The outages of each stream from a blow on, as they were known at `until_s`; a stream that saw none has none.

        What is normal for a stream is learnt from what it saw before `undisturbed_until_s`.
        """
        found = {}
        for stream, samples in self.timeline.streams.items():
            attention = self.attention(stream)
            before = attention.believed([sample for sample in samples if sample.end_s < undisturbed_until_s])
            seen = model.outages(model.cut(samples, until_s), model.baseline(before), attention)
            noisy = any(not sample.ok and sample.outcome != PENDING for sample in before)
            found[stream] = [outage for outage in seen if outage.end.upper_s >= struck_s and _counts(outage, noisy)]
        return {stream: outages for stream, outages in found.items() if outages}

    def unseen(self, struck_s: float, until_s: float) -> tuple[Unseen, ...]:
        """The spans from a blow on in which the probe, or the load, did not look."""
        found = [*self._probe_pauses(struck_s, until_s), *self._load_gaps(until_s)]
        return tuple(
            Unseen(gap.kind, Interval(max(gap.span.lower_s, struck_s), gap.span.upper_s), gap.did)
            for gap in found
            if gap.span.upper_s > struck_s
        )

    def _probe_pauses(self, struck_s: float, until_s: float) -> Iterator[Unseen]:
        rate_hz = float(self.timeline.run["settings"]["client"]["rate_hz"])
        for stream in PROBE_STREAMS:
            samples = [s for s in self.timeline.streams.get(stream, []) if struck_s - 1 <= s.intended_s <= until_s]
            gaps = model.sampling_gaps(samples, rate_hz, until_s) if samples else [Interval(struck_s, until_s)]
            yield from (Unseen("probe", gap, f"the probe itself ({stream}) paused") for gap in gaps)

    def _load_gaps(self, until_s: float) -> Iterator[Unseen]:
        """While it stalled, sent nothing that was due, or may have spoilt what it sent."""
        streams = self.timeline.streams.items()
        due = sorted((s for name, some in streams if name.startswith("load/") for s in some), key=_due_s)
        known = [sample for sample in due if sample.start_s <= until_s]
        ends = [*(sample.intended_s for sample in known[1:]), until_s]  # nothing is sent until the next is
        spoilt = [
            Interval(s.intended_s, max(s.end_s, e)) for s, e in zip(known, ends, strict=False) if self.load.spoilt(s)
        ]
        stalls = [stall for stall in self.load.stalls if stall.lower_s <= until_s]
        for gap in union([*stalls, *spoilt]):
            if gap.length_s > LEAST_UNSEEN_S:
                yield Unseen("load", gap, "the load generator itself stalled, or gave requests up,")


def _due_s(sample: Sample) -> float:
    return sample.intended_s


def clients_of(timeline: Timeline) -> Clients:
    """The clients of a finished run."""
    load = [s for stream, some in timeline.streams.items() if stream.startswith("load/") for s in some]
    others = {stream: some for stream, some in timeline.streams.items() if not stream.startswith("load/")}
    return Clients(timeline, sampler_attention(others), load_attention(load, timeline.load_health))


def _counts(outage: Outage, noisy: bool) -> bool:
    """Where single requests fail anyway, a single failure is the error rate's affair; an outage is more than one."""
    return outage.failed != 1 or not noisy
