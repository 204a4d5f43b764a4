"""Delay everything between two components, in each direction: another zone, or a saturated network."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.errors import InputError
from seatrial.roles import CanShapeLinks, Effect, LinkShape, UndoStep


@dataclass(frozen=True)
class SlowLink:
    """Delay everything between two components, in each direction: another zone, or a saturated network."""

    source: str
    destination: str
    latency_s: float  # added to each direction
    jitter_s: float = 0.0  # uniform, plus or minus, on the latency
    expires_s: float = 600.0  # the link heals by itself after so long, whatever has become of the runner

    def __post_init__(self) -> None:
        """Raise InputError for a value that makes no sense."""
        if not 0 < self.latency_s <= 60:
            raise InputError("latency_s above 0, at most 60", f"{self.latency_s:g}")
        if not 0 <= self.jitter_s <= self.latency_s:
            raise InputError("jitter_s from 0 to latency_s", f"{self.jitter_s:g}")
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
        shape = LinkShape(latency_s=self.latency_s, jitter_s=self.jitter_s, expires_s=self.expires_s)
        return target.shape_link(self.source, self.destination, shape)
