"""Rules about the order in which Compose services start, and whether they come back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.built import dockerfile_of
from seatrial.plan.compose_links import behind, links_of
from seatrial.plan.datastores import datastore_of
from seatrial.plan.image_contents import contents_of
from seatrial.plan.image_programs import OFFICIAL, public_name
from seatrial.plan.reach import LISTENS, image_name
from seatrial.rules.compose_names import projects
from seatrial.rules.image_command import services
from seatrial.rules.image_health import check_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Project, Service
    from seatrial.plan.nodes import Node

_ONCE = re.compile(
    r"migrat|init|setup|set-up|seed|test|backup|restore|job|bootstrap|once|creat|import|load|cli|shell|certs?\b", re.I
)
_OWN_CHECK = frozenset({"cadvisor", "portainer"})


def has_health(service: Service, plan: Plan) -> bool | None:
    """Does a service have a health check, its own or its image's? None where nobody can tell."""
    if service.healthcheck is not None:
        return not service.healthcheck.disabled
    if service.builds:
        dockerfile = dockerfile_of(service, plan)
        if dockerfile is None:
            return None
        plain = public_name(contents_of(dockerfile, plan).base) in OFFICIAL
        return True if check_in(dockerfile) else False if plain else None
    known = image_name(service.image) in LISTENS or service.image.startswith("docker.elastic.co/")
    return False if known and image_name(service.image) not in _OWN_CHECK else None


def runs_once(service: Service) -> bool:
    """Is it a task that ends, by what waits for its end, by its name, or as it is not to be restarted?"""
    others = service.project.services.values()
    waited = any(each.depends_on.get(service.name) == "service_completed_successfully" for each in others)
    ends = service.node.get("restart").text == "no" and not service.healthcheck and not service.ports
    return waited or ends or bool(service.profiles) or _ONCE.search(service.name) is not None


@rule("compose-waits-for-no-health", CRITICAL, over=services)
def waits_for_no_health(service: Service, plan: Plan) -> Iterator[Found]:
    """Waits until another is healthy that has no health check."""
    for name, condition in service.depends_on.items():
        other = service.project.services.get(name)
        if condition == "service_healthy" and other is not None and has_health(other, plan) is False:
            node = service.dependency_nodes[name]
            yield node, f"waits until {name} is healthy, and {name} has no health check: Compose refuses to start it"


@rule("compose-starts-too-early", MAJOR, over=services)
def starts_too_early(service: Service, plan: Plan) -> Iterator[Found]:
    """Starts beside what it depends on, though that one has a health check to wait for."""
    for name, condition in service.depends_on.items():
        other = service.project.services.get(name)
        if condition == "service_started" and other is not None and has_health(other, plan):
            said = f"starts as soon as {name} is started, not when it is healthy"
            yield service.dependency_nodes[name], f"{said}: its health check is there and nobody waits for it"


@rule("compose-dependency-missing", MINOR, over=services)
def dependency_missing(service: Service, _plan: Plan) -> Iterator[Found]:
    """Uses a datastore of the project and does not wait for it at all."""
    told: set[str] = set()
    for link in links_of(service):
        for other in behind(link):
            stored = datastore_of(other.image) is not None and other is not service and not runs_once(service)
            if stored and other.name not in told and not _waits(service, other):
                told.add(other.name)
                yield (
                    link.node,
                    f"{link.variable} leads to {other.name}, and depends_on does not name it: it may start first",
                )


def _waits(service: Service, other: Service) -> bool:
    """Does it wait for another, be it by way of a third?"""
    seen: set[str] = set()
    waiting = list(service.depends_on)
    while waiting:
        name = waiting.pop()
        if name not in seen and name in service.project.services:
            seen.add(name)
            waiting += service.project.services[name].depends_on
    return other.name in seen or bool(service.node.get("links").texts())


@rule("compose-not-restarted", MAJOR, over=projects)
def not_restarted(project: Project, _plan: Plan) -> Iterator[Found]:
    """Services that stay down after a crash or a reboot."""
    silent: list[str] = []
    refused: dict[int, tuple[Node, list[str]]] = {}
    for service in project.services.values():
        node = service.node.get("restart")
        if runs_once(service) or service.node.get("deploy", "restart_policy"):
            continue
        if not node.text:
            silent.append(service.name)
        elif node.text == "no":
            refused.setdefault(node.line, (node, []))[1].append(service.name)
    if silent:
        place = project.services[silent[0]].place
        yield place, f"{_all(silent)} no restart policy: down after a crash or a reboot until somebody comes"
    for node, names in refused.values():
        yield node, f"{_all(names)} restart: no: down after a crash or a reboot until somebody comes"


def _all(names: list[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
