"""A target in memory with a clock to turn: the engine and the checks are tested on it without a second of waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seatrial.errors import MissingCapability, TargetError
from seatrial.ledger import PRESENT, ReadBack
from seatrial.load.health import HEALTH_FILE
from seatrial.roles import Effect, LinkShape, UndoStep
from seatrial.samples import OK, Sample, SampleWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NEVER = float("inf")


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        """Monotonic seconds."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Turn the clock."""
        self._now_s += seconds


@dataclass
class FakeTarget:
    """Components, up or down by the clock. A killed one returns after `recovery_s`, a paused one when healed."""

    clock: FakeClock
    components: tuple[str, ...] = ("app", "database", "cache")
    recovery_s: float = 1.0
    effective: bool = True  # False: the blow is struck and clients see nothing
    serves: bool = True  # False: it was never up
    heals: bool = True  # False: undo raises TargetError
    lacks: tuple[str, ...] = ()  # undo operations for which nothing is there
    before: tuple[str, ...] = ()  # what was stopped, paused or shaped before anybody came
    name: str = "fake"
    outages: list[tuple[float, float]] = field(default_factory=list)
    undone: list[UndoStep] = field(default_factory=list)

    @property
    def identity(self) -> Mapping[str, Any]:
        """A fake cannot be reached from another process."""
        return {"kind": "fake"}

    @property
    def exists(self) -> bool:
        """It is there."""
        return True

    def up(self) -> None:
        """It is up."""

    def attach(self) -> None:
        """It is up."""

    def release(self) -> None:
        """It is nobody's."""

    def down(self) -> None:
        """It is gone."""

    def resolve(self, template: str) -> str:
        """Templates stand as they are."""
        return template

    def serving(self, at_s: float) -> bool:
        """Is a client that asks at this moment served?"""
        return self.serves and not any(start <= at_s < end for start, end in self.outages)

    def kill(self, component: str) -> Effect:
        """Down from now for `recovery_s`."""
        return self._strike(component, self.recovery_s)

    def pause(self, component: str) -> Effect:
        """Down from now until resumed."""
        return self._strike(component, NEVER)

    def shape_link(self, source: str, destination: str, shape: LinkShape) -> Effect:  # noqa: ARG002 - its role's
        """Down from now until cleared."""
        return self._strike(destination, NEVER)

    def require(self, step: UndoStep) -> None:
        """Raise MissingCapability for what it was told to lack."""
        if step.operation in self.lacks:
            raise MissingCapability(f"there is nothing that {step.operation} could take back")

    def undo(self, step: UndoStep) -> None:
        """End every outage that would not end by itself."""
        if not self.heals:
            raise TargetError(f"{step.operation} failed")
        self.undone.append(step)
        now = self.clock.now()
        self.outages = [(start, now if end == NEVER else end) for start, end in self.outages]

    def residue(self) -> tuple[str, ...]:
        """Outages that nobody ended, and what was so before."""
        return self.before + tuple(f"down since {start:g}" for start, end in self.outages if end == NEVER)

    def _strike(self, component: str, seconds: float) -> Effect:
        now = self.clock.now()
        if self.effective:
            self.outages.append((now, now + seconds))
        return Effect(now, self.effective, now, (f"{component} {'is gone' if self.effective else 'never noticed'}",))


class FakeClients:
    """Clients of a FakeTarget: on each poll they have sent what was due since the last one, on a fixed grid."""

    name = "clients"

    def __init__(
        self, target: FakeTarget, folder: Path, streams: Mapping[str, float], latency_s: float = 0.004
    ) -> None:
        self._target, self._streams, self._latency_s = target, streams, latency_s
        self._writer = SampleWriter(folder / "samples" / "clients.csv")
        self._health = folder / HEALTH_FILE
        self._next: dict[str, float] = {}
        self._count = 0

    def start(self) -> None:
        """The grid begins."""
        self._next = dict.fromkeys(self._streams, self._target.clock.now())

    def poll(self) -> list[Sample]:
        """What was due until now, in order."""
        samples = [sample for stream, rate_hz in self._streams.items() for sample in self._due(stream, 1 / rate_hz)]
        self._writer.write(samples)
        self._record_health(len(samples))
        return samples

    def _record_health(self, sent: int) -> None:
        """A load generator that is never tired."""
        row = f"{self._target.clock.now():.6f},0.1,0.001,1,{sent},0,open\n"
        with self._health.open("a", encoding="utf-8") as file:
            file.write(row)

    def stop(self) -> None:
        """No more requests."""
        self._streams = {}
        self._writer.close()
        self.poll = lambda: []  # type: ignore[method-assign] # the writer is closed

    def _due(self, stream: str, period_s: float) -> list[Sample]:
        samples = []
        while self._next[stream] < self._target.clock.now():
            at_s = self._next[stream]
            outcome = OK if self._target.serving(at_s) else "refused"
            self._count += 1
            key = f"id-{self._count}" if stream.startswith("ledger/") else ""
            samples.append(Sample(stream, at_s, at_s, at_s + self._latency_s, outcome, key))
            self._next[stream] = at_s + period_s
        return samples


def read_everything(writes: list[Sample]) -> list[ReadBack]:
    """A ledger that finds every acknowledged write as it was written."""
    return [ReadBack(write.stream, write.key, PRESENT) for write in writes if write.ok]
