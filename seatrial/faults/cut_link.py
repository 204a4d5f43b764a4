"""Cut the link between two components: by silence, as a firewall that drops does, or by TCP resets."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.errors import InputError
from seatrial.roles import CanShapeLinks, Effect, LinkShape, UndoStep

MODES = ("blackhole", "reset")


@dataclass(frozen=True)
class CutLink:
    """Cut the link between two components: by silence, as a firewall that drops does, or by TCP resets."""

    source: str
    destination: str
    mode: str = "blackhole"  # or "reset"
    reset_rate: float = 1.0  # with mode reset: the share of new connections and of chunks that end in a reset
    expires_s: float = 600.0  # the link heals by itself after so long, whatever has become of the runner

    def __post_init__(self) -> None:
        """Raise InputError for a value that makes no sense."""
        if self.mode not in MODES:
            raise InputError(f"mode to be one of {', '.join(MODES)}", self.mode)
        if not 0 < self.reset_rate <= 1:
            raise InputError("reset_rate above 0, at most 1", f"{self.reset_rate:g}")
        if self.expires_s <= 0:
            raise InputError("expires_s above 0", f"{self.expires_s:g}")

    @property
    def needs(self) -> type:
        """The capability that it asks of the target."""
        return CanShapeLinks

    def undo(self) -> UndoStep:
        """Make the link clean."""
        return UndoStep("clear_link", {"source": self.source, "destination": self.destination})

    def inject(self, target: CanShapeLinks) -> Effect:
        """Break it, and say what was seen."""
        reset = self.mode == "reset"
        shape = LinkShape(reset_rate=self.reset_rate if reset else 0.0, blackhole=not reset, expires_s=self.expires_s)
        return target.shape_link(self.source, self.destination, shape)
