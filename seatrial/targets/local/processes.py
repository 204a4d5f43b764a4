"""The processes of a deployment and of a component: finding them all, and signalling them all."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from seatrial.targets.local.deployment import MARK, PART

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatrial.targets.local.deployment import Deployment

    Find = Callable[[], set[psutil.Process]]
_ROUNDS = 20


def of_component(deployment: Deployment, name: str, root_pid: int) -> set[psutil.Process]:
    """The supervised process, its descendants, and what carries the component's mark or works in its data folder."""
    found = {process for process in _all() if _belongs(process, str(deployment.folder), name, deployment.data(name))}
    return {process for process in found | _family(root_pid) if alive(process)}


def of_folder(folder: Path) -> set[psutil.Process]:
    """Every process that carries the folder's mark or works below it, with its descendants; never this one."""
    found = {process for process in _all() if _belongs(process, str(folder), None, folder)}
    families = [process for member in found for process in _family(member.pid)]
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return {process for process in (*found, *families) if process.pid not in own and alive(process)}


def alive(process: psutil.Process) -> bool:
    """True until it has ended, reaped or not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def frozen(process: psutil.Process) -> bool:
    """True if it is stopped by a signal (state T)."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def freeze(find: Find) -> set[psutil.Process]:
    """SIGSTOP to all that `find` finds, until it finds no new one: nobody is left to start another."""
    stopped: set[psutil.Process] = set()
    for _ in range(_ROUNDS):
        new = find() - stopped
        if not new:
            break
        send(new, signal.SIGSTOP)
        stopped |= new
    return stopped


def slay(find: Find, limit_s: float) -> set[psutil.Process]:
    """SIGKILL to all that `find` finds, until two looks in a row find nothing. Returns what is left after limit_s."""
    deadline, quiet = time.monotonic() + limit_s, 0
    while quiet < 2 and time.monotonic() < deadline:
        found = find()
        quiet = 0 if found else quiet + 1
        send(found, signal.SIGSTOP)  # no parent may clean up after its child, and with it the traces of what is left
        send(found, signal.SIGKILL)
        time.sleep(0.02)
    return find() if quiet < 2 else set()


def pids(processes: Iterable[psutil.Process]) -> str:
    """`pid 12` or `pids 12, 13 and 9 more`, for evidence."""
    numbers = sorted(process.pid for process in processes)
    shown = ", ".join(str(number) for number in numbers[:6])
    more = f" and {len(numbers) - 6} more" if len(numbers) > 6 else ""
    return f"pid{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _all() -> list[psutil.Process]:
    return list(psutil.process_iter())


def _family(pid: int) -> set[psutil.Process]:
    if not pid:
        return set()
    try:
        process = psutil.Process(pid)
        return {process, *process.children(recursive=True)}
    except psutil.Error:
        return set()


def _belongs(process: psutil.Process, folder: str, part: str | None, below: Path) -> bool:
    try:
        marks = process.environ()
        if marks.get(MARK) == folder and part in (None, marks.get(PART)):
            return True
        # PostgreSQL overwrites its environment with its title; it works in its data folder.
        return Path(process.cwd()).is_relative_to(below)
    except (psutil.Error, OSError):
        return False
