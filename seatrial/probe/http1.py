"""A thin HTTP/1.1 client that hides nothing: no retry, no redirect, no pool that would mend a broken connection.

A library's client retries on a stale kept connection, which is just what a user of the deployment would have seen fail.
"""

from __future__ import annotations

import asyncio
import errno
import json
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex
from urllib.parse import urlsplit

import h11

from seatrial.errors import InputError
from seatrial.samples import OK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CHUNK_BYTES = 65536
_UNREACHED = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Endpoint:
    """Where to connect, parsed from a URL."""

    host: str
    port: int
    tls: bool
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_url(url: str) -> Endpoint:
    """An http or https URL as an endpoint. Raises InputError."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # whose text may hold a part of a password
        raise InputError("an http or https URL (with # and / in a password as %23 and %2F)", "another") from None
    if parts.fragment:
        raise InputError("a URL without a fragment (# in a password is %23)", "one with a #")
    if any(character <= " " for character in url):
        raise InputError("a URL without spaces", repr(url.rsplit("@", maxsplit=1)[-1]))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise InputError("an http or https URL with a host", repr(url.rsplit("@", maxsplit=1)[-1]))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.hostname, port, parts.scheme == "https", path)


@dataclass(frozen=True)
class Answer:
    """What became of a request: `ok`, `http_503`, `refused`, `reset`, `wrong`, `error`; when; the body of an answer."""

    outcome: str
    at_s: float  # monotonic time at which its last bytes arrived, or its failure was noticed
    status: int = 0
    body: bytes = b""

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body as JSON. Raises ValueError if it is not."""
        return json.loads(self.body)


class _Reader(asyncio.StreamReader):
    """Notes when bytes arrive: a hundred answers that come at once are read one after another, much later."""

    at_s = 0.0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self.at_s = time.monotonic()
        super().feed_data(data)


class _Connection:
    """One TCP connection and its HTTP state."""

    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(our_role=h11.CLIENT)

    @property
    def usable(self) -> bool:
        return self.http.our_state is h11.IDLE and not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        transport = self.writer.transport
        transport.abort()


class HttpClient:
    """Requests to one deployment; `keep` decides whether connections are kept, each request takes one for itself."""

    def __init__(self, url: str, *, keep: bool) -> None:
        self._endpoint = parse_url(url)
        self._keep = keep
        self._idle: deque[_Connection] = deque()
        self._tls = ssl.create_default_context() if self._endpoint.tls else None

    async def request(
        self,
        method: str,
        path: str = "",
        body: Any = None,  # noqa: ANN401 - any JSON value
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; never raises for what the deployment does. Cancelling it closes its connection."""
        connection = None
        try:
            connection = self._take() or await self._connect()
            answer = await self._exchange(connection, method, path, body, dict(headers or {}))
        except OSError as error:
            return Answer(_outcome(error), time.monotonic())
        except h11.RemoteProtocolError:
            return Answer("reset" if connection and connection.reader.at_eof() else "wrong", time.monotonic())
        except h11.LocalProtocolError:
            return Answer("error", time.monotonic())
        else:
            self._give_back(connection)
            connection = None
            return answer
        finally:
            if connection:
                connection.close()

    def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        endpoint = self._endpoint
        loop = asyncio.get_running_loop()
        reader = _Reader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol, endpoint.host, endpoint.port, ssl=self._tls)
        return _Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def _give_back(self, connection: _Connection) -> None:
        http = connection.http
        if self._keep and http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()
            self._idle.append(connection)
        else:
            connection.close()

    async def _exchange(
        self,
        connection: _Connection,
        method: str,
        path: str,
        body: Any,  # noqa: ANN401 - any JSON value
        headers: dict[str, str],
    ) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Host": self._endpoint.authority, "User-Agent": "seatrial", **headers}
        headers |= {} if body is None else {**_JSON, "Content-Length": str(len(content))}
        headers |= {} if self._keep else {"Connection": "close"}
        prefix = self._endpoint.path.rstrip("/") if path else self._endpoint.path
        request = h11.Request(method=method, target=prefix + path, headers=list(headers.items()))
        events: list[Any] = [request, *([h11.Data(content)] if content else []), h11.EndOfMessage()]
        connection.writer.write(b"".join(connection.http.send(event) or b"" for event in events))
        return await _read(connection)


async def _read(connection: _Connection) -> Answer:
    status, body = 0, bytearray()
    while True:
        event = connection.http.next_event()
        if event is h11.NEED_DATA:
            connection.http.receive_data(await connection.reader.read(_CHUNK_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            good = 200 <= status < 300
            return Answer(OK if good else f"http_{status}", connection.reader.at_s, status, bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            return Answer("reset", time.monotonic())


def _outcome(error: OSError) -> str:
    # A name with several addresses fails with one error that only its text tells apart.
    if error.errno in _UNREACHED or any(f"[Errno {number}]" in str(error) for number in _UNREACHED):
        return "refused"
    if isinstance(error, ConnectionError):
        return "reset"
    return "timeout" if isinstance(error, TimeoutError) else "error"
