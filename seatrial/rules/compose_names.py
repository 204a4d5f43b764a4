"""Rules about names in Compose files: what is not declared, what is there twice, what nobody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MINOR, Found, rule
from seatrial.plan.compose import Project, Service
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node


def projects(plan: Plan) -> list[Project]:
    """The Compose projects."""
    return plan.projects


def _networks(service: Service) -> Iterator[tuple[str, Node]]:
    declared = service.node.get("networks")
    yield from declared.items()
    yield from ((service.project.filled(node.text), node) for node in declared)


def _uses(service: Service) -> Iterator[tuple[str, str, Node]]:
    """What a service uses of what its project declares: kind, name, place."""
    yield from (("network", name, node) for name, node in _networks(service) if name != "default")
    for mount in service.mounts:
        if mount.kind == "volume" and mount.source:
            yield "volume", mount.source, mount.node
    for kind in ("secret", "config"):
        for node in service.node.get(f"{kind}s"):
            yield kind, service.project.filled(node.get("source").text or node.text), node


@rule("compose-undefined", CRITICAL, over=services)
def undefined(service: Service, _plan: Plan) -> Iterator[Found]:
    """A network, volume, secret, configuration or service that the project does not have."""
    known = {kind: service.project.declared(f"{kind}s") for kind in ("network", "volume", "secret", "config")}
    for kind, name, node in _uses(service):
        if name and name not in known[kind]:
            yield node, f"uses the {kind} {name}, which the file does not declare: Compose refuses the whole file"
    for name, node in service.dependency_nodes.items():
        optional = node.get("required").flag is False
        if name and name not in service.project.services and not optional:
            yield node, f"depends on {name}, which is no service of the file: Compose refuses the whole file"


@rule("compose-unused", MINOR, over=projects)
def unused(project: Project, _plan: Plan) -> Iterator[Found]:
    """A volume or a network that no service uses."""
    used = {(kind, name) for service in project.services.values() for kind, name, _ in _uses(service)}
    for kind in ("volume", "network"):
        for name, node in project.declared(f"{kind}s").items():
            if (kind, name) not in used and name != "default":
                yield node, f"no service uses the {kind} {name}"


def _together(one: Service, other: Service) -> bool:
    """Do two services run at the same time?"""
    return not (one.profiles and other.profiles and not set(one.profiles) & set(other.profiles))


@rule("compose-port-twice", CRITICAL, over=projects)
def port_twice(project: Project, _plan: Plan) -> Iterator[Found]:
    """A port of the host that two services want."""
    taken: dict[tuple[int, str], list[tuple[Service, str]]] = {}
    for service in project.services.values():
        for port in service.ports:
            if port.published is None:
                continue
            others = taken.setdefault((port.published, port.protocol), [])
            clash = next(
                (
                    other
                    for other, host in others
                    if _together(service, other) and (host == port.host or port.everywhere or host in ("", "0.0.0.0"))  # noqa: S104
                ),
                None,
            )
            if clash is not None:
                yield (
                    port.node,
                    f"publishes port {port.published}, which {clash.name} has already: one of them does not start",
                )
            others.append((service, port.host))


@rule("compose-container-name-twice", CRITICAL, over=projects)
def container_name_twice(project: Project, _plan: Plan) -> Iterator[Found]:
    """A container name that two services want."""
    taken: dict[str, Service] = {}
    for service in project.services.values():
        name = service.text("container_name")
        if name and name in taken and _together(service, taken[name]):
            node = service.node.get("container_name")
            yield node, f"calls its container {name}, as {taken[name].name} does: one of them does not start"
        taken.setdefault(name, service)


@rule("compose-replicas-clash", CRITICAL, over=services)
def replicas_clash(service: Service, _plan: Plan) -> Iterator[Found]:
    """Several containers with one name or one port of the host."""
    node = service.node.get("deploy", "replicas") or service.node.get("scale")
    if (node.integer or 0) < 2:
        return
    if service.text("container_name"):
        yield (
            node,
            f"wants {node.text} containers of the name {service.text('container_name')}: the second does not start",
        )
    fixed = next((port for port in service.ports if port.published is not None), None)
    ranged = fixed is not None and "-" in fixed.node.text
    if fixed is not None and not ranged:
        yield (
            node,
            f"wants {node.text} containers on the one port {fixed.published} of the host: the second does not start",
        )


@rule("compose-dependency-circle", CRITICAL, over=projects)
def dependency_circle(project: Project, _plan: Plan) -> Iterator[Found]:
    """Services that wait for each other."""
    for name, service in project.services.items():
        seen, waiting = set(), list(service.depends_on)
        while waiting:
            other = waiting.pop()
            if other not in seen and other in project.services:
                seen.add(other)
                waiting += project.services[other].depends_on
        if name in seen and name == min(seen):
            yield service.place, f"{', '.join(sorted(seen))} wait for each other: Compose refuses the whole file"


@rule("compose-version-obsolete", MINOR, over=projects)
def version_obsolete(project: Project, _plan: Plan) -> Iterator[Found]:
    """The key `version`, which Compose ignores."""
    node = project.node.get("version")
    if node.written:
        yield node, f"version {node.text} is ignored by Compose, which warns of it at every call: leave it out"
