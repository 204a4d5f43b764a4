"""Rules about what an image starts: where it listens, with which module, and whether it can be stopped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import contexts, has_application, server_in, start_words
from seatrial.plan.compose import Service
from seatrial.plan.image_contents import contents_of
from seatrial.plan.modules import missing_module
from seatrial.plan.python_packages import lacks_server
from seatrial.plan.server import LOCAL, server_of
from seatrial.rules.image_base import dockerfiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile
    from seatrial.plan.files import Place
    from seatrial.plan.server import Server

_DEVELOPERS = re.compile(r"dev|local|override|test|debug", re.IGNORECASE)  # in the name of a file that is theirs


def services(plan: Plan) -> list[Service]:
    """The services of all Compose projects."""
    return plan.services


def start_place(dockerfile: Dockerfile) -> Place:
    """Where it is written what an image starts."""
    found = dockerfile.last("CMD") or dockerfile.last("ENTRYPOINT")
    return found.place if found else dockerfile.final.place


def _unreachable(server: Server) -> str:
    told = any(word.split("=")[0] in ("--host", "--bind", "-b", "-h") for word in server.words)
    why = "" if told else ", its default"
    return f"{server.program} listens on {server.host}{why}: nobody outside the container can reach it"


@rule("image-binds-localhost", CRITICAL, over=dockerfiles)
def binds_localhost(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A server that listens only inside its container."""
    server = server_in(dockerfile, plan)
    proxied = any(
        each.name.startswith(("nginx", "haproxy", "caddy")) for each in contents_of(dockerfile, plan).packages
    )
    if server is not None and server.host in LOCAL and not proxied:
        yield start_place(dockerfile), _unreachable(server)


@rule("compose-binds-localhost", CRITICAL, over=services)
def service_binds_localhost(service: Service, _plan: Plan) -> Iterator[Found]:
    """The same by the command of a service."""
    server = server_of(service.command, service.values) if service.command else None
    if server is not None and server.host in LOCAL and not service.node.get("network_mode").text:
        node = service.node.get("command") if service.node.get("command") else service.node.get("entrypoint")
        yield node, _unreachable(server)


@rule("image-expose-differs", MAJOR, over=dockerfiles)
def expose_differs(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """EXPOSE of another port than the server's."""
    server, ports = server_in(dockerfile, plan), dockerfile.ports
    if server is not None and server.port and ports and server.port not in ports:
        shown = ", ".join(str(port) for port in sorted(ports))
        yield next(iter(ports.values())).place, f"exposes {shown}, and {server.program} listens on {server.port}"


@rule("image-module-missing", CRITICAL, over=dockerfiles)
def module_missing(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A server that is started with a module that the source does not have."""
    server, folders = server_in(dockerfile, plan), contexts(dockerfile, plan)
    if server is None or not server.module or not all(has_application(folder, plan) for folder in folders):
        return
    why = missing_module(server.module, dockerfile, plan)
    if why:
        yield (
            start_place(dockerfile),
            f"{server.program} is started with {server.module}, and {why}: the container ends at once",
        )


@rule("image-server-not-installed", CRITICAL, over=dockerfiles)
def server_not_installed(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A server that is started and is not among the packages that are installed."""
    server = server_in(dockerfile, plan)
    name = server.program.partition(" ")[0] if server else ""
    if name in ("uvicorn", "gunicorn", "hypercorn") and (lists := lacks_server(dockerfile, name, plan)):
        yield start_place(dockerfile), f"starts {name}, and {lists} does not install it: the container ends at once"


@rule("image-reloads", MAJOR, over=dockerfiles)
def reloads(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A server in the mode of a developer's machine."""
    server = server_in(dockerfile, plan)
    if server is not None and server.reloads and not _DEVELOPERS.search(dockerfile.file.name):
        yield (
            start_place(dockerfile),
            f"starts {server.program} in the mode for developers: one process that watches its files",
        )


@rule("compose-reloads", MAJOR, over=services)
def service_reloads(service: Service, _plan: Plan) -> Iterator[Found]:
    """The same by the command of a service, in a file that is not one for developers."""
    server = server_of(service.command, service.values) if service.command else None
    command = service.node.get("command")
    if server is not None and server.reloads and not _DEVELOPERS.search(command.file.name):
        yield command, f"starts {server.program} in the mode for developers: one process that watches its files"


@rule("image-signal-lost", MAJOR, over=dockerfiles)
def signal_lost(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A start script that stays in front of the server and passes no signal on."""
    names = {word.rsplit("/", maxsplit=1)[-1] for word in start_words(dockerfile) if word.endswith(".sh")}
    for script in (each for each in plan.scripts if each.file.name in names):
        waits = any(command.name in ("trap", "wait") for command in script.commands)
        for command in script.commands:
            if not waits and server_of(command.program, script.values) and command.words[:1] != ["exec"]:
                said = f"{command.name} is started without exec, so the shell stays in front of it"
                yield (
                    command.place,
                    f"{said} and passes no SIGTERM on: every stop waits for the grace period and then kills",
                )
                return
