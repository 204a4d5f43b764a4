"""Rules about service containers: can the tests reach them, log in, and wait until they are ready?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.addresses import PORTS
from seatrial.plan.datastores import datastore_of, tag
from seatrial.plan.reach import image_name
from seatrial.rules.script_images import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.workflow import Job

_URL = re.compile(
    r"(?P<scheme>[a-z]+)(?:\+\w+)?://(?:(?P<user>[^:/@\s]*)(?::(?P<password>[^@/\s]*))?@)?"
    r"(?P<host>[\w.-]+)(?::(?P<port>\d+))?(?:/(?P<path>[^?#\s]*))?(?:\?\S*)?"
)
_POSTGRES = ("postgres", "postgis", "timescaledb", "pgvector")
_IMAGES = {
    "postgres": _POSTGRES, "postgresql": _POSTGRES,
    "mysql": ("mysql", "mariadb"), "redis": ("redis", "valkey"), "amqp": ("rabbitmq",), "mongodb": ("mongo",),
}  # fmt: skip
_HERE = ("localhost", "127.0.0.1")
_WAITS = re.compile(
    r"pg_isready|wait-for|wait_for|dockerize|nc -z|redis-cli\s.*ping|\bsleep\b|\buntil\b|mysqladmin ping|--wait"
)
_MAKES = re.compile(
    r"createdb|create\s+database|createuser|create\s+(?:role|user)|alter\s+(?:role|user)", re.IGNORECASE
)
_STARTS = re.compile(
    r"docker(?:-| )compose|docker run|systemctl start|service \w+ start|pg_ctl|redis-server|brew services"
)


@dataclass(frozen=True)
class Dsn:
    """A URL of a datastore in the environment of a job or of one of its steps."""

    name: str
    node: Node
    url: re.Match[str]

    @property
    def port(self) -> int:
        """Its port, or the scheme's own."""
        return int(self.url["port"]) if self.url["port"] else PORTS.get(self.url["scheme"], 0)


def dsns(job: Job) -> Iterator[Dsn]:
    """The URLs of datastores that a job's steps are given; each place once."""
    seen: set[tuple[str, int]] = set()
    for step in job.steps:
        for name, node in step.variables.items():
            match = _URL.fullmatch(step.filled(node.text))
            if match and match["scheme"] in _IMAGES and (str(node.file), node.line) not in seen:
                seen.add((str(node.file), node.line))
                yield Dsn(name, node, match)


def _service(job: Job, dsn: Dsn) -> tuple[str, Node] | None:
    """The service container that a URL must mean, by its image; None if there are several, or none."""
    found = [
        (name, node)
        for name, node in job.services.items()
        if image_name(node.get("image").text) in _IMAGES[dsn.url["scheme"]]
    ]
    named = [(name, node) for name, node in found if name == dsn.url["host"]]
    return (named or found)[0] if len(named or found) == 1 else None


def _published(node: Node) -> dict[int, int]:
    """The ports of a service container that the machine has: published -> inside. Empty keys are left to chance."""
    found = {}
    for text in node.get("ports").texts():
        outside, colon, inside = text.rpartition(":")
        inner = inside.partition("/")[0]
        if colon and outside.rpartition(":")[2].isdigit() and inner.isdigit():
            found[int(outside.rpartition(":")[2])] = int(inner)
    return found


def _starts_itself(job: Job) -> bool:
    return any(_STARTS.search(step.run) for step in job.steps)


@rule("workflow-service-unreachable", CRITICAL, over=jobs)
def service_unreachable(job: Job, _plan: Plan) -> Iterator[Found]:
    """A URL that does not lead to the service container that it must mean."""
    inside = job.node.get("container").written
    for dsn in dsns(job):
        found = _service(job, dsn)
        if found is None or _starts_itself(job):
            continue
        name, node = found
        host, ports = dsn.url["host"], _published(node)
        own = {value for key, value in PORTS.items() if image_name(node.get("image").text) in _IMAGES.get(key, ())}
        if host in _HERE and inside:
            yield (
                dsn.node,
                f"{dsn.name} asks {host}, and this job runs in a container: {name} answers there by its own name",
            )
        elif host in _HERE and dsn.port not in ports and all(":" in text for text in node.get("ports").texts()):
            has = f"publishes {', '.join(map(str, ports))}" if ports else "publishes no port"
            yield dsn.node, f"{dsn.name} asks port {dsn.port} of {host}, and the service container {name} {has}"
        elif host in _HERE and dsn.port in ports and own and ports[dsn.port] not in own and not node.get("command"):
            yield (
                dsn.node,
                f"{dsn.name} asks port {dsn.port}, which leads to {ports[dsn.port]} of {name}: nothing listens there",
            )
        elif host == name and not inside:
            said = f"{dsn.name} asks {host}, a name that only containers know"
            yield dsn.node, f"{said}: this job runs on the machine, where the service is localhost"


