"""One link at work: what comes in at either end of a connection goes to the other, as the link's shape says."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from seatrial.roles import LinkShape
from seatrial.targets.local.deployment import HOST

if TYPE_CHECKING:
    from seatrial.targets.local.deployment import Link

HELD_BYTES = 1 << 20  # per direction; beyond it the sender is no longer read from
CLEAN = LinkShape()
_LINGER_NONE = struct.pack("ii", 1, 0)  # close() sends RST
_EOF, _RESET = object(), object()


@dataclass
class Carrier:
    """A link at work."""

    link: Link
    shape: LinkShape = CLEAN
    bytes: int = 0
    sides: set[Side] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _expiry: asyncio.TimerHandle | None = None

    def reshape(self, shape: LinkShape) -> None:
        """Let the shape hold from now on, for connections that exist too."""
        if self._expiry:
            self._expiry.cancel()
        self._expiry = None
        if shape.expires_s and shape != CLEAN:
            self._expiry = asyncio.get_running_loop().call_later(shape.expires_s, self.reshape, CLEAN)
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
        self._peer_full = False
        self._heard_all = self._told_all = False  # this end's EOF has come in; it has been passed on
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
        self._carrier.bytes += len(data)
        if self._carrier.shape is CLEAN and not self._held and self.peer and self.peer.transport:
            self.peer.transport.write(data)
        elif self._carrier.strikes():
            self.reset()
            if self.peer:
                self.peer.reset()
        else:
            self._hold(data)

    def eof_received(self) -> bool:
        """The other direction stays open."""
        self._heard_all = True
        self._hold(_EOF)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass a reset on; without one, the connection was ended from here."""
        self._carrier.sides.discard(self)
        self.transport = None
        if exc:
            self._hold(_RESET)

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
        if full:
            self._throttle()
        else:
            self.pump()

    def reset(self) -> None:
        """End this side with a TCP reset."""
        if self.transport:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            self.transport.abort()

    def pump(self) -> None:
        """Pass on everything that is due."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._held and self._open():
            due_s, item = self._held[0]
            if self._carrier.shape is not CLEAN and due_s > self._loop.time():
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
        self._held_bytes += len(item) if isinstance(item, bytes) else 0
        self.pump()

    def _pass_on(self, item: Any) -> None:  # noqa: ANN401 - a chunk or one of two markers
        self._held_bytes -= len(item) if isinstance(item, bytes) else 0
        if self.peer is None or self.peer.transport is None:
            return
        if item is _RESET:
            self.peer.reset()
        elif item is _EOF:
            self._tell_end(self.peer, self.peer.transport)
        else:
            self.peer.transport.write(item)

    def _tell_end(self, peer: Side, transport: asyncio.Transport) -> None:
        self._told_all = True
        transport.write_eof()
        if peer._told_all:
            transport.close()
            if self.transport:
                self.transport.close()

    def _throttle(self) -> None:
        # Reading again after the end would hear the end twice.
        if self.transport is None or self._heard_all:
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
