"""Does a server answer? One round trip in its own protocol, on a connection of its own."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from seatrial.targets.local.deployment import HOST

if TYPE_CHECKING:
    from seatrial.targets.local.deployment import Program

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL protocol, message SSLRequest
_PROTOCOL_3 = 196608
CANNOT_CONNECT_NOW = "57P03"


class NoAnswer(Exception):
    """The server refused, reset, closed, or was silent until the timeout; the text says which."""


def ping(program: Program, port: int, timeout_s: float) -> float:
    """Seconds for one round trip in the protocol of the program's kind. Raises NoAnswer."""
    begin = time.monotonic()
    try:
        with socket.create_connection((HOST, port), timeout_s) as connection:
            request = question(program)
            if request:
                connection.sendall(request)
                if not connection.recv(1):
                    raise NoAnswer("the connection was closed")
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise NoAnswer("the connection was refused") from None
    except OSError as error:
        raise NoAnswer(f"the connection was reset ({error.strerror})") from None
    return time.monotonic() - begin


def question(program: Program) -> bytes:
    """A request that the program answers at once; empty where none is known and a connection has to be enough."""
    if program.kind == "redis":
        return b"PING\r\n"
    if program.kind == "postgresql":
        return _SSL_REQUEST
    if program.kind == "application" or program.ready:
        path = urlsplit(program.ready).path or "/"
        return f"GET {path} HTTP/1.1\r\nHost: {HOST}:{program.port}\r\nConnection: close\r\n\r\n".encode()
    return b""


def answers(program: Program, port: int, timeout_s: float) -> str | None:
    """None if a ping is answered, else why not."""
    try:
        ping(program, port, timeout_s)
    except NoAnswer as error:
        return str(error)
    return None


def ready(program: Program, timeout_s: float) -> str | None:
    """None if the program is ready to serve, else what was seen instead."""
    if program.ready:
        return _http_ready(program.ready, timeout_s)
    if program.kind == "postgresql":
        code = startup_refusal(program, timeout_s)
        return f"PostgreSQL says {code}" if code in (CANNOT_CONNECT_NOW, "no answer") else None
    if program.kind == "redis":
        return answers(program, program.port, timeout_s)
    with contextlib.suppress(OSError), socket.create_connection((HOST, program.port), timeout_s):
        return None
    return f"port {program.port} does not answer"


def startup_refusal(program: Program, timeout_s: float) -> str:
    """SQLSTATE with which PostgreSQL refuses a new connection before it asks who it is; "" if it asks.

    The messages are those of PostgreSQL's protocol 3.0; "no answer" if it says nothing of the kind.
    """
    parts = urlsplit(program.url)
    user, database = unquote(parts.username or "postgres"), parts.path.strip("/") or "postgres"
    body = b"".join(item.encode() + b"\0" for item in ("user", user, "database", database)) + b"\0"
    try:
        with socket.create_connection((HOST, program.port), timeout_s) as connection:
            connection.sendall(struct.pack("!ii", len(body) + 8, _PROTOCOL_3) + body)
            return _refusal(connection)
    except OSError:
        return "no answer"


def _refusal(connection: socket.socket) -> str:
    message = connection.recv(4096)
    if message[:1] == b"R":
        return ""
    fields = message[5:].split(b"\0") if message[:1] == b"E" else []
    return next((field[1:].decode() for field in fields if field[:1] == b"C"), "no answer")


def _http_ready(url: str, timeout_s: float) -> str | None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or HOST, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url} does not answer ({error or type(error).__name__})"
    finally:
        connection.close()
    return None if 200 <= status < 400 else f"{url} answers {status}"
