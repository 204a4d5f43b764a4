"""What a container's variables lead to: URLs and HOST/PORT pairs, the Service they name, and the pods behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.cluster import KubeService, cluster_of
from seatrial.plan.wiring import UNKNOWN, Setting, origin, wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import Cluster
    from seatrial.plan.containers import Container
    from seatrial.plan.nodes import Node

PORTS = {
    "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379, "rediss": 6379, "amqp": 5672,
    "pyamqp": 5672, "amqps": 5671, "mongodb": 27017, "http": 80, "https": 443, "nats": 4222, "kafka": 9092, "tcp": 0,
    "grpc": 0, "clickhouse": 9000, "memcached": 11211,
}  # fmt: skip
URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?://(?:(?P<user>[^:/@?#\s]*)(?::(?P<password>[^@/\s]*))?@)?"
    r"(?P<host>[^/?#:,\s]+)(?::(?P<port>[^/?#,\s]+))?(?P<more>,[^/?#\s]*)?(?:/(?P<path>[^?#\s]*))?(?:[?#]\S*)?",
    re.IGNORECASE,
)
HOST_NAMES = re.compile(
    r"(?:PG|(?:\w+_)?(?:POSTGRES|POSTGRESQL|PG|DB|DATABASE|MYSQL|MARIADB|REDIS|CACHE|MONGO|MONGODB|RABBITMQ|AMQP|KAFKA"
    r"|ELASTICSEARCH|ES|MEMCACHED|BROKER)_)(?:HOST|HOSTNAME|SERVER)"
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True)
class Address:
    """Where a variable leads."""

    container: Container
    variable: str
    scheme: str  # empty for a HOST variable
    host: str
    port: int | None  # the scheme's own where none is written
    user: str | None  # None where it is not told
    password: str | None
    path: str | None
    host_node: Node
    port_node: Node
    url_node: Node

    @property
    def label(self) -> str:
        """As findings name it."""
        return self.container.workload.label


def addresses_of(container: Container, plan: Plan) -> list[Address]:
    """What the variables of a container lead to."""
    settings = wiring_of(plan).settings(container)
    raw = {variable.name: variable.value for variable in container.env if variable.value}
    found = [_of_url(container, each, raw.get(each.name), settings) for each in settings.values()]
    found += [_of_host(container, each, settings) for each in settings.values() if HOST_NAMES.fullmatch(each.name)]
    return [each for each in found if each is not None]


def _of_url(container: Container, setting: Setting, raw: str | None, settings: dict[str, Setting]) -> Address | None:
    match = URL.fullmatch(setting.value or "")
    if match is None or match["scheme"].lower() not in PORTS or match["more"] or "+srv" in match[0]:
        return None
    written = URL.fullmatch(raw or "") or match
    port = _number(match["port"]) if match["port"] else PORTS[match["scheme"].lower()] or None
    return Address(
        container, setting.name, match["scheme"].lower(), match["host"].lower().rstrip("."), port,
        _told(match["user"]), _told(match["password"]), _told(match["path"] or ""),
        origin(setting, settings, written["host"]), origin(setting, settings, written["port"] or ""), setting.node,
    )  # fmt: skip


def _of_host(container: Container, setting: Setting, settings: dict[str, Setting]) -> Address | None:
    host, _, inside = (setting.value or "").partition(":")
    if not _NAME.fullmatch(host):
        return None
    stem = re.sub(r"(?:HOST|HOSTNAME|SERVER)$", "", setting.name)
    port = settings.get(f"{stem}PORT")
    number = _number(inside) if inside else _number(port.value) if port else None
    node = port.node if port and not inside else setting.node
    return Address(
        container, setting.name, "", host, number, None, None, None, setting.node, node, setting.node
    )  # fmt: skip


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) < 6 else None


def _told(text: str | None) -> str | None:
    return None if text is None or UNKNOWN in text or "$" in text else text


@dataclass(frozen=True)
class Lead:
    """What a host name of a pod is in the cluster."""

    service: KubeService | None  # None: the namespace has no such Service
    name: str
    namespace: str


def lead_of(address: Address, cluster: Cluster) -> Lead | None:
    """The Service that a host name means; None where it is no name of this cluster, or nobody can tell."""
    host, own = address.host, address.container.workload.namespace
    if not _NAME.fullmatch(host) or host.replace(".", "").isdigit() or "localhost" in host or host in _aliases(address):
        return None
    parts = host.split(".")
    if len(parts) > 1 and cluster.service(own, parts[1]) and re.fullmatch(r".+-\d+", parts[0]):
        parts = parts[1:]  # a pod of a StatefulSet
    full = len(parts) > 2 and parts[-3:] == ["svc", "cluster", "local"]
    core = parts[:-3] if full else parts[:-1] if len(parts) > 2 and parts[-1] == "svc" else parts
    if len(core) == 3 and re.fullmatch(r".+-\d+", core[0]):
        core = core[1:]
    if len(core) > 2 or (len(parts) > 2 and core is parts):
        return None
    namespace = core[1] if len(core) == 2 else own
    known = any(cluster.home(each.object.namespace) == cluster.home(namespace) for each in cluster.services)
    if host.startswith("kubernetes") or not (known or len(core) == 1):
        return None
    return Lead(cluster.service(namespace, core[0]), core[0], namespace)


def _aliases(address: Address) -> set[str]:
    pod = address.container.workload.pod
    found = {name for alias in pod.get("hostAliases") for name in alias.get("hostnames").texts()}
    return found | {pod.get("hostname").text}


@lru_cache(maxsize=2)
def addresses(plan: Plan) -> list[Address]:
    """What all containers' variables lead to; one for each place and host, whoever reads it."""
    found: dict[tuple[int, str, str], Address] = {}
    for workload in plan.workloads:
        for container in [*workload.containers, *workload.init_containers]:
            for each in addresses_of(container, plan):
                home = cluster_of(plan).home(workload.namespace)
                found.setdefault((id(each.host_node), each.host, f"{home} {each.port} {id(each.url_node)}"), each)
    return list(found.values())


def edges(plan: Plan) -> Iterator[tuple[Address, Lead]]:
    """Every address that leads to a Service of the cluster."""
    for address in addresses(plan):
        lead = lead_of(address, cluster_of(plan))
        if lead is not None:
            yield address, lead
