"""The disasters of a run. A blow after a recovery that was seen is one of its own; blows without one between are one.

Each has to be recovered from within the RTO, from the first client that it struck to the last that was served again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from seatrial.checks.clients import Clients, clients_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.checks.clients import Unseen
    from seatrial.outages import Outage
    from seatrial.timeline import Event, Timeline

ENDS = ("gave-up", "interrupted", "after-end", "stopped")  # of undisturbed observation: a run that gave up helps then
UNAIDED = ("Kill",)  # faults that the deployment has to survive without anybody's help


@dataclass(frozen=True)
class Disaster:
    """A blow, or several, and what followed until the next disaster or the end of undisturbed observation."""

    clients: Clients
    events: tuple[Event, ...]  # from its first blow to the next disaster
    label: str  # " 2 (Kill cache)", to be put behind a promise's name; nothing where there is only one
    undisturbed_until_s: float  # the first blow of the run
    next_s: float  # the next disaster; infinite for the last

    @property
    def blows(self) -> tuple[Event, ...]:
        """The `effect` of each; none if the run ended in the first."""
        return tuple(event for event in self.events if event.kind == "effect")

    @property
    def struck_s(self) -> float:
        """When its first blow was struck."""
        return _begin_s(self.events)

    @property
    def until_s(self) -> float:
        """The end of its undisturbed observation."""
        ends = [event.at_s for event in self.events if event.kind in ENDS]
        return min([*(ends[:1] or [self.events[-1].at_s]), self.next_s])

    @cached_property
    def outages(self) -> dict[str, list[Outage]]:
        """Of each stream that saw any."""
        return self.clients.outages(self.undisturbed_until_s, self.struck_s, self.until_s)

    @cached_property
    def unseen(self) -> tuple[Unseen, ...]:
        """What the recorders did not see."""
        return self.clients.unseen(self.struck_s, self.until_s)

    @property
    def recovered_s(self) -> float | None:
        """When the run saw every client served again after its last blow; a wait that ended before says nothing."""
        last_blow_s = max((struck(blow) for blow in self.blows), default=self.struck_s)
        return next((at_s for at_s in self._times("recovered") if at_s > last_blow_s), None)

    @property
    def over_s(self) -> float | None:
        """When the run believed in the recovery, or gave it up."""
        return self.recovered_s or next(iter(self._times("gave-up")), None)

    @property
    def healed_s(self) -> float | None:
        """The last healing that may have helped the recovery."""
        until_s = self.over_s or math.inf
        return max((at_s for at_s in self._times("healed") if at_s <= until_s), default=None)

    @property
    def helped(self) -> bool:
        """Did Seatrial start what it had killed: before the clients were served, or later, since nothing else had?"""
        killed = any(blow.data["fault"] in UNAIDED for blow in self.blows)
        until_s = self.recovered_s or math.inf
        healings = [event for event in self.events if event.kind == "healing"]
        return killed and any(event.at_s < until_s or event.data.get("found") for event in healings)

    @property
    def proven(self) -> bool:
        """Every blow of it was seen to have worked."""
        return bool(self.blows) and all(blow.data["seen"] for blow in self.blows)

    def _times(self, kind: str) -> list[float]:
        return [event.at_s for event in self.events if event.kind == kind]


@lru_cache(maxsize=1)  # judging and rendering ask again and again, of one run after another
def disasters(timeline: Timeline) -> tuple[Disaster, ...]:
    """In order; none if nothing was broken."""
    begins = _begins(timeline)
    parts = [timeline.events[begin:end] for begin, end in pairwise([*begins, len(timeline.events)])]
    starts = [_begin_s(part) for part in parts]
    clients, found = clients_of(timeline), []
    for number, part in enumerate(parts, 1):
        blows = [event for event in part if event.kind == "effect"]
        label = f" {number} ({'; '.join(map(words, blows))})" if len(parts) > 1 else ""
        found.append(Disaster(clients, part, label, starts[0], starts[number] if number < len(starts) else math.inf))
    return tuple(found)


def outages_by_stream(timeline: Timeline) -> dict[str, list[Outage]]:
    """The outages of each stream from the first blow on, as far as the run was observed undisturbed."""
    found: dict[str, list[Outage]] = {}
    for disaster in disasters(timeline):
        for stream, outages in disaster.outages.items():
            found.setdefault(stream, []).extend(outages)
    return found


def struck(blow: Event) -> float:
    """When a blow was struck: the moment of an `effect`."""
    return float(blow.data["struck_s"])


def words(blow: Event) -> str:
    """A blow in words: `Kill cache`, `CutLink app cache blackhole`."""
    arguments = (blow.data.get("arguments") or {}).values()
    return " ".join([str(blow.data["fault"]), *(value for value in arguments if isinstance(value, str))])


def _begin_s(events: Sequence[Event]) -> float:
    """When a disaster began whose first event is the `effect` of a blow, or `injecting` if the run ended in it."""
    return struck(events[0]) if events[0].kind == "effect" else events[0].at_s


def _begins(timeline: Timeline) -> list[int]:
    """Where the events of each disaster begin: at a blow that no other came before, or only such as were recovered."""
    found, apart = [], True
    for number, event in enumerate(timeline.events):
        if event.kind == "effect" and apart:
            found.append(number)
        apart = event.kind == "recovered" or (apart and event.kind != "effect")
    begun = (number for number, event in enumerate(timeline.events) if event.kind == "injecting")
    return found or list(islice(begun, 1))
