"""Take every connection slot of a component, and each that becomes free, as a leaking job does."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.errors import InputError
from seatrial.roles import CanExhaustConnections, Effect, UndoStep


@dataclass(frozen=True)
class ExhaustConnections:
    """Take every connection slot of a component, and each that becomes free, as a leaking job does."""

    component: str
    expires_s: float = 600.0  # after so long the slots are given back, whatever has become of the runner

    def __post_init__(self) -> None:
        """Raise InputError for a value that makes no sense."""
        if self.expires_s <= 0:
            raise InputError("expires_s above 0", f"{self.expires_s:g}")

    @property
    def needs(self) -> type:
        """The capability that it asks of the target."""
        return CanExhaustConnections

    def undo(self) -> UndoStep:
        """Give the slots back, and see that a connection is accepted."""
        return UndoStep("release_connections", {"component": self.component})

    def inject(self, target: CanExhaustConnections) -> Effect:
        """Break it, and say what was seen."""
        return target.exhaust_connections(self.component, self.expires_s)
