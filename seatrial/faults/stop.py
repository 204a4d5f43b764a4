"""Stop a component so that nothing restarts it until it is healed."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.roles import CanStop, Effect, UndoStep


@dataclass(frozen=True)
class Stop:
    """Stop a component so that nothing restarts it until it is healed."""

    component: str

    @property
    def needs(self) -> type:
        """The capability that it asks of the target."""
        return CanStop

    def undo(self) -> UndoStep:
        """Start it and wait until it is ready."""
        return UndoStep("start", {"component": self.component})

    def inject(self, target: CanStop) -> Effect:
        """Break it, and say what was seen."""
        return target.stop(self.component)
