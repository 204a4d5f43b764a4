"""Watching a component from outside while it is struck: a connection that was open before, and new ones."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.targets.local import pings
from seatrial.targets.local.deployment import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.targets.local.deployment import Program

PING_S = 1.0  # how long a healthy component may take for one answer


@dataclass
class Watch:
    """A canary connection to the component's own port, and pings beside it."""

    program: Program
    before: str | None = None  # why it did not answer before the blow
    pings: int = 0
    unanswered: str | None = None  # how the first ping failed
    closed: str | None = None  # how the canary ended
    _canary: socket.socket | None = field(default=None, repr=False)

    @classmethod
    def open(cls, program: Program) -> Watch:
        """Connect the canary; `before` says so if the component does not answer."""
        watch = cls(program)
        if not program.port:
            watch.before = "it listens on no port that is known"
            return watch
        watch.before = pings.answers(program, program.port, PING_S)
        if watch.before is None:
            watch._canary = socket.create_connection((HOST, program.port), PING_S)
            watch._canary.setblocking(False)
        return watch

    def look(self) -> bool:
        """True once the canary was closed or a ping failed."""
        self.closed = self.closed or self._canary_end()
        if not self.closed and not self.unanswered:
            self.pings += 1
            self.unanswered = pings.answers(self.program, self.program.port, PING_S)
        return bool(self.closed or self.unanswered)

    def close(self) -> None:
        """Close the canary."""
        if self._canary:
            self._canary.close()

    def sentence(self) -> str:
        """What clients saw."""
        where = f"{HOST}:{self.program.port}"
        if self.closed:
            return f"a connection that was open to {where} was {self.closed}"
        if self.unanswered:
            return f"a new request to {where}: {self.unanswered}"
        return (f"the connection that was open to {where} stayed open, and all {self.pings} requests were answered: "
                f"what was struck is not what serves")  # fmt: skip

    def _canary_end(self) -> str | None:
        if self._canary is None:
            return None
        try:
            return None if self._canary.recv(64) else "closed"
        except BlockingIOError:
            return None
        except OSError as error:
            return f"reset ({error.strerror})"


def wait_until(deadline_s: float, step_s: float, condition: Callable[[], bool]) -> bool:
    """Wait until the condition is true; False when the deadline has passed before it was."""
    while True:
        if condition():
            return True
        if time.monotonic() > deadline_s:
            return False
        time.sleep(step_s)
