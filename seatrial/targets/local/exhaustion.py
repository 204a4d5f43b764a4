"""Take every connection slot of a component by a helper process, proven by a connection that is refused."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from seatrial.errors import MissingCapability, TargetError
from seatrial.roles import Effect
from seatrial.targets.local import processes
from seatrial.targets.local.deployment import MARK, write_private
from seatrial.targets.local.exhaust import TAKE, Refused
from seatrial.targets.local.pings import startup_refusal
from seatrial.targets.local.watch import wait_until

if TYPE_CHECKING:
    from seatrial.targets.local.children import Children
    from seatrial.targets.local.deployment import Deployment, Program

FULL_S = 15.0  # how long taking all the slots may take
TOO_MANY_CONNECTIONS = "53300"  # SQLSTATE


def exhaust_connections(deployment: Deployment, name: str, expires_s: float, children: Children) -> Effect:
    """Take them all, by a helper that ends with this process. Raises MissingCapability for a kind without slots."""
    program = deployment.program(name)
    require_slots(program)
    release_connections(deployment, name)
    refused_before = refusal(program)
    struck_s = time.monotonic()
    helper = _start(deployment, program, expires_s)
    children.add(helper)
    held = _await_full(helper)
    if held is None:
        free = f"{name} refused no connection for want of a slot within {FULL_S:g} s"
        return Effect(struck_s, False, time.monotonic(), (free,))
    found = refusal(program)
    seen = refused_before is None and found is not None and found.full
    said = (f"helper pid {helper.pid} holds {held} connections to {name}", _told(refused_before, found))
    return Effect(struck_s, seen, time.monotonic(), said)


def require_slots(program: Program) -> None:
    """Raise MissingCapability for a kind whose slots are not known."""
    if program.kind not in TAKE:
        raise MissingCapability(f"{program.name} is of kind {program.kind}; slots can be taken of {' and '.join(TAKE)}")


def release_connections(deployment: Deployment, component: str) -> None:
    """End the helper and wait until a connection is accepted. Raises TargetError if none is."""
    record = _record(deployment, component)
    for process in helpers(deployment, component):
        processes.send([process], signal.SIGTERM)
        if not wait_until(time.monotonic() + 2, 0.01, lambda: not helpers(deployment, component)):
            processes.send([process], signal.SIGKILL)
    if not record.exists():
        return
    program = deployment.program(component)
    if not wait_until(time.monotonic() + 10, 0.02, lambda: refusal(program) is None):
        raise TargetError(f"{component}: connections are refused after the helper has ended: {refusal(program)}")
    record.unlink(missing_ok=True)


def helpers(deployment: Deployment, name: str) -> list[psutil.Process]:
    """The helper of a component if it is alive."""
    try:
        value = json.loads(_record(deployment, name).read_text(encoding="utf-8"))
        process = psutil.Process(value["pid"])
        same = abs(process.create_time() - value["created"]) < 1
    except (OSError, ValueError, psutil.Error):
        return []
    return [process] if same and processes.alive(process) else []


def refusal(program: Program) -> Refused | None:
    """How the server refuses a new ordinary connection, for want of a slot or otherwise; None if it takes one."""
    if program.kind == "postgresql" and startup_refusal(program, 2.0) == TOO_MANY_CONNECTIONS:
        return Refused(f"SQLSTATE {TOO_MANY_CONNECTIONS}, too many connections", full=True)
    try:
        # PostgreSQL refuses the slots that are left for superusers to others only after they have said who they are.
        TAKE[program.kind](program.url).close()
    except Refused as refused:
        return refused
    return None


def _told(before: Refused | None, found: Refused | None) -> str:
    if before is not None:
        return f"before the blow, a new connection was refused already: {before}"
    if found is None:
        return "a new connection was accepted all the same"
    return f"a new connection was refused{'' if found.full else ', though not for want of a slot'}: {found}"


def _start(deployment: Deployment, program: Program, expires_s: float) -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    helper = subprocess.Popen(
        [sys.executable, "-P", "-m", "seatrial.targets.local.exhaust"], cwd=deployment.folder,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, MARK: str(deployment.folder), "PYTHONPATH": path},
    )  # fmt: skip
    created = psutil.Process(helper.pid).create_time()
    write_private(_record(deployment, program.name), json.dumps({"pid": helper.pid, "created": created}))
    order = {"kind": program.kind, "url": program.url, "expires_s": expires_s}
    if helper.stdin:
        helper.stdin.write(json.dumps(order).encode() + b"\n")
        helper.stdin.flush()
    return helper


def _await_full(helper: subprocess.Popen[bytes]) -> int | None:
    if helper.stdout is None:
        return None
    readable, _, _ = select.select([helper.stdout], [], [], FULL_S)
    line = helper.stdout.readline() if readable else b""
    return int(json.loads(line)["held"]) if line else None


def _record(deployment: Deployment, name: str) -> Path:
    return deployment.folder / f"exhaust-{name}.json"
