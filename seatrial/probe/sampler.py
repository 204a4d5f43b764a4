"""The open loop: a request is sent when it is due, on a fixed grid, whatever became of those before it."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from seatrial.attention import SLEPT_S
from seatrial.samples import OK, Sample, SampleWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

FINER = 4  # while nobody listens, a stream is sampled so many times as often: the end is seen sooner, nobody burdened
FAILING = 2  # and so many times while requests are taken and fail at once
FLUSH_S = 0.05
CROWDED = 3  # so many in flight mean a service that hangs: its first answer shows the end, more are a burden


class Ended(NamedTuple):
    """The end of a request: its outcome, and when the client had it, in monotonic seconds."""

    outcome: str
    at_s: float


@dataclass
class Stream:
    """One stream: how often, and what a request is. `send` takes the key of what it sends, and does not raise."""

    name: str
    rate_hz: float
    send: Callable[[str], Awaitable[Ended]]
    next_key: Callable[[], str] = field(default=lambda: "")
    finer: int = FINER
    offset: float = 0.0  # share of a period by which its grid is shifted
    outcome: str = OK  # of the request that ended last
    pending: dict[asyncio.Task[None], tuple[float, float, str]] = field(default_factory=dict)

    @property
    def step_s(self) -> float:
        """Seconds between two steps of the finer grid."""
        return 1 / self.rate_hz / self.finer

    @property
    def first_step(self) -> int:
        """The step of the finer grid on which it begins."""
        return round(self.offset * self.finer)

    def wants(self, number: int) -> bool:
        """Is a request sent at this step of the finer grid?"""
        number -= self.first_step
        often = 1
        if self.outcome != OK and len(self.pending) < CROWDED:
            often = self.finer if self.outcome == "refused" else min(self.finer, FAILING)
        return number % (self.finer // often) == 0


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
        stopped = asyncio.create_task(stop.wait())
        while not stopped.done():
            await asyncio.wait({stopped}, timeout=FLUSH_S)
            self._flush()
        for ticker in tickers:
            ticker.cancel()
        self._give_up()
        self._flush()
        self._writer.close()

    async def _tick(self, stream: Stream, start: float) -> None:
        number = stream.first_step
        while True:
            due = start + number * stream.step_s
            await asyncio.sleep(max(due - time.monotonic(), 0))
            late = time.monotonic() - due
            if late > SLEPT_S:
                number += math.ceil(late / stream.step_s)
                continue
            if stream.wants(number):
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
        ended = _ended(work) if done else Ended("timeout", time.monotonic())
        work.cancel()  # what it may still want to do is not waited for
        stream.outcome = ended.outcome
        self._done.append(Sample(stream.name, due, started, ended.at_s, ended.outcome, key))

    def _give_up(self) -> None:
        """Requests in flight at the end: those of the ledger are unknown, the others have shown nothing yet."""
        now = time.monotonic()
        for stream in self._streams:
            for task, (due, started, key) in stream.pending.items():
                if not task.done() and (key or now - started >= self._timeout_s):
                    self._done.append(Sample(stream.name, due, started, now, "timeout", key))

    def _flush(self) -> None:
        if self._done:
            done, self._done = self._done, []
            self._writer.write(done)


def _ended(work: asyncio.Future[Ended]) -> Ended:
    return Ended("error", time.monotonic()) if work.cancelled() or work.exception() else work.result()
