"""Live progress: on a terminal one line that changes, elsewhere a line for each phase and a heartbeat."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

HEARTBEAT_S = 10.0
REDRAW_S = 0.2


class Progress(Protocol):
    """Says what is happening and how long it will still take."""

    def part(self, text: str, estimate_s: float) -> None:
        """A part of the work begins, a scenario, that takes about so long."""

    def phase(self, text: str) -> None:
        """Something began that a reader wants to know of."""

    def tick(self, text: str = "") -> None:
        """Time passes in the present phase."""


class Silent:
    """Says nothing."""

    def part(self, text: str, estimate_s: float) -> None:
        """Say nothing."""

    def phase(self, text: str) -> None:
        """Say nothing."""

    def tick(self, text: str = "") -> None:
        """Say nothing."""


class Plan:
    """How long the work will still take: a number of parts and a total in seconds, of which some are done."""

    def __init__(self, parts: int, total_s: float) -> None:
        self._parts, self._begun = parts, 0
        self._left_s = total_s
        self._current_s = 0.0
        self._since = time.monotonic()

    def begin(self, estimate_s: float) -> None:
        """A part of this length begins; what was before it is done."""
        self._left_s = max(self._left_s - self._current_s, estimate_s)
        self._current_s, self._since = estimate_s, time.monotonic()
        self._begun += 1

    def position(self) -> str:
        """`[2/8] `, or nothing where there is but one part."""
        return f"[{self._begun}/{self._parts}] " if self._parts > 1 else ""

    def left(self) -> str:
        """What is left, as `about 1 min 40 s left`."""
        part = max(self._current_s - (time.monotonic() - self._since), 1.0)
        seconds = round(self._left_s - self._current_s + part)
        minutes, rest = divmod(seconds, 60)
        return f"about {minutes} min {rest:02d} s left" if minutes else f"about {rest} s left"


class Terminal:
    """Progress on a stream: phases stay, ticks overwrite each other on a terminal and are rare elsewhere."""

    def __init__(self, write: Callable[[str], object], *, live: bool, plan: Plan | None = None) -> None:
        self._write = write
        self._live = live
        self._plan = plan
        self._last = 0.0
        self._phase = ""

    def part(self, text: str, estimate_s: float) -> None:
        """A headline, with the time that is left."""
        if self._plan:
            self._plan.begin(estimate_s)
            text = f"{self._plan.position()}{text} ({self._plan.left()})"
        self._write(("\r\x1b[K" if self._live else "") + f"{text}\n")

    def phase(self, text: str) -> None:
        """A line that stays."""
        self._phase, self._last = text, time.monotonic()
        self._write(("\r\x1b[K" if self._live else "") + f"  {text}\n")

    def tick(self, text: str = "") -> None:
        """The changing line, or a heartbeat."""
        now = time.monotonic()
        if now - self._last < (REDRAW_S if self._live else HEARTBEAT_S):
            return
        self._last = now
        words = " - ".join(part for part in (text or self._phase, self._plan.left() if self._plan else "") if part)
        self._write(f"\r\x1b[K  ... {words[:110]}" if self._live else f"  ... {words}\n")
