"""Rules about probes: absent, on a port that is not there, or one where two are needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.addresses import addresses_of
from seatrial.plan.cluster import cluster_of
from seatrial.plan.kubernetes import selects
from seatrial.rules.network import exposed, image_here, speaks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import KubeObject
    from seatrial.plan.nodes import Node

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_ALIVE = re.compile(r"live|alive|ping\b|noop", re.IGNORECASE)


def lasting_containers(plan: Plan) -> list[Container]:
    """The containers that run for good."""
    return [each for each in plan.containers if each.workload.lasting]


def _serves(container: Container, plan: Plan) -> bool:
    """Does it answer on a port, by what it declares or by the one Service that leads to it?"""
    if container.ports:
        return True
    labels = cluster_of(plan).labels(container.workload)
    alone = len(container.workload.containers) == 1
    near = cluster_of(plan).near("Service", container.workload.namespace)
    return alone and any(_selects(each, labels) for each in near)


def _selects(service: KubeObject, labels: dict[str, str]) -> bool:
    return selects({key: value.text for key, value in service.get("spec", "selector").items()}, labels)


@rule("kube-probe-missing", MAJOR, over=lasting_containers)
def probe_missing(container: Container, plan: Plan) -> Iterator[Found]:
    """A serving container without a liveness or a readiness probe."""
    if cluster_of(plan).patched(container.workload.object) or not _serves(container, plan):
        return
    absent = [name for name in PROBES[:2] if not container.node.get(name)]
    if absent:
        yield container.place, f"has no {' and no '.join(absent)}"


@rule("kube-probe-port", CRITICAL, over=lasting_containers)
def probe_port(container: Container, plan: Plan) -> Iterator[Found]:
    """A probe of a port that the container does not have."""
    if cluster_of(plan).patched(container.workload.object):
        return
    for name in PROBES:
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = container.node.get(name, way, "port")
            host = container.node.get(name, way, "host").text
            if port.text and not host and not _answers(container, port, plan):
                has = ", ".join(str(each) for each in sorted(exposed(container.workload, plan))) or "no named port"
                yield port, f"{name} asks port {port.text}, and the container has only {has}"


def _answers(container: Container, port: Node, plan: Plan) -> bool:
    if port.integer is None:
        return port.text in container.ports.values()
    own = image_here(container.image, plan)
    known = bool(container.ports) or own is not None
    shared = {number for each in container.workload.containers for number in each.ports}
    return not known or port.integer in shared | (own or set()) or speaks_of(container.workload, port.integer, plan)


@rule("kube-liveness-same", MAJOR, over=lasting_containers)
def liveness_same(container: Container, plan: Plan) -> Iterator[Found]:
    """A liveness probe that asks what readiness asks, of a program that depends on others."""
    live, ready = (container.node.get(name, "httpGet") for name in PROBES[:2])
    path = live.get("path").text
    if not path or path != ready.get("path").text or live.get("port").text != ready.get("port").text:
        return
    others = list(dict.fromkeys(each.host for each in addresses_of(container, plan) if "$" not in each.host)) or _urls(
        container
    )
    if others and not _ALIVE.search(path):
        said = f"liveness and readiness both ask {path}, so what makes it unready also restarts it"
        yield container.node.get(PROBES[0]), f"{said}, an outage of {others[0]} too if {path} looks at it"


def _urls(container: Container) -> list[str]:
    """Variables that lead to a database or a cache, even where nobody can tell its host."""
    pattern = re.compile(r"(?:\w+_)?(?:DATABASE|DB|REDIS|POSTGRES|MYSQL|MONGO|BROKER|AMQP)_(?:URL|URI|DSN|HOST)")
    return [f"what {each.name} leads to" for each in container.env if pattern.fullmatch(each.name)]
