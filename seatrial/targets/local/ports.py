"""Free ports that stay free while their component is down, and who holds one that is taken."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import psutil

from seatrial.errors import TargetError
from seatrial.targets.local.deployment import HOST

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


class Ports:
    """Hands out ports, none twice."""

    def __init__(self, taken: set[int]) -> None:
        self._taken = set(taken)

    def free(self) -> int:
        """A free port below the range of outgoing connections. Raises TargetError if there is none.

        Within that range a client's own connection could take the port of a component that is down for a moment, or
        connect to itself; the component could then not come back.
        """
        for _ in range(1000):
            port = random.randrange(_LOWEST, _ceiling())  # noqa: S311 - not a secret
            if port not in self._taken and can_bind(port):
                self._taken.add(port)
                return port
        raise TargetError(f"no free port between {_LOWEST} and {_ceiling()}")


def can_bind(port: int) -> bool:
    """True if a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def listeners(port: int) -> set[int]:
    """Ids of the processes that listen on the port, as far as this user may see them."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    listening = (item for item in connections if item.status == psutil.CONN_LISTEN)
    return {item.pid for item in listening if item.pid and getattr(item.laddr, "port", None) == port}


def holder(port: int) -> str:
    """`name (pid N)` of who listens on the port, or `another process`."""
    for pid in listeners(port):
        try:
            return f"{psutil.Process(pid).name()} (pid {pid})"
        except psutil.Error:
            continue
    return "another process"


def _ceiling() -> int:
    try:
        low = int(_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        low = 32_768
    return low if low > _LOWEST + 1000 else 65_536
