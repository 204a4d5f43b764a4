"""The open loop: a request is sent when it is due, on a fixed grid, whatever became of those before it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.samples import OK, Sample, SampleWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

FINER = 2  # while requests fail at once, a stream is sampled so many times as often: the end is seen sooner
FLUSH_S = 0.05
CROWDED = 3  # so many in flight mean a service that hangs: its first answer shows the end, more are a burden


@dataclass
class Stream:
    """One stream: how often, and what a request is. `send` gives the outcome and the key of what it sent."""

    name: str
    rate_hz: float
    send: Callable[[str], Awaitable[str]]
    next_key: Callable[[], str] = field(default=lambda: "")
    finer: int = FINER
    offset: float = 0.0  # share of a period by which its grid is shifted
    failed: bool = False
    pending: dict[asyncio.Task[None], tuple[float, float, str]] = field(default_factory=dict)

    @property
    def period_s(self) -> float:
        """Seconds between two requests."""
        return 1 / self.rate_hz

    @property
    def refused(self) -> bool:
        """Requests fail, and at once: sampling faster costs the service nothing."""
        return self.failed and len(self.pending) < CROWDED


class Sampler:
    """Runs streams until told to stop, and writes a sample for each request that has an outcome."""

    def __init__(self, streams: list[Stream], path: Path, timeout_s: float) -> None:
        self._streams, self._timeout_s = streams, timeout_s
        self._writer = SampleWriter(path)
        self._done: list[Sample] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Sample until `stop` is set; then write what is known of the requests in flight."""
        start = time.monotonic()
        tickers = [asyncio.create_task(self._tick(stream, start)) for stream in self._streams]
        while not stop.is_set():
            await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=FLUSH_S)
            self._flush()
        for ticker in tickers:
            ticker.cancel()
        self._give_up()
        self._flush()
        self._writer.close()

    async def _tick(self, stream: Stream, start: float) -> None:
        step_s = stream.period_s / stream.finer
        number = round(stream.offset * stream.finer)
        while True:
            due = start + number * step_s
            now = time.monotonic()
            if now < due:
                await asyncio.sleep(due - now)
            on_grid = (number - round(stream.offset * stream.finer)) % stream.finer == 0
            if on_grid or stream.refused:
                self._send(stream, due)
            number += 1

    def _send(self, stream: Stream, due: float) -> None:
        key = stream.next_key()
        task = asyncio.create_task(self._sample(stream, due, key))
        stream.pending[task] = (due, time.monotonic(), key)
        task.add_done_callback(lambda task: stream.pending.pop(task, None))

    async def _sample(self, stream: Stream, due: float, key: str) -> None:
        started = time.monotonic()
        work = asyncio.ensure_future(stream.send(key))
        done, _ = await asyncio.wait({work}, timeout=self._timeout_s)
        ended = time.monotonic()
        outcome = work.result() if done else "timeout"
        work.cancel()  # what it may still want to do is not waited for
        stream.failed = outcome != OK
        self._done.append(Sample(stream.name, due, started, ended, outcome, key))

    def _give_up(self) -> None:
        """Requests in flight at the end: those of the ledger are unknown, the others have shown nothing yet."""
        now = time.monotonic()
        for stream in self._streams:
            for due, started, key in stream.pending.values():
                if key or now - started >= self._timeout_s:
                    self._done.append(Sample(stream.name, due, started, now, "timeout", key))

    def _flush(self) -> None:
        if self._done:
            done, self._done = self._done, []
            self._writer.write(done)
