"""Rules about namespaces: objects that forgot theirs, namespaces that nothing creates."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.config_uses import uses_of_workload
from seatrial.plan.kubernetes import KubeObject, Workload, is_workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan

_ALWAYS = frozenset({"", "default", "kube-system", "kube-public", "kube-node-lease"})


def objects(plan: Plan) -> list[KubeObject]:
    """Every object of the manifests."""
    return plan.objects


def claims_of(workload: Workload) -> Iterator[str]:
    """The names of the claims that a workload's volumes name."""
    for volume in workload.pod.get("volumes"):
        if name := volume.get("persistentVolumeClaim", "claimName").text:
            yield name


@lru_cache(maxsize=2)
def _users(plan: Plan) -> dict[tuple[str, str], list[KubeObject]]:
    """Who names an object of a kind in its own namespace: workloads, Ingresses, autoscalers."""
    found: dict[tuple[str, str], list[KubeObject]] = {}
    for workload in plan.workloads:
        named = [(use.kind, use.name) for use in uses_of_workload(workload) if not use.optional]
        named += [("PersistentVolumeClaim", name) for name in claims_of(workload)]
        named += [("ServiceAccount", workload.pod.get("serviceAccountName").text)]
        for kind_and_name in dict.fromkeys(named):
            found.setdefault(kind_and_name, []).append(workload.object)
    for ingress in plan.of_kind("Ingress"):
        for node in ingress.get("spec", "rules").walk():
            if backend := node.get("backend", "service", "name").text:
                found.setdefault(("Service", backend), []).append(ingress)
    for scaler in plan.of_kind("HorizontalPodAutoscaler"):
        target = scaler.get("spec", "scaleTargetRef")
        found.setdefault((target.get("kind").text, target.get("name").text), []).append(scaler)
    return found


def _seekers(each: KubeObject, plan: Plan) -> list[KubeObject]:
    """Those of other namespaces that name it and have none of that name themselves."""
    cluster = cluster_of(plan)
    users = _users(plan).get((each.kind, each.name), [])
    home = cluster.home(each.namespace)
    if any(cluster.home(user.namespace) == home for user in users):
        return []
    return [user for user in users if cluster.lookup(each.kind, user.namespace, each.name) is None]


@lru_cache(maxsize=2)
def _named_by(plan: Plan) -> dict[int, list[tuple[str, str]]]:
    """What each of the users names."""
    found: dict[int, list[tuple[str, str]]] = {}
    for name, users in _users(plan).items():
        for user in users:
            found.setdefault(id(user), []).append(name)
    return found


def _sought(each: KubeObject, plan: Plan) -> Iterator[KubeObject]:
    """What it names that lies in other namespaces alone."""
    cluster = cluster_of(plan)
    for kind, name in _named_by(plan).get(id(each), []):
        if cluster.lookup(kind, each.namespace, name) is None:
            yield from cluster.named.get((kind, name), [])[:1]


def _partner(each: KubeObject, plan: Plan) -> KubeObject | None:
    """An object of another namespace that belongs to one without a written namespace."""
    cluster = cluster_of(plan)
    if each.kind == "Service":
        service = cluster.service(each.namespace, each.name)
        if service is not None and service.object is each and cluster.strays(service):
            others = (pods.object for pods in plan.workloads if cluster.fits(service, pods))
            return next(others, None)
    elif is_workload(each) or each.kind in ("Ingress", "HorizontalPodAutoscaler"):
        return next(_sought(each, plan), None)
    return next(iter(_seekers(each, plan)), None)


@lru_cache(maxsize=2)
def _forgotten(plan: Plan) -> dict[int, KubeObject]:
    cluster = cluster_of(plan)
    found = {}
    if cluster.open or all(each.namespace in _ALWAYS for each in plan.objects):
        return {}
    for each in plan.objects:
        unwritten = not each.namespace_given and not each.get("metadata", "namespace").text and each.namespace
        if unwritten and cluster.home("default") == "default":
            partner = _partner(each, plan)
            if partner is not None and cluster.home(partner.namespace) != "default":
                found[id(each)] = partner
    return found


def is_forgotten(plan: Plan, each: KubeObject) -> bool:
    """Does it lie in `default` only because nobody wrote its namespace?"""
    return id(each) in _forgotten(plan)


@rule("kube-namespace-forgotten", CRITICAL, over=objects)
def namespace_forgotten(each: KubeObject, plan: Plan) -> Iterator[Found]:
    """An object without a namespace that objects of another namespace need."""
    partner = _forgotten(plan).get(id(each))
    if partner is not None:
        said = "has no namespace, so it lies in default, where it and"
        yield each.place, f"{said} {partner.label} do not find each other"


def namespaces_used(plan: Plan) -> list[KubeObject]:
    """The first workload of each namespace."""
    first: dict[str, KubeObject] = {}
    for workload in plan.workloads:
        first.setdefault(workload.namespace, workload.object)
    return list(first.values())


@rule("kube-namespace-missing", MAJOR, over=namespaces_used)
def namespace_missing(each: KubeObject, plan: Plan) -> Iterator[Found]:
    """A namespace that no Namespace object declares, while others have theirs."""
    cluster = cluster_of(plan)
    declared = {other.name for other in plan.of_kind("Namespace")}
    given = {other.namespace for other in plan.kustomizations}
    name = each.namespace
    if not declared or name in declared | given | _ALWAYS | cluster.created or cluster.open:
        return
    node = each.get("metadata", "namespace")
    said = f"lies in namespace {name}, which no Namespace here declares"
    yield node if node.text else each.place, f"{said} (there is {', '.join(sorted(declared))})"