def _login(node: Node) -> dict[str, str]:
    """What an official image of PostgreSQL or MySQL makes at its first start: user, password, database."""
    env = {name: value.text for name, value in node.get("env").items()}
    store = datastore_of(node.get("image").text)
    if store is None or not store.makes:
        return {}
    if store.makes == "POSTGRES":
        user = env.get("POSTGRES_USER") or "postgres"
        return {"user": user, "password": env.get("POSTGRES_PASSWORD", ""), "path": env.get("POSTGRES_DB") or user}
    return {"path": env.get("MYSQL_DATABASE", "")}


@rule("workflow-service-login", MAJOR, over=jobs)
def service_login(job: Job, _plan: Plan) -> Iterator[Found]:
    """A URL with another user, password or database than the service container has."""
    makes = any(_MAKES.search(step.run) for step in job.steps)
    for dsn in dsns(job):
        found = _service(job, dsn)
        has = _login(found[1]) if found else {}
        wrong = [key for key, value in has.items() if _differs(dsn.url[key], _told(job, value))]
        if not found or makes or not wrong or found[1].get("command"):
            continue
        words = {"user": "user {}", "password": "another password", "path": "database {}"}
        said = ", ".join(words[key].format(dsn.url[key]) for key in wrong)
        made = {"user": f"user {has.get('user')}", "password": "its own", "path": f"database {has.get('path')}"}
        yield (
            dsn.node,
            f"{dsn.name} has {said}, and the service container {found[0]} has {', '.join(made[key] for key in wrong)}",
        )


def _told(job: Job, text: str) -> str:
    return job.steps[0].filled(text) if job.steps else text


def _differs(asked: str | None, made: str) -> bool:
    return (
        bool(asked)
        and bool(made)
        and "$" not in made
        and "$" not in str(asked)
        and "%" not in str(asked)
        and asked != made
    )


@rule("workflow-service-no-password", CRITICAL, over=jobs)
def service_no_password(job: Job, _plan: Plan) -> Iterator[Found]:
    """A database that does not start, because no password is told."""
    needed = {
        "postgres": ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRES_HOST_AUTH_METHOD"),
        "mysql": ("MYSQL_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD"),
    }
    for name, node in job.services.items():
        store = datastore_of(node.get("image").text)
        keys = needed.get(store.name, ()) if store else ()
        if keys and not set(keys) & set(node.get("env").keys()):
            yield node.get("image"), f"{name} has no {keys[0]}: the image refuses to start without one"


@rule("workflow-service-unawaited", MAJOR, over=jobs)
def service_unawaited(job: Job, _plan: Plan) -> Iterator[Found]:
    """A datastore whose readiness nobody waits for."""
    if any(_WAITS.search(step.run) for step in job.steps):
        return
    for name, node in job.services.items():
        if datastore_of(node.get("image").text) and "health-cmd" not in node.get("options").text:
            yield (
                node.get("image"),
                f"{name} has no --health-cmd: the steps begin before it is ready, so the tests fail now and then",
            )


@rule("workflow-service-version", MINOR, over=jobs)
def service_version(job: Job, plan: Plan) -> Iterator[Found]:
    """Tests against another version than the one that is deployed."""
    images = [each.image for each in plan.containers] + [each.image for each in plan.services]
    for name, node in job.services.items():
        image = node.get("image").text
        store = datastore_of(image)
        deployed = {
            _major(tag(other))
            for other in images
            if store and datastore_of(other) and image_name(other) == image_name(image)
        }
        own = _major(tag(image))
        if own and deployed and "" not in deployed and own not in deployed:
            runs = ", ".join(sorted(deployed))
            yield (
                node.get("image"),
                f"{name} is {image}, and version {runs} is deployed: another server is tested than runs",
            )


def _major(text: str) -> str:
    match = re.match(r"v?(\d+)", text)
    return match[1] if match else ""
