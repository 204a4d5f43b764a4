"""The open loop: one user issues the requests of `seatrial.toml` at their intended times, however the target does.

Each request goes out once and has its own deadline. Connections are kept, and one request in ten ends its own, so that
new ones have to be opened all the time, as new visitors do. What finds no room in flight, or was due
longer ago than its client would have waited, is recorded as unsent: at its intended time, ended when that was decided.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.timeout import Timeout
from geventhttpclient.client import HTTPClientPool
from locust import User, events, task
from locust.contrib.fasthttp import FastHttpSession

from seatrial.load.recorder import Recorder, listen, read_config
from seatrial.load.rows import PLAN, outcome_of
from seatrial.load.schedule import Template, interleave, max_in_flight
from seatrial.samples import UNSENT

if TYPE_CHECKING:
    from geventhttpclient.client import HTTPClient
    from geventhttpclient.url import URL
    from locust.env import Environment

PER_CONNECTION = 10
CONFIG = read_config()
RECORDER = Recorder(CONFIG)
listen(events.init, RECORDER.attach)


class SendOnce(HTTPClientPool):
    """Connections that are kept, and never a second try: what became of a request is what its client saw."""

    def get_client(self, url: str | URL) -> HTTPClient:
        """The client of a host."""
        client = super().get_client(url)
        # geventhttpclient sends an idempotent request again on up to `size + 1` connections that end without an answer.
        client._connection_pool.size = -1
        return client


class OpenLoop(User):
    """The one user: a scheduler."""

    fixed_count = 1

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        room = max_in_flight(CONFIG.rate_hz, CONFIG.timeout_s)
        self._session = self._open_session(room)
        self._pool = Pool(room)
        self._stopping = Event()
        RECORDER.in_flight = lambda: len(self._pool)
        listen(environment.events.test_stopping, lambda **_: self._stopping.set())

    def _open_session(self, room: int) -> FastHttpSession:
        waits = {"connection_timeout": CONFIG.timeout_s, "network_timeout": CONFIG.timeout_s}
        connections = SendOnce(concurrency=room, ssl_context_factory=gevent.ssl.create_default_context, **waits)
        session = FastHttpSession(
            CONFIG.host,
            self.environment.events.request,
            None,
            insecure=False,
            client_pool=connections,
            max_redirects=0,
            max_retries=0,
        )
        session.client.cookiejar = None  # every request is a new visitor, and none is tied to one replica
        return session

    @task
    def issue(self) -> None:
        """Issue requests until Locust stops, then wait for those in flight; each has its deadline."""
        kinds = [Template.of(request) for request in CONFIG.requests]
        order = interleave([int(request["weight"]) for request in CONFIG.requests])
        begun, period = time.monotonic(), 1 / CONFIG.rate_hz
        issued = 0
        while not self._stopping.is_set():
            due = int((time.monotonic() - begun) / period) + 1 - issued
            for kind in islice(order, max(due, 0)):
                self._issue(kinds[kind], begun + issued * period, last=issued % PER_CONNECTION == 0)
                issued += 1
            # Asleep even when late, or nothing that was issued would get to run.
            self._stopping.wait(max(begun + issued * period - time.monotonic(), 0.0001))
        self._pool.join()

    def _issue(self, kind: Template, due_s: float, *, last: bool) -> None:
        now = time.monotonic()
        if self._pool.free_count() and now - due_s < CONFIG.timeout_s:
            self._pool.spawn(self._send, kind.closing() if last else kind, due_s)
        else:
            RECORDER.add(kind.name, due_s, due_s, now, UNSENT)

    def _send(self, kind: Template, due_s: float) -> None:
        path, body = kind.fill()
        start_s = time.monotonic()
        plan: dict[str, Any] = {"context": {PLAN: (due_s, start_s)}, "name": kind.name}
        try:
            with Timeout(CONFIG.timeout_s):
                self._request(kind, path, body, plan)
        except (Exception, Timeout) as error:  # one that Locust's client does not report itself
            RECORDER.add(kind.name, due_s, start_s, time.monotonic(), outcome_of(error))

    def _request(self, kind: Template, path: str, body: str | None, plan: dict[str, Any]) -> None:
        send = partial(self._session.request, kind.method, path, data=body, headers=kind.headers, **plan)
        if kind.expect is None:
            send()
            return
        with send(catch_response=True) as answer:
            if 200 <= answer.status_code < 400 and kind.expect not in (answer.text or ""):
                answer.failure("the answer has not the text that [load] expects")
