"""Rules about how many pods there are, and whether they can go all at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.datastores import datastore_of
from seatrial.plan.kubernetes import KubeObject, Workload, match_labels
from seatrial.plan.quantities import share
from seatrial.plan.replicas import scaler_of, wanted_replicas
from seatrial.plan.volumes import runs_server
from seatrial.plan.wiring import wiring_of
from seatrial.rules.kube_namespaces import claims_of
from seatrial.rules.network import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node

_REPLICATES = re.compile(
    r"replica|standby|primary_conninfo|pg_basebackup|patroni|repmgr|stolon|pgpool|galera|wsrep|slave|cluster-enabled"
    r"|sentinel|--replSet|group_replication",
    re.IGNORECASE,
)
# A primary is told to allow standbys by settings that make none of its own pods one.
_STANDBY = re.compile(
    r"pg_basebackup|primary_conninfo|standby[._]signal|standby_mode|patroni|repmgr|stolon|pgpool|REPLICATION_MODE",
    re.IGNORECASE,
)


def scaled(plan: Plan) -> list[Workload]:
    """Deployments and StatefulSets."""
    return [each for each in plan.workloads if each.kind in ("Deployment", "StatefulSet")]


def _count_node(workload: Workload) -> Node:
    node = workload.object.get("spec", "replicas")
    return node if node.written else workload.place


@rule("kube-database-replicas", CRITICAL, over=scaled)
def database_replicas(workload: Workload, plan: Plan) -> Iterator[Found]:
    """Several pods of a database that know nothing of each other."""
    count = wanted_replicas(workload, plan)
    if count < 2 or cluster_of(plan).patched(workload.object) or any(claims_of(workload)):
        return  # with one claim for all, that is what is wrong
    for container in workload.containers:
        store = datastore_of(container.image)
        one = store is not None and store.name in ("postgres", "mysql", "mariadb", "mongo", "redis", "valkey")
        if (
            store
            and one
            and runs_server(container, store)
            and not _replicates(workload, plan, _STANDBY if store.name == "postgres" else _REPLICATES)
        ):
            said = f"runs {count} pods of {container.image} without replication"
            yield _count_node(workload), f"{said}: {count} separate {store.name} servers, each with other data"


def _replicates(workload: Workload, plan: Plan, pattern: re.Pattern[str]) -> bool:
    """May anything in its pods set up replication? True where a script or a configuration is not told."""
    for each in [*workload.containers, *workload.init_containers]:
        words = " ".join(each.words)
        own_script = "docker-entry" not in words and (".sh" in words or ".conf" in words)
        if own_script or any(pattern.search(text) for text in (words, *(entry.name for entry in each.env))):
            return True
        if any(text is None or pattern.search(text) for text in wiring_of(plan).mounted(each)):
            return True
    return False


@rule("kube-single-replica", MAJOR, over=scaled)
def single_replica(workload: Workload, plan: Plan) -> Iterator[Found]:
    """One pod alone behind an Ingress."""
    cluster = cluster_of(plan)
    unsure = cluster.patched(workload.object) or scaler_of(workload, plan) is not None
    if unsure or workload.kind != "Deployment" or wanted_replicas(workload, plan) != 1:
        return
    for ingress in cluster.near("Ingress", workload.namespace):
        names = {node.text for node in _service_names(ingress)}
        for service in filter(None, (cluster.service(ingress.namespace, name) for name in names)):
            if service.selector and cluster.fits(service, workload):
                said = f"one pod serves Ingress {ingress.name}"
                yield _count_node(workload), f"{said}: users are cut off whenever it restarts or its node is drained"
                return


def _service_names(ingress: KubeObject) -> Iterator[Node]:
    yield ingress.get("spec", "defaultBackend", "service", "name")
    for entry in ingress.get("spec", "rules"):
        for path in entry.get("http", "paths"):
            yield path.get("backend", "service", "name")


@rule("kube-spread", MINOR, over=scaled)
def spread(workload: Workload, plan: Plan) -> Iterator[Found]:
    """Several pods that may all come to one node."""
    pod = workload.pod
    spreads = pod.get("topologySpreadConstraints") or pod.get("affinity", "podAntiAffinity")
    if wanted_replicas(workload, plan) > 1 and not spreads and not cluster_of(plan).patched(workload.object):
        count = wanted_replicas(workload, plan)
        yield (
            workload.place,
            f"its {count} pods may all run on one node: it has no anti-affinity and no topology spread",
        )


def _budgets(workload: Workload, plan: Plan) -> list[KubeObject]:
    cluster = cluster_of(plan)
    labels = cluster.labels(workload)
    near = cluster.near("PodDisruptionBudget", workload.namespace)
    return [each for each in near if match_labels(each.get("spec", "selector"), labels)]


@rule("kube-no-budget", MINOR, over=scaled)
def no_budget(workload: Workload, plan: Plan) -> Iterator[Found]:
    """Several pods without a disruption budget."""
    count = wanted_replicas(workload, plan)
    if count > 1 and not cluster_of(plan).open and not _budgets(workload, plan):
        yield (
            workload.place,
            f"no PodDisruptionBudget covers its {count} pods: draining nodes may evict them all at once",
        )


@rule("kube-budget-blocks", MAJOR, over=scaled)
def budget_blocks(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A budget that never allows an eviction."""
    scaler = scaler_of(workload, plan)
    count = scaler.get("spec", "maxReplicas").integer if scaler is not None else wanted_replicas(workload, plan)
    if not count or cluster_of(plan).patched(workload.object):
        return
    for budget in _budgets(workload, plan):
        least, most = budget.get("spec", "minAvailable"), budget.get("spec", "maxUnavailable")
        kept = share(least.text, count, up=True)
        given = share(most.text, count, up=True)
        if kept is not None and kept >= count:
            said = f"minAvailable {least.text} of the {count} {_pods(count)} of {workload.label}"
            yield least, f"{said} allows no eviction: draining a node waits for ever"
        elif given == 0:
            yield most, f"maxUnavailable {most.text} allows no eviction: draining a node waits for ever"


def _pods(count: int) -> str:
    return "pod" if count == 1 else "pods"


@rule("kube-rollout-all-gone", CRITICAL, over=lasting)
def rollout_all_gone(workload: Workload, plan: Plan) -> Iterator[Found]:
    """An update that may stop all pods at once."""
    count = wanted_replicas(workload, plan)
    strategy = workload.object.get("spec", "strategy")
    node = strategy.get("rollingUpdate", "maxUnavailable")
    gone = share(node.text, count, up=False)
    if workload.kind == "Deployment" and count > 1 and not cluster_of(plan).patched(workload.object):
        if strategy.get("type").text == "Recreate":
            yield strategy, f"Recreate stops all {count} pods before the first new one starts"
        elif gone is not None and gone >= count:
            yield node, f"maxUnavailable {node.text} lets an update stop all {count} pods at once"
