"""Inside the Locust process: records every request as a sample and, once a second, how Locust itself was doing.

The hot path appends one tuple; a greenlet formats and writes what has gathered every 50 ms. Locust's own clients differ
in what they hide: `HttpUser` (requests) sends a request once; `FastHttpUser` (geventhttpclient) sends a GET, HEAD, PUT
or DELETE again, unseen, when a connection ends before the answer begins. Seatrial's own open loop sends once; a user's
locustfile is left as it is.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from gevent.socket import wait_read

from seatrial.load.health import CLOSED, HEALTH_FIELDS, HEALTH_FILE, MOST_LAG_S, OPEN, p99
from seatrial.load.rows import PLAN, Lines, outcome_of
from seatrial.masking import Masker
from seatrial.samples import FIELDS, OK, UNSENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from seatrial.load.rows import Event

BATCH_S = 0.05
HEALTH_S = 1.0


@dataclass(frozen=True)
class Config:
    """What the runner says on the first line of standard input."""

    folder: Path
    host: str
    timeout_s: float
    rate_hz: float
    requests: tuple[dict[str, Any], ...]  # empty: the user's own locustfile
    secrets: tuple[str, ...]  # that no name of a request may show

    @property
    def loop(self) -> str:
        """Open or closed."""
        return OPEN if self.requests else CLOSED


def read_config() -> Config:
    """Wait for the runner's line. Ends the process if the runner ended without one."""
    line = sys.stdin.readline()
    if not line:
        raise SystemExit(0)
    data = json.loads(line)
    return Config(**{**data, "folder": Path(data["folder"]), "requests": tuple(data["requests"]),
                     "secrets": tuple(data["secrets"])})  # fmt: skip


def listen(hook: Any, listener: Callable[..., None]) -> None:  # noqa: ANN401 - Locust's hooks have no types
    """Call the listener at each event of the hook."""
    hook.add_listener(listener)


class Recorder:
    """Listens to Locust's requests and writes `samples/load-<pid>.csv` and `load-health.csv`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.in_flight: Callable[[], int] = lambda: 0
        self._events: list[Event] = []
        masker = Masker()
        for secret in config.secrets:
            masker.add(secret)
        self._lines = Lines(time.monotonic(), time.time(), masker.text)
        self._ended = self._unsent = 0  # requests since the last row of health
        self._looked_s, self._cpu_s = time.monotonic(), time.process_time()
        self._samples = (config.folder / "samples" / f"load-{os.getpid()}.csv").open("a", encoding="utf-8")
        self._health = (config.folder / HEALTH_FILE).open("a", encoding="utf-8")
        self._environment: Environment | None = None

    def attach(self, environment: Environment, **_: object) -> None:
        """Locust's `init` event: everything is loaded, nothing has been sent."""
        self._environment = environment
        environment.host = self.config.host
        if environment.parsed_options:
            environment.parsed_options.host = self.config.host
        if self.config.loop == CLOSED:
            self.in_flight = lambda: environment.runner.user_count if environment.runner else 0
        listen(environment.events.request, self._listener())
        listen(environment.events.test_start, self._begin)
        listen(environment.events.test_stop, self._finish)
        atexit.register(self.flush)
        # A KeyboardInterrupt may strike in the middle of a write; a signal watcher cannot.
        gevent.signal_handler(signal.SIGINT, self._quit)
        gevent.spawn(self._watch_runner)

    def _listener(self) -> Callable[..., None]:
        append, now, strict = self._events.append, time.monotonic, self.config.loop == OPEN

        def on_request(  # the hot path: nothing here that can wait for the batch
            *,
            name: object,
            response_time: float | None = None,
            exception: object = None,
            start_time: float | None = None,
            response: object = None,
            context: Any = None,  # noqa: ANN401 - whatever the locustfile put there
            **_: object,
        ) -> None:
            # An exception holds its frames and its response: classified at once, it can go.
            status = getattr(response, "status_code", 0) or 0
            outcome = OK if exception is None else outcome_of(exception, status)
            if (
                strict and exception is None and status >= 300
            ):  # a redirect is an answer, not the one that was asked for
                outcome = f"http_{status}"
            append((name, now(), response_time, start_time, outcome, context))

        return on_request

    def add(self, name: str, intended_s: float, start_s: float, end_s: float, outcome: str) -> None:
        """Record a request that Locust has no event for."""
        self._unsent += outcome == UNSENT
        self._events.append((name, end_s, None, None, outcome, {PLAN: (intended_s, start_s)}))

    def flush(self) -> None:
        """Write what has gathered."""
        self._lines.check(time.monotonic(), time.time())
        lines = self._lines.of(self._events)
        # The listener holds the list itself: emptied in place, and nothing yields between reading and clearing.
        self._events.clear()
        self._ended += len(lines)
        if lines:
            self._samples.write("".join(lines))
            self._samples.flush()

    def _begin(self, **_: object) -> None:
        for file, fields in ((self._samples, FIELDS), (self._health, HEALTH_FIELDS)):
            if file.tell() == 0:
                file.write(",".join(fields) + "\n")
                file.flush()
        self._looked_s, self._cpu_s = time.monotonic(), time.process_time()
        self._write_health()  # its first row tells the runner that the load has begun
        gevent.spawn(self._work)

    def _finish(self, **_: object) -> None:
        self.flush()
        self._write_health()

    def _work(self) -> None:
        try:
            while True:
                due_s = time.monotonic() + BATCH_S
                gevent.sleep(BATCH_S)
                late_s = time.monotonic() - due_s
                self._lines.lags.append(late_s)
                self.flush()
                stalled = late_s > MOST_LAG_S and self.config.loop == CLOSED  # an open loop's samples show it
                if stalled or time.monotonic() - self._looked_s >= HEALTH_S:
                    self._write_health()
        except OSError as error:
            logging.error("the load cannot be recorded: %s", error)
            self._quit()

    def _write_health(self) -> None:
        now, cpu_s = time.monotonic(), time.process_time()
        cpu = (cpu_s - self._cpu_s) / max(now - self._looked_s, BATCH_S)
        counts = f"{self.in_flight()},{self._ended - self._unsent},{self._unsent}"
        self._health.write(f"{now:.6f},{cpu:.4f},{p99(self._lines.lags):.6f},{counts},{self.config.loop}\n")
        self._health.flush()
        self._looked_s, self._cpu_s, self._ended, self._unsent = now, cpu_s, 0, 0
        self._lines.lags.clear()

    def _watch_runner(self) -> None:
        """The runner holds the other end of standard input, so that its death, however sudden, ends Locust too."""
        descriptor = sys.stdin.fileno()
        while True:
            wait_read(descriptor)
            if not os.read(descriptor, 4096):
                return self._quit()

    def _quit(self) -> None:
        environment, self._environment = self._environment, None
        if environment and environment.runner:
            environment.runner.quit()
