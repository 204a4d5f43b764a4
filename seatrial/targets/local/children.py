"""The processes that this very process started: they have to be waited for by it, and their pipes closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


class Children:
    """Supervisor and helpers of one target."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Keep a process; one that ends with its parent lives as long as it is kept."""
        self._processes.append(process)

    def reap(self) -> None:
        """Let go of those that have ended."""
        for process in [process for process in self._processes if process.poll() is not None]:
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
            self._processes.remove(process)

    def end(self) -> None:
        """Kill and let go of those that are left."""
        for process in self._processes:
            process.kill()
            process.wait()
        self.reap()
