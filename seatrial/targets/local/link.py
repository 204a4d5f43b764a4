"""The link proxy: one process that carries every connection between components, and can slow or cut each link.

A clean link passes bytes on at once. A shaped one holds them in order until they are due; a blackholed one until the
link is healed, as TCP's retransmissions would bring them then. It takes its links from the deployment in its folder,
and orders over a socket there (see `link_control`).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from seatrial.roles import LinkShape
from seatrial.targets.local.deployment import HOST, Link, load_deployment

HELD_BYTES = 1 << 20  # per direction; beyond it the sender is no longer read from
_CLEAN = LinkShape()
_LINGER_NONE = struct.pack("ii", 1, 0)  # close() sends RST
_EOF, _RESET = object(), object()


@dataclass
class Carrier:
    """A link at work."""

    link: Link
    shape: LinkShape = _CLEAN
    bytes: int = 0
    sides: set[Side] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _expiry: asyncio.TimerHandle | None = None

    def reshape(self, shape: LinkShape) -> None:
        """Let the shape hold from now on, for connections that exist too."""
        if self._expiry:
            self._expiry.cancel()
        self._expiry = None
        if shape.expires_s and shape != _CLEAN:
            self._expiry = asyncio.get_running_loop().call_later(shape.expires_s, self.reshape, _CLEAN)
        self.shape = shape
        self.changed.set()
        self.changed = asyncio.Event()
        for side in tuple(self.sides):
            side.pump()

    async def healed(self) -> None:
        """Wait until the link is no blackhole."""
        while self.shape.blackhole:
            await self.changed.wait()

    def strikes(self) -> bool:
        """True if this connection or chunk is to end in a reset."""
        return random.random() < self.shape.reset_rate  # noqa: S311 - not a secret

    def delay_s(self) -> float:
        """How long a chunk takes now."""
        jitter_s = random.uniform(-1, 1) * self.shape.jitter_s  # noqa: S311 - not a secret
        return max(self.shape.latency_s + jitter_s, 0.0)


class Side(asyncio.Protocol):
    """One end of a connection; what it receives goes to its peer."""

    def __init__(self, carrier: Carrier, peer: Side | None) -> None:
        self._carrier, self.peer = carrier, peer
        self.transport: asyncio.Transport | None = None
        self._held: deque[tuple[float, Any]] = deque()
        self._held_bytes = 0
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = self._peer_full = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, or the connection to the upstream stands."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._carrier.sides.add(self)
        if self.peer is not None:
            self.peer.join(self)
        elif self._carrier.strikes():
            self.reset()
        else:
            self._task = self._loop.create_task(self._connect())

    def join(self, upstream: Side) -> None:
        """The upstream is there: pass on what has come in meanwhile."""
        self.peer = upstream
        self.pump()

    def data_received(self, data: bytes) -> None:
        """Pass a chunk on, now or when it is due."""
        if self._carrier.strikes():
            self.reset()
            if self.peer:
                self.peer.reset()
            return
        self._carrier.bytes += len(data)
        if self._carrier.shape is _CLEAN and not self._held and self.peer and self.peer.transport:
            self.peer.transport.write(data)
            return
        self._hold(data)
        self._held_bytes += len(data)
        self._throttle()

    def eof_received(self) -> bool:
        """The other direction stays open."""
        self._hold(_EOF)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the peer, in order and in time, unless this end was closed from here."""
        self._carrier.sides.discard(self)
        if not self._ended:
            self._hold(_RESET if exc else _EOF)
        self.transport = None
        if self.peer:
            self.peer.finish()

    def pause_writing(self) -> None:
        """This end takes no more: do not read from the other."""
        if self.peer:
            self.peer.peer_full(full=True)

    def resume_writing(self) -> None:
        """This end takes more again."""
        if self.peer:
            self.peer.peer_full(full=False)

    def peer_full(self, *, full: bool) -> None:
        """Note whether the peer's end takes more."""
        self._peer_full = full
        self._throttle()
        self.pump()

    def reset(self) -> None:
        """End this side with a TCP reset."""
        self._ended = True
        if self.transport:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            self.transport.abort()

    def finish(self) -> None:
        """Close this side once both directions have ended and nothing is held."""
        peer_done = self.peer is None or self.peer.transport is None
        if self.transport and peer_done and self.peer and not self.peer._held:
            self.transport.close()

    def pump(self) -> None:
        """Pass on everything that is due."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._held and self._open():
            due_s, item = self._held[0]
            now = self._loop.time()
            if self._carrier.shape is not _CLEAN and due_s > now:
                self._timer = self._loop.call_at(due_s, self.pump)
                break
            self._held.popleft()
            self._pass_on(item)
        self._throttle()

    def _open(self) -> bool:
        return not self._carrier.shape.blackhole and self.peer is not None and not self._peer_full

    def _hold(self, item: Any) -> None:  # noqa: ANN401 - a chunk or one of two markers
        self._due_s = max(self._due_s, self._loop.time() + self._carrier.delay_s())  # never before an earlier one
        self._held.append((self._due_s, item))
        self.pump()

    def _pass_on(self, item: Any) -> None:  # noqa: ANN401 - a chunk or one of two markers
        peer = self.peer
        if peer is None or peer.transport is None:
            return
        if item is _RESET:
            peer.reset()
        elif item is not _EOF:
            self._held_bytes -= len(item)
            peer.transport.write(item)
        elif self._ended or self.transport is None:
            peer.transport.close()
        elif not peer._ended:
            self._ended = True
            peer.transport.write_eof()

    def _throttle(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self._peer_full or self._held_bytes > HELD_BYTES:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    async def _connect(self) -> None:
        await self._carrier.healed()
        try:
            await self._loop.create_connection(lambda: Side(self._carrier, self), HOST, self._carrier.link.upstream)
        except OSError:
            await self._carrier.healed()
            self.reset()


class Control:
    """Answers one line of JSON with another."""

    def __init__(self, carriers: dict[str, Carrier]) -> None:
        self._carriers = carriers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            answer = self._answer(json.loads(await reader.readline()))
        except (ValueError, KeyError, TypeError) as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "shape":
            shape = LinkShape(**request["shape"])
            self._carriers[request["link"]].reshape(_CLEAN if _is_clean(shape) else shape)
        return {"ok": True, "links": {name: _state(carrier) for name, carrier in self._carriers.items()}}


def _is_clean(shape: LinkShape) -> bool:
    return not (shape.latency_s or shape.jitter_s or shape.reset_rate or shape.blackhole)


def _state(carrier: Carrier) -> dict[str, Any]:
    shape = None if carrier.shape is _CLEAN else vars(carrier.shape)
    return {"shape": shape, "connections": len(carrier.sides) // 2, "bytes": carrier.bytes}


async def serve(links: tuple[Link, ...], control: Path) -> None:
    """Carry the links until cancelled."""
    loop = asyncio.get_running_loop()
    carriers = {link.name: Carrier(link) for link in links}
    for carrier in carriers.values():
        await loop.create_server(lambda carrier=carrier: Side(carrier, None), HOST, carrier.link.port, backlog=1024)  # type: ignore[misc]  # bound per link
    control.unlink(missing_ok=True)
    os.umask(0o177)
    server = await asyncio.start_unix_server(Control(carriers).serve, control)
    await server.serve_forever()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    deployment = load_deployment(folder)
    asyncio.run(serve(deployment.links, deployment.link_socket))
