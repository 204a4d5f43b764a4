"""Rules about where variables lead: hosts that are no Service, ports it does not have, databases of another name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.addresses import Address, Lead, addresses, lead_of
from seatrial.plan.cluster import cluster_of
from seatrial.plan.datastores import datastore_of
from seatrial.plan.wiring import UNKNOWN, wiring_of
from seatrial.rules.kube_namespaces import is_forgotten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import Cluster, KubeService
    from seatrial.plan.containers import Container
    from seatrial.plan.nodes import Node
_CREATES = re.compile(r"create\s+(?:database|user|role)|createdb|createuser", re.IGNORECASE)


def _judged(address: Address, plan: Plan) -> Lead | None:
    """The lead of an address that can be judged by the files."""
    cluster = cluster_of(plan)
    workload = address.container.workload
    if cluster.open or cluster.renamed or cluster.patched(workload.object) or not cluster.services:
        return None
    return lead_of(address, cluster)


@rule("kube-host-unknown", CRITICAL, over=addresses)
def host_unknown(address: Address, plan: Plan) -> Iterator[Found]:
    """A variable that leads to a host that is no Service."""
    lead, cluster = _judged(address, plan), cluster_of(plan)
    if (
        lead is None
        or lead.service is not None
        or cluster.operated(lead.namespace)
        or _said_before(address, address.host_node, plan)
    ):
        return
    elsewhere = [each for each in cluster.services_named(lead.name) if not is_forgotten(plan, each.object)]
    if len(elsewhere) < len(cluster.services_named(lead.name)) or is_forgotten(plan, address.container.workload.object):
        return
    said = f"{address.variable} leads to the host {address.host}, and namespace {lead.namespace} has no Service"
    if elsewhere:
        yield address.host_node, f"{said} {lead.name}: it is in namespace {elsewhere[0].object.namespace}"
    else:
        yield address.host_node, f"{said} of that name{_instead(address, lead, cluster)}"


@lru_cache(maxsize=2)
def _of_parts(plan: Plan) -> set[tuple[int, str]]:
    """Where HOST and PORT variables have their values: a URL made of them says nothing new."""
    parts = [each for each in addresses(plan) if not each.scheme]
    return {(id(node), each.host) for each in parts for node in (each.host_node, each.port_node)}


def _said_before(address: Address, node: Node, plan: Plan) -> bool:
    """Is this part of a URL the value of a HOST or PORT variable that is judged itself?"""
    return bool(address.scheme) and node is not address.url_node and (id(node), address.host) in _of_parts(plan)


def _instead(address: Address, lead: Lead, cluster: Cluster) -> str:
    home = cluster.home(lead.namespace)
    near = [
        each.object.name
        for each in cluster.services
        if cluster.home(each.object.namespace) == home and address.port in each.ports
    ]
    return f" (port {address.port} is {near[0]}'s)" if len(near) == 1 else ""


@rule("kube-host-port", CRITICAL, over=addresses)
def host_port(address: Address, plan: Plan) -> Iterator[Found]:
    """A variable that leads to a port that the Service does not have."""
    lead = _judged(address, plan)
    service = lead.service if lead else None
    if service is None or service.external or address.port is None or _said_before(address, address.port_node, plan):
        return
    open_ports = _open_ports(service, cluster_of(plan))
    if open_ports and address.port not in open_ports:
        has = ", ".join(str(port) for port in sorted(service.ports))
        said = f"{address.variable} leads to port {address.port} of {address.host}"
        yield address.port_node, f"{said}, and Service {service.object.name} has only port {has}"


def _open_ports(service: KubeService, cluster: Cluster) -> set[int]:
    """The ports that answer under its name; of a headless one, those of its pods. Empty where nobody can tell."""
    if not service.headless:
        return set(service.ports)
    if not service.ports or not service.selector:
        return set()
    found = set(service.ports)
    for node in service.ports.values():
        found |= {node.get("targetPort").integer or 0}
    return found | {port for pods in cluster.pods(service) for each in pods.containers for port in each.ports}


@rule("kube-database-differs", CRITICAL, over=addresses)
def database_differs(address: Address, plan: Plan) -> Iterator[Found]:
    """A URL with another user, database or password than the database container creates."""
    lead = _judged(address, plan)
    if lead is None or lead.service is None:
        return
    for pods in cluster_of(plan).pods(lead.service):
        for container in pods.containers:
            store = datastore_of(container.image)
            if store is not None and store.makes and not _made_by_scripts(container, plan):
                yield from _differences(address, container, plan)


def _made_by_scripts(container: Container, plan: Plan) -> bool:
    """May scripts make users and databases? True where one of them is not told."""
    texts = wiring_of(plan).mounted(container, "/docker-entrypoint-initdb.d")
    other = any(
        "docker-entrypoint-initdb.d" in mount.get("mountPath").text
        and not container.workload.volume(mount.get("name").text).get("configMap").written
        for mount in container.node.get("volumeMounts")
    )
    return other or any(text is None or _CREATES.search(text) for text in texts)


def _differences(address: Address, container: Container, plan: Plan) -> Iterator[Found]:
    settings = wiring_of(plan).settings(container)
    given = {re.sub(r"^MARIADB_", "MYSQL_", name): each.value for name, each in settings.items()}
    if cluster_of(plan).patched(container.workload.object) or _reads_unknown(container, plan):
        return
    user, database, password, owner = _created(container, given)
    if address.user and user and address.user not in (user, owner) and not made_later(address.user, plan):
        yield (
            address.url_node,
            f"{address.variable} logs in as {address.user}, and {container.label} creates only {user}",
        )
    name = (address.path or "").strip("/")
    known = {database, "postgres", "mysql"} if owner != "root" else {database, "mysql"}
    if name and database and name not in known and not made_later(name, plan):
        said = f"{address.variable} opens the database {name}"
        yield address.url_node, f"{said}, and {container.label} creates only {database}"
    if address.password and password and address.user == user and address.password != password:
        yield address.url_node, f"{address.variable} has another password than {container.label} sets for {user}"


def _created(container: Container, given: dict[str, str | None]) -> tuple[str, str, str, str]:
    """User, database, password and second user that the container creates; empty where nobody can tell."""
    store = datastore_of(container.image)
    prefix = store.makes if store else ""

    def told(name: str, otherwise: str) -> str:
        value = "" if f"{prefix}_{name}_FILE" in given else given.get(f"{prefix}_{name}", otherwise)
        return "" if value is None or UNKNOWN in value or "$(" in value else value

    if prefix == "POSTGRES":
        user = told("USER", "postgres")
        return user, told("DB", user), told("PASSWORD", ""), user
    return told("USER", "root"), told("DATABASE", ""), told("PASSWORD", ""), "root"


def _reads_unknown(container: Container, plan: Plan) -> bool:
    """Does it take variables from what no file tells?"""
    home = cluster_of(plan).home(container.workload.namespace)
    sources = [wiring_of(plan).configs.get((kind, home, name)) for kind, name, _, _ in container.env_from]
    return any(data is None or "*" in data for data in sources)


def made_later(name: str, plan: Plan) -> bool:
    """Does some script or document create a user or a database of this name?"""
    pattern = re.compile(
        rf"(?:create\s+(?:database|user|role|schema)|createdb|createuser)\b[^\n;]{{0,200}}\b{re.escape(name)}\b", re.I
    )
    return any(pattern.search(source.text) for source in plan.sources.values() if "create" in source.text.lower())
