"""SIGKILL to every process of a component at once, as a crash or the kernel's out-of-memory killer does."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.roles import CanKill, Effect, UndoStep


@dataclass(frozen=True)
class Kill:
    """SIGKILL to every process of a component at once, as a crash or the kernel's out-of-memory killer does."""

    component: str

    @property
    def needs(self) -> type:
        """The capability that it asks of the target."""
        return CanKill

    def undo(self) -> UndoStep:
        """Start it if nothing else has, and wait until it is ready."""
        return UndoStep("start", {"component": self.component})

    def inject(self, target: CanKill) -> Effect:
        """Break it, and say what was seen."""
        return target.kill(self.component)
