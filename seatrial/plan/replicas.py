"""How many pods a workload really has: its own wish, what a kustomization says, what an autoscaler keeps."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.cluster import cluster_of

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.kubernetes import KubeObject, Workload
    from seatrial.plan.nodes import Node


@lru_cache(maxsize=2)
def _scalers(plan: Plan) -> dict[tuple[str, str, str], KubeObject]:
    cluster = cluster_of(plan)
    found = {}
    for each in plan.of_kind("HorizontalPodAutoscaler", "ScaledObject"):
        target = each.get("spec", "scaleTargetRef")
        kind = target.get("kind").text or "Deployment"
        found[kind, cluster.home(each.namespace), target.get("name").text] = each
    return found


def scaler_of(workload: Workload, plan: Plan) -> KubeObject | None:
    """The autoscaler of a workload."""
    return _scalers(plan).get((workload.kind, cluster_of(plan).home(workload.namespace), workload.name))


def wanted_replicas(workload: Workload, plan: Plan) -> int:
    """The fewest pods that it has in normal running."""
    scaler = scaler_of(workload, plan)
    if scaler is not None:
        least = scaler.get("spec", "minReplicas").integer
        least = scaler.get("spec", "minReplicaCount").integer if least is None else least
        return 1 if least is None else least
    counts = [entry.get("count").integer or 0 for entry in _overrides(plan).get(workload.name, [])]
    return max(counts, default=0) or workload.replicas


@lru_cache(maxsize=2)
def _overrides(plan: Plan) -> dict[str, list[Node]]:
    """What kustomizations say of replicas; a site that rests at none is not the one that counts."""
    found: dict[str, list[Node]] = {}
    for kustomization in plan.kustomizations:
        for entry in kustomization.node.get("replicas"):
            found.setdefault(entry.get("name").text, []).append(entry)
    return found
