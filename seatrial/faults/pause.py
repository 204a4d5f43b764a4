"""Freeze every process of a component: connections stay open, nothing is answered."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.roles import CanPause, Effect, UndoStep


@dataclass(frozen=True)
class Pause:
    """Freeze every process of a component: connections stay open, nothing is answered."""

    component: str

    @property
    def needs(self) -> type:
        """The capability that it asks of the target."""
        return CanPause

    def undo(self) -> UndoStep:
        """Let its processes go on."""
        return UndoStep("resume", {"component": self.component})

    def inject(self, target: CanPause) -> Effect:
        """Break it, and say what was seen."""
        return target.pause(self.component)
