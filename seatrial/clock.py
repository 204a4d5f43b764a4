"""The machine's clock, as the engine's role `Clock` wants it."""

from __future__ import annotations

import time


class SystemClock:
    """CLOCK_MONOTONIC, which every process of this machine shares, and real waiting."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
