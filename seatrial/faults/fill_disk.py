"""Let every write of a component that would grow a file fail, as on a full disk."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.roles import CanFillDisk, Effect, UndoStep


@dataclass(frozen=True)
class FillDisk:
    """Let every write of a component that would grow a file fail, as on a full disk."""

    component: str

    @property
    def needs(self) -> type:
        """The capability that it asks of the target."""
        return CanFillDisk

    def undo(self) -> UndoStep:
        """Give it its space back."""
        return UndoStep("free_disk", {"component": self.component})

    def inject(self, target: CanFillDisk) -> Effect:
        """Break it, and say what was seen."""
        return target.fill_disk(self.component)
