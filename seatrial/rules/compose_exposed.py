"""Rules about published ports: datastores that the world can reach, and ports where nothing answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.binds import bound_in
from seatrial.plan.compose_links import given
from seatrial.plan.datastores import datastore_of
from seatrial.plan.reach import LISTENS, image_name
from seatrial.rules.compose_search import is_open
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.compose_forms import Port

_WITHOUT_LOGIN = frozenset({
    "prometheus", "alertmanager", "kibana", "adminer", "redis-commander", "cadvisor", "node-exporter", "phpmyadmin",
    "mongo-express", "flower", "kafka-ui", "logstash", "jaeger", "pushgateway",
})  # fmt: skip


def _store(service: Service) -> str:
    store = datastore_of(service.image)
    name = image_name(service.image)
    return store.name if store else name if name == "memcached" else ""


def _world(service: Service) -> list[Port]:
    """The ports of its datastore that other machines reach."""
    known = LISTENS.get(_store(service), {})
    return [port for port in service.ports if port.everywhere and (port.target in known or not known)]


def lets_everybody_in(service: Service) -> str:
    """Why a datastore asks for no password; empty where it does, or where nobody can tell."""
    values, words = {name: each.value for name, each in given(service).items()}, " ".join(service.command)
    store = _store(service)
    outside = re.search(r"\.conf|\.acl|\.sh", words) or any(".conf" in mount.target for mount in service.mounts)
    if outside or service.node.get("entrypoint"):
        return ""
    open_by = {
        "redis": "" if "requirepass" in words or any("PASS" in name for name in values) else "it has no requirepass",
        "mongo": "" if any("ROOT_USERNAME" in name for name in values) or "--auth" in words else "it has no root user",
        "postgres": "it trusts everybody" if values.get("POSTGRES_HOST_AUTH_METHOD") == "trust" else "",
        "mysql": "its root has no password" if "MYSQL_ALLOW_EMPTY_PASSWORD" in values else "",
        "memcached": "it knows no passwords",
    }
    return open_by.get("redis" if store == "valkey" else store, "")


@rule("compose-datastore-open", CRITICAL, over=services)
def datastore_open(service: Service, _plan: Plan) -> Iterator[Found]:
    """A datastore without a password that other machines can reach."""
    why = lets_everybody_in(service) if _store(service) else ""
    for port in _world(service) if why else ():
        said = f"publishes port {port.published or port.target} of {_store(service)} on every address of the host"
        yield port.node, f"{said}, and {why}: whoever reaches the host reads and changes the data"


@rule("compose-datastore-published", MAJOR, over=services)
def datastore_published(service: Service, _plan: Plan) -> Iterator[Found]:
    """A datastore with a password that other machines can reach."""
    told = image_name(service.image) == "elasticsearch" and is_open(service)  # where the logs are looked at
    if _store(service) and not lets_everybody_in(service) and not told:
        for port in _world(service):
            said = f"publishes port {port.published or port.target} of {_store(service)} on every address of the host"
            yield (
                port.node,
                f"{said}: Docker opens it past the host's firewall",
            )


@rule("compose-tool-published", MINOR, over=services)
def tool_published(service: Service, _plan: Plan) -> Iterator[Found]:
    """A tool without a login of its own that other machines can reach."""
    name = image_name(service.image)
    closed = name == "kibana" and any(
        "ELASTICSEARCH_" in each and ("PASS" in each or "TOKEN" in each) for each in given(service)
    )
    configured = any("web" in word and "config" in word for word in service.command)
    if name in _WITHOUT_LOGIN and not closed and not configured:
        for port in service.ports:
            if port.everywhere:
                said = f"publishes port {port.published or port.target} of {name} on every address of the host"
                yield port.node, f"{said}, and {name} asks for no password"


@rule("compose-port-deaf", CRITICAL, over=services)
def port_deaf(service: Service, plan: Plan) -> Iterator[Found]:
    """A published port on which nothing in the container listens."""
    bound = bound_in(service, plan)
    for port in service.ports:
        if bound and port.protocol == "tcp" and port.target not in bound:
            has = ", ".join(map(str, sorted(bound)))
            yield (
                port.node,
                f"publishes port {port.target} of the container, where nothing listens: it listens on {has}",
            )
