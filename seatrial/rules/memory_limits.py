"""Rules about servers that are told to take more memory than their container may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.memory import Claim, claims
from seatrial.plan.quantities import quantity
from seatrial.rules.compose_limits import size
from seatrial.rules.image_command import services
from seatrial.rules.image_kube import containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.containers import Container
    from seatrial.plan.nodes import Node


def _over(found: Iterator[Claim], limit: float | None, written: str) -> Iterator[Found]:
    for each in found:
        if limit and each.bytes >= limit:
            yield each.node, f"{each.setting} is {each.written} in a container that may take {written}: {each.end}"


@rule("kube-memory-above-limit", MAJOR, over=containers)
def pod_memory_above_limit(container: Container, plan: Plan) -> Iterator[Found]:
    """A server in a pod that may take more than the pod's limit."""
    limit = container.node.get("resources", "limits", "memory").text
    if limit and not cluster_of(plan).patched(container.workload.object):
        words = [*container.node.get("command"), *container.node.get("args")]
        values = [variable.node.get("value") for variable in container.env]
        yield from _over(claims(words, values), quantity(limit), limit)


@rule("compose-memory-above-limit", MAJOR, over=services)
def memory_above_limit(service: Service, _plan: Plan) -> Iterator[Found]:
    """The same in Compose, where the heaps of JVMs have a rule of their own."""
    limit = service.project.filled(service.limits["memory"].text) if "memory" in service.limits else ""
    yield from _over(claims(_words(service)), size(limit), limit)


def _words(service: Service) -> list[Node]:
    found = []
    for key in ("entrypoint", "command"):
        node = service.node.get(key)
        found += list(node) if node.is_list else [node]
    return [each for each in found if "$" not in each.text]
