"""Rules between an image that is built here and the pods that run it: port, path, programs of probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.binds import bound_by
from seatrial.plan.built import image_here, start_words
from seatrial.plan.cluster import cluster_of
from seatrial.plan.health import Check
from seatrial.plan.image_contents import contents_of
from seatrial.plan.image_programs import has_program
from seatrial.plan.routes import known_routes, no_route
from seatrial.plan.server import LOCAL, server_of
from seatrial.rules.image_health import PROBES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.nodes import Node


def containers(plan: Plan) -> list[Container]:
    """The containers of all workloads."""
    return plan.containers


def _bound(container: Container, plan: Plan) -> set[int]:
    """The ports that a container's program listens on; empty where nobody can tell."""
    values = {each.name: each.value or "" for each in container.env}
    if container.words:
        server = server_of(container.words, values)
        return {server.port} if server and server.port else set()
    dockerfile = image_here(container.image, plan)
    if dockerfile is None or "$" in " ".join(start_words(dockerfile)):
        return set()
    told = any(
        name == "PORT" or name.startswith(("UVICORN_", "GUNICORN_", "APP_PORT", "SERVER_PORT")) for name in values
    )
    return set() if told else bound_by(dockerfile, plan)


def _alone(container: Container, plan: Plan) -> bool:
    return not cluster_of(plan).patched(container.workload.object)


@rule("image-pod-port", CRITICAL, over=containers)
def pod_port(container: Container, plan: Plan) -> Iterator[Found]:
    """A containerPort on which the program of the image does not listen."""
    bound = _bound(container, plan) if _alone(container, plan) else set()
    if not bound or not container.ports or bound & set(container.ports):
        return
    for entry in container.node.get("ports"):
        port = entry.get("containerPort")
        if port.integer is not None and entry.get("protocol").text in ("", "TCP"):
            has = ", ".join(map(str, sorted(bound)))
            yield port, f"declares port {port.text}, and what its image starts listens on {has}: nobody answers there"


@rule("image-pod-probe-path", CRITICAL, over=containers)
def pod_probe_path(container: Container, plan: Plan) -> Iterator[Found]:
    """A probe of a path that the application does not have."""
    if image_here(container.image, plan) is None or not _alone(container, plan):
        return
    for probe in PROBES:
        node = container.node.get(probe, "httpGet", "path")
        path = node.text.partition("?")[0]
        if path and no_route(path, plan):
            what = "the pod is restarted for ever" if probe != PROBES[1] else "the pod is never ready"
            yield (
                node,
                f"{probe} asks {path}, and the application has no such route (it has {known_routes(plan)}): {what}",
            )


@rule("image-pod-probe-program", CRITICAL, over=containers)
def pod_probe_program(container: Container, plan: Plan) -> Iterator[Found]:
    """A probe by a program that the image does not have."""
    for probe in PROBES:
        node = container.node.get(probe, "exec", "command")
        check = Check(tuple(node.texts()), shell=False)
        for program in check.programs if node else ():
            if _has(container, program, plan) is False:
                yield node, f"{probe} runs {program}, which the image {container.image} does not have: it always fails"


def _has(container: Container, program: str, plan: Plan) -> bool | None:
    dockerfile = image_here(container.image, plan)
    return contents_of(dockerfile, plan).has(program) if dockerfile else has_program(container.image, program)


@rule("image-pod-binds-localhost", CRITICAL, over=containers)
def pod_binds_localhost(container: Container, _plan: Plan) -> Iterator[Found]:
    """A container's command that listens only inside its pod."""
    server = (
        server_of(container.words, {each.name: each.value or "" for each in container.env}) if container.words else None
    )
    if server is not None and server.host in LOCAL and len(container.workload.containers) == 1:
        node: Node = container.node.get("command") if container.node.get("command") else container.node.get("args")
        yield node, f"{server.program} listens on {server.host}: neither the Service nor the probes reach it"
