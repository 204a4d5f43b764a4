"""Where the variables and arguments of Compose services lead: URLs and HOST/PORT pairs, and who answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.addresses import HOST_NAMES, PORTS, URL
from seatrial.plan.interpolation import interpolate
from seatrial.plan.wiring import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.nodes import Node

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Given:
    """A variable of a service: its value, with a mark in place of what no file tells."""

    name: str
    value: str
    node: Node


@dataclass(frozen=True)
class Link:
    """Where a variable or an argument of a service leads."""

    service: Service
    variable: str
    scheme: str
    host: str
    port: int | None
    user: str
    password: str
    path: str
    node: Node

    @property
    def label(self) -> str:
        """As findings name it."""
        return self.service.label


def marked(text: str, service: Service) -> str:
    """A text with its variables replaced, and a mark with its name for each that no file sets."""
    return interpolate(text, service.project.variables, lambda name: f"{UNKNOWN}{name}{UNKNOWN}")


def given(service: Service) -> dict[str, Given]:
    """The variables of a service, those of its env files too."""
    place = service.node.get("env_file")
    found = {name: Given(name, value, place) for name, value in service.env_files.items()}
    listed = service.node.get("environment").is_list
    for name, node in service.environment.items():
        _, equals, inside = node.text.partition("=")
        bare = not equals if listed else node.raw is None
        value = f"${{{name}}}" if bare else inside if listed else node.text
        found[name] = Given(name, marked(value, service), node)
    return found


def links_of(service: Service) -> list[Link]:
    """Where the variables and arguments of a service lead."""
    variables = given(service)
    found = [link for each in variables.values() for link in _of_urls(service, each)]
    words = [node for key in ("command", "entrypoint") for node in (service.node.get(key), *service.node.get(key))]
    for node in words:
        for word in marked(node.text, service).split():
            found += _of_urls(service, Given("its command", word.rpartition("=")[2] if "://" in word else "", node))
    return found + [link for each in variables.values() if (link := _of_host(service, each, variables))]


def _of_urls(service: Service, each: Given) -> Iterator[Link]:
    pieces = [piece.strip(" []\"'") for piece in each.value.split(",")]
    for piece in pieces if all("://" in piece for piece in pieces) else ():
        match = URL.fullmatch(piece)
        if match is None or match["scheme"].lower() not in PORTS or "+srv" in piece:
            continue
        scheme, port = match["scheme"].lower(), match["port"]
        number = int(port) if port and port.isdigit() and len(port) < 6 else None
        yield Link(
            service, each.name, scheme, match["host"], number if port else PORTS[scheme] or None,
            match["user"] or "", match["password"] or "", (match["path"] or "").strip("/"), each.node,
        )  # fmt: skip


def _of_host(service: Service, each: Given, variables: dict[str, Given]) -> Link | None:
    if not HOST_NAMES.fullmatch(each.name) or "://" in each.value:
        return None
    host, _, inside = each.value.partition(":")
    stem = re.sub(r"(?:HOST|HOSTNAME|SERVER)$", "", each.name)
    text = inside or (variables[f"{stem}PORT"].value if f"{stem}PORT" in variables else "")
    node = each.node if inside or f"{stem}PORT" not in variables else variables[f"{stem}PORT"].node
    port = int(text) if text.isdigit() and len(text) < 6 else None
    return Link(service, each.name, "", host, port, "", "", "", node if port else each.node)


@lru_cache(maxsize=2)
def links(plan: Plan) -> list[Link]:
    """Where all services lead; each place and host once."""
    found: dict[tuple[str, int, str, int | None, str], Link] = {}
    for service in plan.services:
        for each in links_of(service):
            key = (str(each.node.file), each.node.line, each.host, each.port, each.variable)
            found.setdefault(key, each)
    return list(found.values())


def names_of(service: Service) -> set[str]:
    """The names under which other services of its project reach a service."""
    found = {service.name, service.text("container_name"), service.text("hostname")}
    for _, network in service.node.get("networks").items():
        found |= {service.project.filled(alias) for alias in network.get("aliases").texts()}
    return found - {""}


def behind(link: Link) -> list[Service]:
    """The services of the same project that answer to the host of a link."""
    return [each for each in link.service.project.services.values() if link.host in names_of(each)]


def is_local(link: Link) -> bool:
    """Does it lead to its own container?"""
    return link.host.lower() in ("localhost", "127.0.0.1", "[::1]")


def unknown_host(link: Link) -> bool:
    """Is it sure that nothing answers to the host of a link, as far as its project goes?"""
    service = link.service
    aside = service.node.get("network_mode").text or service.node.get("external_links").written
    extra = service.node.get("extra_hosts")
    others = {re.split("[:=]", text, maxsplit=1)[0] for text in (extra.keys() or extra.texts())}
    others |= {text.rpartition(":")[2] for text in service.node.get("links").texts()}
    plain = _NAME.fullmatch(link.host) and "." not in link.host and UNKNOWN not in link.host
    return bool(plain and not is_local(link) and not aside and link.host not in others and not behind(link))
