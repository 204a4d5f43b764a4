"""The helper that takes every connection slot of a server, and each that becomes free, until it ends.

It reads one line of JSON from its standard input: `{"kind", "url", "expires_s"}`. It writes a line once the server
says that no slot is left. It ends after expires_s, on SIGTERM, and when its standard input ends: with the process that
started it.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_S = 0.02
FULL_POSTGRESQL = ("too many clients", "too many connections", "remaining connection slots are reserved")
FULL_REDIS = b"max number of clients reached"


class Refused(Exception):
    """The server took no connection; `full` if it said that this is for want of a slot."""

    def __init__(self, words: str, *, full: bool) -> None:
        super().__init__(words)
        self.full = full


def take_postgresql(url: str) -> Any:  # noqa: ANN401 - a connection that has to be kept
    """Take a slot. Raises Refused."""
    import psycopg

    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="seatrial-exhaust")
    except psycopg.OperationalError as error:
        words = " ".join(str(error).split())[-200:]
        # libpq keeps the SQLSTATE of a refusal to itself; these are the three messages of 53300.
        raise Refused(words, full=any(said in words for said in FULL_POSTGRESQL)) from None


def take_redis(url: str) -> Any:  # noqa: ANN401 - a connection that has to be kept
    """Take a slot. Raises Refused."""
    parts = urlsplit(url)
    with contextlib.ExitStack() as stack:
        try:
            address = (parts.hostname or "127.0.0.1", parts.port or 6379)
            connection = stack.enter_context(socket.create_connection(address, 5))
            connection.sendall(b"PING\r\n")
            answer = connection.recv(256)
        except OSError as error:
            raise Refused(error.strerror or str(error), full=False) from None
        if not answer or FULL_REDIS in answer:
            raise Refused(answer.decode(errors="replace").strip() or "the connection was closed", full=bool(answer))
        stack.pop_all()
        return connection


TAKE: dict[str, Callable[[str], Any]] = {"postgresql": take_postgresql, "redis": take_redis}


def main() -> None:
    """Take and hold until told, or time, to end."""
    raise_limit()
    order = json.loads(sys.stdin.readline())
    take, deadline_s = TAKE[order["kind"]], time.monotonic() + order["expires_s"]
    held: list[Any] = []
    told = False
    while time.monotonic() < deadline_s and not _ended():
        try:
            held.append(take(order["url"]))
            continue
        except Refused as refused:
            full = refused.full
        held = [connection for connection in held if not _broken(connection)]
        if full and not told:
            told = True
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.write(json.dumps({"held": len(held)}) + "\n")
                sys.stdout.flush()
        time.sleep(RETRY_S)


def _ended() -> bool:
    """True once standard input has ended."""
    return _readable(sys.stdin.fileno()) and not sys.stdin.readline()


def _broken(connection: Any) -> bool:  # noqa: ANN401 - a connection of either kind
    """True if the server has closed the connection: an idle one has nothing to read but its end."""
    return _readable(connection.fileno())


def _readable(descriptor: int) -> bool:
    """By poll: select knows no descriptor above 1023, and a server may have more slots than that."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def raise_limit() -> None:
    """As many open files as this user may have: each slot is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
