"""Starting what was planned: independent components side by side, each after those that it depends on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from seatrial.errors import SeatrialError, TargetError
from seatrial.targets.local import embedded, pings, supervision
from seatrial.targets.local.deployment import LINKS, Deployment, Program
from seatrial.targets.local.link_control import link_state

if TYPE_CHECKING:
    from seatrial.masking import Masker
    from seatrial.targets.local.children import Children

STEP_S = 0.02
LOG_LINES = 15
NOTHING = "it said nothing; does its command use {port}, or its table say port = ...?"
_RAN_AND_ENDED = ("BACKOFF", "FATAL", "EXITED")


class Startup:
    """One start of a whole deployment."""

    def __init__(self, deployment: Deployment, order: tuple[str, ...], masker: Masker, children: Children) -> None:
        self._deployment, self._order, self._masker, self._children = deployment, order, masker, children
        self._abort = threading.Event()
        self._supervised = threading.Event()

    def run(self) -> None:
        """Start everything. Raises TargetError for the first component that does not start."""
        supervision.write_configuration(self._deployment, self._order)
        with ThreadPoolExecutor(len(self._order) + 1, thread_name_prefix="up") as pool:
            try:
                self._start_all(pool)
            finally:
                self._abort.set()

    def _start_all(self, pool: ThreadPoolExecutor) -> None:
        started: dict[str, Future[None]] = {}
        base = pool.submit(self._supervise)
        for name in self._order:
            program = self._deployment.programs[name]
            before = [started[other] for other in program.depends_on]
            started[name] = pool.submit(self._start, program, before)
        futures = [base, *started.values()]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        failures = [error for future in done if (error := future.exception())]
        if failures:
            raise failures[0]

    def _supervise(self) -> None:
        supervision.launch(self._deployment, self._children)
        supervision.order(self._deployment, "startProcess", LINKS)
        deadline = time.monotonic() + 20
        while link_state(self._deployment) is None:
            self._step(deadline, "the link proxy", lambda: log_tail(self._deployment, LINKS, self._masker))
        self._supervised.set()

    def _start(self, program: Program, before: list[Future[None]]) -> None:
        if program.embedded:
            self._prepare(program)
        for other in before:
            other.result()
        while not self._supervised.wait(STEP_S):
            self._check()
        supervision.order(self._deployment, "startProcess", program.name)
        wait_ready(self._deployment, program, self._masker, self._abort, ended_is_failure=True)

    def _prepare(self, program: Program) -> None:
        password = _password(program)
        if program.kind == "postgresql":
            embedded.copy_postgres(self._deployment.folder)
        embedded.prepare(self._deployment, program, password)

    def _check(self) -> None:
        if self._abort.is_set():
            raise TargetError("the start was given up")

    def _step(self, deadline: float, what: str, said: object) -> None:
        self._check()
        if time.monotonic() > deadline:
            raise TargetError(f"{what} did not start: {said() if callable(said) else said}")
        time.sleep(STEP_S)


def wait_ready(
    deployment: Deployment, program: Program, masker: Masker, abort: threading.Event, *, ended_is_failure: bool
) -> None:
    """Wait until a started program is ready. Raises TargetError with its last log lines.

    With `ended_is_failure` the first end of the program is one; without, its restarts have until start_timeout_s.
    """
    deadline, seen = time.monotonic() + program.start_timeout_s, "nothing yet"
    while not abort.is_set():
        state = supervision.state(deployment, program.name)
        if state.name in _RAN_AND_ENDED and (ended_is_failure or not program.restart):
            raise _not_started(deployment, program, masker, f"it ended ({state.detail})")
        trouble = _trouble(program, state)
        if trouble is None:
            return
        seen = trouble
        if time.monotonic() > deadline:
            why = f"it was not ready within {program.start_timeout_s:g} s: {seen}"
            raise _not_started(deployment, program, masker, why)
        time.sleep(STEP_S)
    raise TargetError(f"{program.name}: the start was given up")


def log_tail(deployment: Deployment, name: str, masker: Masker) -> str:
    """The last lines of a program's log, masked, on one line with bars between them."""
    try:
        lines = deployment.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return masker.text(" | ".join(line for line in lines[-LOG_LINES:] if line.strip())) or NOTHING


def _trouble(program: Program, state: supervision.State) -> str | None:
    if state.name not in ("RUNNING", "STARTING"):
        return f"it is {state.name}"
    if not program.port and not program.ready:
        return None if state.name == "RUNNING" else "it has just been started"
    return pings.ready(program, 2.0)


def _not_started(deployment: Deployment, program: Program, masker: Masker, why: str) -> SeatrialError:
    tail = log_tail(deployment, program.name, masker)
    return TargetError(f"{program.name} did not start: {why}; its last lines: {tail}")


def _password(program: Program) -> str:
    from urllib.parse import urlsplit

    return urlsplit(program.url).password or ""
