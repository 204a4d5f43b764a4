"""The helper that takes every connection slot of a server, and each that becomes free, until it ends.

It reads one line of JSON from its standard input: `{"kind", "url", "expires_s"}`. It writes a line once no slot is
left. It ends after expires_s, on SIGTERM, and when its standard input ends: with the process that started it.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_S = 0.02


def take_postgresql(url: str) -> Any:  # noqa: ANN401 - a connection that has to be kept
    """Take a slot, or return None if none is left."""
    import psycopg

    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="seatrial-exhaust")
    except psycopg.OperationalError:
        return None


def take_redis(url: str) -> Any:  # noqa: ANN401 - a connection that has to be kept
    """Take a slot, or return None if none is left."""
    parts = urlsplit(url)
    connection: socket.socket | None = None
    try:
        connection = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), 5)
        connection.sendall(b"PING\r\n")
        answer = connection.recv(256)
    except OSError:
        answer = b""
    if connection and answer and b"max number of clients" not in answer:
        return connection
    if connection:
        connection.close()
    return None


TAKE: dict[str, Callable[[str], Any]] = {"postgresql": take_postgresql, "redis": take_redis}


def main() -> None:
    """Take and hold until told, or time, to end."""
    order = json.loads(sys.stdin.readline())
    take, deadline_s = TAKE[order["kind"]], time.monotonic() + order["expires_s"]
    held: list[Any] = []
    told = False
    while time.monotonic() < deadline_s and not _ended():
        held = [connection for connection in held if not _broken(connection)]
        connection = take(order["url"])
        if connection is not None:
            held.append(connection)
            continue
        if not told:
            told = True
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.write(json.dumps({"held": len(held)}) + "\n")
                sys.stdout.flush()
        time.sleep(RETRY_S)


def _ended() -> bool:
    """True once standard input has ended."""
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and not sys.stdin.readline()


def _broken(connection: Any) -> bool:  # noqa: ANN401 - a connection of either kind
    """True if the server has closed the connection: an idle one has nothing to read but its end."""
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return bool(readable)


if __name__ == "__main__":
    main()
