"""The machine's clock, as the engine's role `Clock` wants it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """CLOCK_MONOTONIC, which every process of this machine shares, and real waiting."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def utc_stamp() -> str:
    """The present moment as `20261123T051500Z`, for names of folders."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
