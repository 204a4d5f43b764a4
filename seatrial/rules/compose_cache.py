"""Rules about Redis in a limited container, in Compose and in Kubernetes: who decides when memory runs out?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.datastores import datastore_of
from seatrial.plan.volumes import runs_server
from seatrial.rules.image_command import services
from seatrial.rules.image_kube import containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.containers import Container


def _boundless(image: str, words: list[str]) -> bool:
    """Does a Redis take memory without a bound, as far as its command tells?"""
    store, text = datastore_of(image), " ".join(words)
    told = any(word in text for word in ("maxmemory", ".conf", ".sh", "--sentinel", "redis-sentinel"))
    return store is not None and store.name in ("redis", "valkey") and not told


def _said(limit: str) -> str:
    return f"may take {limit} of memory and has no maxmemory: as its data grows it is killed, and evicts nothing before"


@rule("compose-cache-unbounded", MAJOR, over=services)
def cache_unbounded(service: Service, _plan: Plan) -> Iterator[Found]:
    """A Redis of Compose with a limit of memory and no maxmemory."""
    limit, command = service.limits.get("memory"), service.node.get("command")
    mounted = any(".conf" in mount.target for mount in service.mounts)
    if limit and not mounted and not service.node.get("entrypoint") and _boundless(service.image, service.command):
        yield (command if command else service.place), _said(service.project.filled(limit.text))


@rule("kube-cache-unbounded", MAJOR, over=containers)
def pod_cache_unbounded(container: Container, plan: Plan) -> Iterator[Found]:
    """The same in a pod."""
    limit, store = container.node.get("resources", "limits", "memory"), datastore_of(container.image)
    patched = cluster_of(plan).patched(container.workload.object)
    if not store or not limit.text or patched or not runs_server(container, store):
        return
    if _boundless(container.image, container.words):
        words = next((each for key in ("args", "command") if (each := container.node.get(key))), container.place)
        yield words, _said(limit.text)
