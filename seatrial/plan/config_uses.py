"""Where workloads use ConfigMaps and Secrets: env, envFrom, volumes, projected volumes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import Cluster
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.nodes import Node


@dataclass(frozen=True)
class ConfigUse:
    """A use of a ConfigMap or a Secret."""

    kind: str
    name: str
    key: str  # empty where all keys are taken
    optional: bool
    node: Node  # of the key, where there is one
    name_node: Node


def uses_of_workload(workload: Workload) -> Iterator[ConfigUse]:
    """What a workload uses, in the order of the file."""
    for container in [*workload.init_containers, *workload.containers]:
        for entry in container.node.get("envFrom"):
            for ref, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                yield from _whole(kind, entry.get(ref), "name")
        for entry in container.node.get("env"):
            yield from _of_key(entry.get("valueFrom", "configMapKeyRef"), "ConfigMap")
            yield from _of_key(entry.get("valueFrom", "secretKeyRef"), "Secret")
    for volume in workload.pod.get("volumes"):
        yield from _of_volume(volume.get("configMap"), "ConfigMap", "name")
        yield from _of_volume(volume.get("secret"), "Secret", "secretName")
        for source in volume.get("projected", "sources"):
            yield from _of_volume(source.get("configMap"), "ConfigMap", "name")
            yield from _of_volume(source.get("secret"), "Secret", "name")


def _of_key(node: Node, kind: str) -> Iterator[ConfigUse]:
    name = node.get("name")
    if name.text:
        at = node.get("key") if node.get("key").written else node
        yield ConfigUse(kind, name.text, node.get("key").text, _optional(node), at, name)


def _of_volume(node: Node, kind: str, field: str) -> Iterator[ConfigUse]:
    if not node.get("items").is_list:
        yield from _whole(kind, node, field)
        return
    for item in node.get("items"):
        if node.get(field).text:
            key = item.get("key")
            yield ConfigUse(kind, node.get(field).text, key.text, _optional(node), key, node.get(field))


def _whole(kind: str, node: Node, field: str) -> Iterator[ConfigUse]:
    if node.get(field).text:
        yield ConfigUse(kind, node.get(field).text, "", _optional(node), node.get(field), node.get(field))


def _optional(node: Node) -> bool:
    return node.get("optional").flag is True


@lru_cache(maxsize=2)
def config_uses(plan: Plan, cluster: Cluster) -> dict[tuple[str, str, str], list[ConfigUse]]:
    """All uses by kind, namespace and name."""
    found: dict[tuple[str, str, str], list[ConfigUse]] = defaultdict(list)
    for workload in plan.workloads:
        for use in uses_of_workload(workload):
            found[use.kind, cluster.home(workload.namespace), use.name].append(use)
    return found
