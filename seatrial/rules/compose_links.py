"""Rules about where variables of Compose services lead: hosts, ports, databases, passwords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.binds import bound_in
from seatrial.plan.compose_links import behind, given, is_local, links, unknown_host
from seatrial.plan.datastores import datastore_of
from seatrial.plan.wiring import UNKNOWN
from seatrial.rules.kube_addresses import made_later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.compose_links import Link

_SEEN_FROM_OUTSIDE = re.compile(
    r"CORS|ORIGIN|CALLBACK|PUBLIC|FRONTEND|REDIRECT|ALLOWED|EXTERNAL|(?:^|_)BASE_URL|SITE|PROXY", re.I
)


def _foreign_network(service: Service) -> bool:
    """Is it on a network that other projects share?"""
    declared = service.project.declared("networks")
    return any(
        declared[name].get("external").written or declared[name].get("name").text
        for name in service.networks
        if name in declared
    )


@rule("compose-host-unknown", CRITICAL, over=links)
def host_unknown(link: Link, plan: Plan) -> Iterator[Found]:
    """A variable that leads to a host which is no service of the project."""
    aside = _foreign_network(link.service) or _SEEN_FROM_OUTSIDE.search(link.variable)
    if not link.host or aside or not unknown_host(link):
        return
    said = f"{link.variable} leads to the host {link.host}, which is no service of this file"
    others = [each for each in plan.services if each.name == link.host]
    near = [name for name, each in link.service.project.services.items() if link.port in bound_in(each, plan)]
    if others:
        yield link.node, f"{said}: it is in {others[0].project.file}, on networks of its own"
    else:
        yield link.node, said + (f" (port {link.port} is {near[0]}'s)" if len(near) == 1 else "")


@rule("compose-host-local", CRITICAL, over=links)
def host_local(link: Link, _plan: Plan) -> Iterator[Found]:
    """A variable that leads to localhost, which is the container itself."""
    alone = not link.service.node.get("network_mode").text and "http" not in link.scheme
    if is_local(link) and alone and datastore_of(link.service.image) is None:
        others = [each for each in link.service.project.services.values() if each is not link.service]
        if others:
            yield (
                link.node,
                f"{link.variable} leads to {link.host}, which is the container itself: nothing answers there",
            )


@rule("compose-host-port", CRITICAL, over=links)
def host_port(link: Link, plan: Plan) -> Iterator[Found]:
    """A variable that leads to a port on which the other service does not listen."""
    others = behind(link)
    ports = bound_in(others[0], plan) if len(others) == 1 else set()
    if ports and link.port is not None and link.port not in ports:
        has = ", ".join(map(str, sorted(ports)))
        outside = {port.published for port in others[0].ports}
        tail = f": {link.port} is its port on the host" if link.port in outside else ""
        yield link.node, f"{link.variable} leads to port {link.port} of {link.host}, which listens on {has}{tail}"


@rule("compose-host-apart", CRITICAL, over=links)
def host_apart(link: Link, _plan: Plan) -> Iterator[Found]:
    """A variable that leads to a service on other networks."""
    others = [each for each in behind(link) if each is not link.service]
    mine = set(link.service.networks)
    joined = any(mine & set(each.networks) or each.node.get("network_mode").text for each in others)
    if others and not joined and not link.service.node.get("network_mode").text:
        theirs = ", ".join(others[0].networks)
        said = f"{link.variable} leads to {link.host}, which is only on the network {theirs}"
        yield link.node, f"{said}, and this service is on {', '.join(sorted(mine))}: they do not see each other"


def _made(server: Service) -> tuple[str, str, str]:
    """User, database and password that a database's container creates; marks where no file tells."""
    store = datastore_of(server.image)
    values = {re.sub(r"^MARIADB_", "MYSQL_", name): each.value for name, each in given(server).items()}

    def told(name: str, otherwise: str) -> str:
        key = f"{store.makes if store else ''}_{name}"
        return UNKNOWN if f"{key}_FILE" in values else values.get(key, otherwise)

    user = told("USER", "postgres" if store and store.makes == "POSTGRES" else "root")
    if store and store.makes == "POSTGRES":
        return user, told("DB", user), told("PASSWORD", "")
    password = told("PASSWORD", "") if user != "root" else told("ROOT_PASSWORD", "")
    return user, told("DATABASE", ""), password


def _scripts_unknown(server: Service, plan: Plan) -> bool:
    """Do scripts that are not here run when its data directory is made?"""
    sources = [each.source for each in server.mounts if each.target.startswith("/docker-entrypoint-initdb.d")]
    return any(server.project.path(source) not in plan.paths for source in sources)


@rule("compose-database-differs", CRITICAL, over=links)
def database_differs(link: Link, plan: Plan) -> Iterator[Found]:
    """A URL with another user, database or password than the database's container creates."""
    for server in behind(link) if link.scheme else ():
        store = datastore_of(server.image)
        if (
            store is not None
            and store.makes
            and not server.node.get("entrypoint")
            and not _scripts_unknown(server, plan)
        ):
            yield from ((link.node, said) for said in _differences(link, server, plan))


def _differences(link: Link, server: Service, plan: Plan) -> Iterator[str]:
    user, database, password = _made(server)
    several = [each.value for name, each in given(server).items() if re.search(r"DATABASES|DBS|MULTI", name)]
    listed = {part for value in several for part in re.split(r"[\s,;:=]+", value)}
    if _differ(link.user, user) and link.user != "root" and not made_later(link.user, plan):
        yield f"{link.variable} logs in as {link.user}, and {server.name} creates only the user {user}"
    known = {database, "postgres", "mysql", ""}
    other = _differ(link.path, database) and link.path not in known | listed
    if other and not made_later(link.path, plan):
        yield f"{link.variable} opens the database {link.path}, and {server.name} creates only {database}"
    if link.user == user and _differ(link.password, password):
        yield f"{link.variable} has another password than {server.name} sets for {user}"
    if link.user and not link.password and password and not _password_aside(link.service):
        yield f"{link.variable} has no password, and {server.name} sets one for {user}"


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other and UNKNOWN not in one + other


def _password_aside(service: Service) -> bool:
    return any(re.search(r"PASS|PWD|SECRET|TOKEN|CREDENTIAL|AUTH", name, re.IGNORECASE) for name in given(service))


@rule("compose-cache-password", CRITICAL, over=links)
def cache_password(link: Link, _plan: Plan) -> Iterator[Found]:
    """A client of Redis without the password that the server demands, or with one that it does not know."""
    for server in behind(link) if link.service not in behind(link) else ():
        store = datastore_of(server.image)
        if store is None or store.name not in ("redis", "valkey") or _configured(server):
            continue
        demanded = "--requirepass" in " ".join(server.command)
        aside = any("REDIS" in name.upper() and "PASS" in name.upper() for name in given(link.service))
        if demanded and not link.password and not aside:
            yield link.node, f"{link.variable} has no password, and {server.name} demands one: every command is refused"
        elif link.password and not demanded:
            yield link.node, f"{link.variable} has a password, and {server.name} has none: the login is refused"


def _configured(server: Service) -> bool:
    """Has it a configuration that is not in its command?"""
    words = " ".join(server.command)
    return ".conf" in words or ".acl" in words or ".sh" in words or bool(server.node.get("entrypoint"))
