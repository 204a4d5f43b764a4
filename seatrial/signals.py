"""Ctrl-C and SIGTERM while something is being taken back: they wait, and end the program when that is done."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

DEFERRED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred() -> Iterator[None]:
    """Hand a signal on after the block that it came in, and not before. Blocks may stand in each other."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    previous: dict[signal.Signals, Any] = {number: signal.signal(number, note) for number in DEFERRED}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if came:  # whatever the block raised, whoever would have had the signal gets it
            signal.raise_signal(came[0])
