"""Every role of a trial on one page. The engine knows these and nothing of any implementation.

A target has one class and as many capabilities as it can offer; a fault names the capability that it needs and asks
`isinstance(target, needs)`. A capability *does the thing and proves it*: it returns an Effect, what was seen to happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.samples import Sample


@dataclass(frozen=True)
class Effect:
    """What a fault was seen to do. `seen` False means that the blow was struck and left no trace."""

    struck_s: float  # monotonic time at which the blow was struck
    seen: bool
    seen_s: float  # when the effect was observed, or given up on
    evidence: tuple[str, ...]  # one sentence each, as a reader of the report wants it


@dataclass(frozen=True)
class UndoStep:
    """An idempotent operation of a target, as data; written to disk before what it undoes is done."""

    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkShape:
    """How a link between two components behaves; all zero is a clean link."""

    latency_s: float = 0.0  # added to each direction
    jitter_s: float = 0.0  # uniform, plus or minus, on the latency
    reset_rate: float = 0.0  # share of new connections and of chunks that end in a TCP reset, 0 to 1
    blackhole: bool = False  # connections are accepted and nothing passes
    expires_s: float = 0.0  # the link heals by itself after so many seconds; 0 is never


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class Target(Protocol):
    """Where the deployment runs: how to bring it up, reach it, audit it and take it down."""

    name: str

    @property
    def identity(self) -> Mapping[str, Any]:
        """What `seatrial.targets.reattach` needs to reach the same deployment from another process."""

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components that scenarios can name."""

    @property
    def exists(self) -> bool:
        """Is there a deployment to reach?"""

    def up(self) -> None:
        """Bring the deployment up and wait until it is ready. Raises TargetError, leaving nothing behind."""

    def attach(self) -> None:
        """Have a deployment that is up to oneself. Raises TargetError if there is none, or another has it."""

    def release(self) -> None:
        """Let others have the deployment. Idempotent."""

    def down(self) -> None:
        """Take down what `up` brought up, and nothing else. Idempotent."""

    def resolve(self, template: str) -> str:
        """A string of the settings with `{component.url}` and the like replaced, as a client outside sees it."""

    def require(self, step: UndoStep) -> None:
        """Raise MissingCapability or InputError if what the step takes back cannot be done on this deployment."""

    def undo(self, step: UndoStep) -> None:
        """Carry out an undo step. Idempotent. Raises TargetError if the component cannot be brought back."""

    def residue(self) -> tuple[str, ...]:
        """Stopped or paused components, shaped links, helpers, a sentence each. Raises TargetError if unseen."""


@runtime_checkable
class CanKill(Protocol):
    """SIGKILL to every process of a component, as a crash does."""

    def kill(self, component: str) -> Effect:
        """Undone by the operation `start`."""


@runtime_checkable
class CanStop(Protocol):
    """Stop a component so that nothing restarts it."""

    def stop(self, component: str) -> Effect:
        """Undone by the operation `start`."""


@runtime_checkable
class CanPause(Protocol):
    """Freeze every process of a component."""

    def pause(self, component: str) -> Effect:
        """Undone by the operation `resume`."""


@runtime_checkable
class CanShapeLinks(Protocol):
    """Slow or cut the connection from one component to another."""

    def shape_link(self, source: str, destination: str, shape: LinkShape) -> Effect:
        """Undone by the operation `clear_link`."""


@runtime_checkable
class CanExhaustConnections(Protocol):
    """Take all the connection slots that a component has."""

    def exhaust_connections(self, component: str, expires_s: float) -> Effect:
        """Undone by the operation `release_connections`."""


@runtime_checkable
class CanFillDisk(Protocol):
    """Let every write of a component that would grow a file fail."""

    def fill_disk(self, component: str) -> Effect:
        """Undone by the operation `free_disk`."""


class Fault(Protocol):
    """One way to break a component: a frozen dataclass whose fields are its parameters, with units in their names."""

    @property
    def needs(self) -> type:
        """The capability protocol that it asks of the target."""

    def undo(self) -> UndoStep:
        """What takes it back; written to disk before `inject`."""

    def inject(self, target: Any) -> Effect:  # noqa: ANN401 - the engine has checked it against `needs`
        """Break it, and say what was seen."""


class Observer(Protocol):
    """Something that records samples beside the run: the probe, the load, a ledger's writer."""

    name: str

    def start(self) -> None:
        """Begin recording. Raises TargetError if it cannot."""

    def poll(self) -> list[Sample]:
        """The samples recorded since the last poll."""

    def stop(self) -> None:
        """End recording, with all samples on disk. Idempotent."""
