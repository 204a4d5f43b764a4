"""Writing supervisord's configuration, starting it, and talking to it."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from seatrial.errors import TargetError
from seatrial.targets.local.deployment import LINKS, MARK, PART, Deployment, Program, write_private

if TYPE_CHECKING:
    from seatrial.targets.local.children import Children

STOP_WAIT_S = 10  # how long a component may take to stop before it is killed
_MAIN = """[supervisord]
nodaemon=true
logfile={folder}/logs/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}/logs
user={user}
silent=true
[unix_http_server]
file={folder}/s.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
# A program that ends within startsecs is started again after 1 s, 2 s, 3 s and so on; a later end, at once.
_PROGRAM = """[program:{name}]
command=/bin/sh {script}
process_name={name}
autostart=false
autorestart={restart}
startsecs=1
startretries={retries}
stopsignal={signal}
stopwaitsecs={stop_wait}
stopasgroup={group}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
priority={priority}
{user}
"""


@dataclass(frozen=True)
class State:
    """What supervisord says of a program."""

    name: str  # RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL, STOPPING
    pid: int  # 0 if it does not run
    detail: str


def write_configuration(deployment: Deployment, order: tuple[str, ...]) -> None:
    """Write supervisord's configuration and a start script for each program; `order` is that of the start."""
    for folder in ("logs", "run", "data"):
        (deployment.folder / folder).mkdir(mode=0o711, exist_ok=True)
    user = pwd.getpwuid(os.geteuid()).pw_name
    parts = [_MAIN.format(folder=_escaped(deployment.folder), user=user), _links_section(deployment)]
    for number, name in enumerate(order):
        program = deployment.programs[name]
        _write_script(deployment, program)
        parts.append(_section(deployment, program, 100 + number))
    write_private(deployment.folder / "supervisord.conf", "\n".join(parts))


def launch(deployment: Deployment, children: Children) -> None:
    """Start supervisord in a session of its own and wait until it takes orders. Raises TargetError."""
    program = str(Path(__file__).with_name("supervise.py"))
    command = [sys.executable, "-P", program, "-n", "-c", str(deployment.folder / "supervisord.conf")]
    output = (deployment.folder / "logs" / "supervise.log").open("wb")
    with output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            cwd=deployment.folder, env={**os.environ, MARK: str(deployment.folder)},
        )  # fmt: skip
    children.add(process)
    deadline = time.monotonic() + 20
    while not _answers(deployment):
        if process.poll() is not None or time.monotonic() > deadline:
            said = (deployment.folder / "logs" / "supervise.log").read_text(encoding="utf-8", errors="replace")
            raise TargetError(f"supervisord did not start: {' '.join(said.split())[-500:] or 'it said nothing'}")
        time.sleep(0.02)


def state(deployment: Deployment, name: str) -> State:
    """The state of a program. Raises TargetError if supervisord does not answer, or does not know it."""
    try:
        found: dict[str, Any] = call(deployment, "getProcessInfo", name)
    except xmlrpc.client.Fault as fault:
        raise TargetError(f"{name}: {fault.faultString}") from None
    return State(str(found["statename"]), int(found["pid"]), str(found["spawnerr"] or found["description"]))


def call(deployment: Deployment, method: str, *arguments: object) -> Any:  # noqa: ANN401 - what the method gives
    """Call a method of supervisord's API. Raises TargetError if it is not there, xmlrpc.client.Fault if it refuses."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport("", "", f"unix://{deployment.supervisor_socket}")
    server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        return getattr(server.supervisor, method)(*arguments)
    except (OSError, HTTPException, ExpatError, xmlrpc.client.ProtocolError, xmlrpc.client.ResponseError) as error:
        raise TargetError(f"the supervisor of {deployment.folder} does not answer: {error}") from None
    finally:
        transport.close()


def order(deployment: Deployment, method: str, name: str) -> None:
    """Start or stop a program without waiting; one that is already so is left alone."""
    try:
        call(deployment, method, name, False)
    except xmlrpc.client.Fault as fault:
        if "ALREADY_STARTED" not in fault.faultString and "NOT_RUNNING" not in fault.faultString:
            raise TargetError(f"{name}: {fault.faultString}") from None


def _answers(deployment: Deployment) -> bool:
    try:
        return bool(call(deployment, "getState"))
    except TargetError:
        return False


def _links_section(deployment: Deployment) -> str:
    package = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    command = (sys.executable, "-P", "-m", "seatrial.targets.local.link", str(deployment.folder))
    folder, env = str(deployment.folder), {"PYTHONPATH": path}
    program = Program(LINKS, "other", command, env, folder, port=0, url="", ready="", restart=True, depends_on=(),
                      start_timeout_s=10)  # fmt: skip
    _write_script(deployment, program)
    return _section(deployment, program, 1)


def _section(deployment: Deployment, program: Program, priority: int) -> str:
    postgres = program.embedded and program.kind == "postgresql"
    return _PROGRAM.format(
        name=program.name,
        script=_escaped(_script(deployment, program.name)),
        restart="true" if program.restart else "false",
        retries=1_000_000 if program.restart else 0,
        # PostgreSQL's fast shutdown, and only to the postmaster: its children would take SIGINT for a cancelled query.
        signal="INT" if postgres else "TERM",
        group="false" if postgres else "true",
        stop_wait=STOP_WAIT_S,
        log=_escaped(deployment.log(program.name)),
        priority=priority,
        user=f"user={program.user}" if program.user else "",
    )


def _script(deployment: Deployment, name: str) -> Path:
    return deployment.folder / "run" / f"{name}.sh"


def _write_script(deployment: Deployment, program: Program) -> None:
    # A script, because a value with quotes, percent signs or semicolons does not survive supervisord's file format.
    values = {"PATH": search_path(), **program.env, MARK: str(deployment.folder), PART: program.name}
    lines = [f"export {key}={shlex.quote(value)}" for key, value in values.items()]
    go = (f"cd {shlex.quote(program.cwd)} || exit 126", f"exec {shlex.join(program.command)}")
    path = _script(deployment, program.name)
    write_private(path, "\n".join(["#!/bin/sh", *lines, *go, ""]))
    if program.user:
        os.chown(path, pwd.getpwnam(program.user).pw_uid, -1)


def search_path() -> str:
    """PATH as components see it: the programs of this Python's environment first."""
    return os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
