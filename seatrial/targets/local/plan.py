"""Settings -> Deployment: ports, passwords, links and commands, decided before anything is started."""

from __future__ import annotations

import re
import secrets
import shutil
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from seatrial.errors import InputError, TargetError
from seatrial.targets.local import embedded
from seatrial.targets.local.deployment import HOST, Deployment, Link, Program
from seatrial.targets.local.ports import Ports, can_bind, holder
from seatrial.targets.local.supervision import search_path
from seatrial.targets.local.templates import fields, fill, mentions_port, references

if TYPE_CHECKING:
    from seatrial.settings import LocalComponent, Settings

_URLS = {"application": "http", "postgresql": "postgresql", "redis": "redis", "other": "tcp"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def start_order(settings: Settings) -> tuple[str, ...]:
    """Components, each after those that it depends on. Raises InputError for a cycle."""
    graph = {name: component.depends_on for name, component in settings.targets.local.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise InputError("depends_on without a cycle", " -> ".join(error.args[1]), settings.file) from None


def make_plan(settings: Settings, folder: Path) -> Deployment:
    """Decide everything. Raises InputError for what the settings get wrong, TargetError for a port that is taken."""
    return _Planner(settings, folder).deployment()


class _Planner:
    """Collects ports, passwords and links while the programs are worked out."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._local = settings.targets.local
        fixed = _fixed_ports(settings)
        ports = Ports(set(fixed.values()))
        self._ports = {name: fixed.get(name) or (ports.free() if _listens(part) else 0)
                       for name, part in self._local.items()}  # fmt: skip
        self._passwords = {name: secrets.token_urlsafe(24) for name, part in self._local.items()
                           if part.command is None}  # fmt: skip
        self._links = {(name, other): ports.free() for name, part in self._local.items()
                       for other in sorted(references(_texts(part)) & (self._local.keys() - {name}))}  # fmt: skip

    def deployment(self) -> Deployment:
        programs = {name: self._program(name, component) for name, component in self._local.items()}
        links = tuple(Link(source, destination, port, self._upstream(source, destination))
                      for (source, destination), port in self._links.items())  # fmt: skip
        return Deployment(self._folder, programs, links, tuple(self._passwords.values()))

    def _upstream(self, source: str, destination: str) -> int:
        if not self._ports[destination]:
            found = f"{{{destination}...}} in [targets.local.{source}], and {destination} has no port"
            raise InputError("a reference to a component with a port", found, self._settings.file)
        return self._ports[destination]

    def _program(self, name: str, component: LocalComponent) -> Program:
        kind = self._settings.components[name].kind
        values = self._values(name)
        env = {key: self._fill(value, values) for key, value in component.env.items()}
        if wrong := [key for key in env if not _VARIABLE.fullmatch(key)]:
            raise InputError("a name of an environment variable", wrong[0], self._settings.file)
        cwd = str(self._folder / "data" / name) if component.command is None else self._cwd(name, component)
        return Program(
            name=name, kind=kind, command=self._command(name, component, values, cwd), env=env, cwd=cwd,
            port=self._ports[name], url=self._url(name, self._ports[name]), ready=self._ready(name, component),
            restart=component.restart, depends_on=component.depends_on, start_timeout_s=component.start_timeout_s,
            user=embedded.user_for(kind) if component.command is None else None, embedded=component.command is None,
        )  # fmt: skip

    def _values(self, name: str) -> dict[str, str]:
        """What `{...}` stands for inside a component: itself directly, others through its links."""
        values = {"port": str(self._ports[name]), "folder": str(self._folder / "data" / name),
                  "python": sys.executable}  # fmt: skip
        for other in self._local:
            port = self._links.get((name, other), self._ports[other])
            values |= fields(other, self._url(other, port), HOST, port)
        return values

    def _url(self, name: str, port: int) -> str:
        component, kind = self._local[name], self._settings.components[name].kind
        if component.command is None:
            if component.url:
                raise InputError(f"no url for {name} (the server that came with Seatrial has its own)", component.url,
                                 self._settings.file)  # fmt: skip
            return embedded.url_for(kind, port, self._passwords[name])
        path = {"postgresql": "/postgres", "redis": "/0"}.get(kind, "")
        template = component.url or f"{_URLS[kind]}://{HOST}:{{port}}{path}"
        return self._fill(template, {"port": str(port)})

    def _ready(self, name: str, component: LocalComponent) -> str:
        outside = {**outside_values({other: (self._url(other, port), port) for other, port in self._ports.items()}),
                   "port": str(self._ports[name])}  # fmt: skip
        ready = self._fill(component.ready, outside)
        if ready and not ready.startswith(("/", "http://", "https://")):
            raise InputError("ready as a path, an http URL, or nothing", ready, self._settings.file)
        url = f"http://{HOST}:{self._ports[name]}{ready}" if ready.startswith("/") else ready
        try:
            _ = urlsplit(url).port
        except ValueError as error:
            raise InputError("a URL whose port is a number in ready", str(error), self._settings.file) from None
        return url

    def _command(self, name: str, component: LocalComponent, values: dict[str, str], cwd: str) -> tuple[str, ...]:
        if component.command is None:
            return embedded.command_for(self._folder, name, self._settings.components[name].kind, self._ports[name])
        if not component.command:
            raise InputError(f"a program in the command of [targets.local.{name}]", "none", self._settings.file)
        command = tuple(self._fill(part, values) for part in component.command)
        program = command[0] if "/" not in command[0] else str(Path(cwd) / command[0])
        if shutil.which(program, path=search_path()) is None:
            expected = f"a program that can be run in the command of [targets.local.{name}]"
            raise InputError(expected, f"{command[0]}, which is not there", self._settings.file)
        return command

    def _cwd(self, name: str, component: LocalComponent) -> str:
        cwd = self._settings.root / component.cwd
        if not cwd.is_dir():
            raise InputError(f"a folder as cwd of [targets.local.{name}]", str(cwd), self._settings.file)
        return str(cwd)

    def _fill(self, text: str, values: dict[str, str]) -> str:
        return fill(text, values, self._settings.file)


def outside_values(urls: dict[str, tuple[str, int]]) -> dict[str, str]:
    """What `{name.url}` and the like stand for outside of the deployment, from (url, port) by name."""
    values: dict[str, str] = {}
    for name, (url, port) in urls.items():
        values |= fields(name, url, HOST, port)
    return values


def _fixed_ports(settings: Settings) -> dict[str, int]:
    fixed: dict[str, int] = {}
    for name, component in settings.targets.local.items():
        if component.port is None:
            continue
        if component.port in fixed.values():
            raise InputError(f"a port of its own for {name}", f"{component.port} twice", settings.file)
        if not can_bind(component.port):
            raise TargetError(f"{name}: port {component.port} is taken by {holder(component.port)}; end it, or give "
                              f"[targets.local.{name}] another port")  # fmt: skip
        fixed[name] = component.port
    return fixed


def _listens(component: LocalComponent) -> bool:
    """A command that is told no port, and promises none, is a worker that listens nowhere."""
    return component.command is None or component.ready.startswith("/") or mentions_port(_texts(component))


def _texts(component: LocalComponent) -> tuple[str, ...]:
    return (*(component.command or ()), *component.env.values(), component.url or "")
