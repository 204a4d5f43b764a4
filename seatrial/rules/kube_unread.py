"""Rules about what ConfigMaps and Secrets hold for nobody."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import MINOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.config_uses import config_uses
from seatrial.plan.containers import references
from seatrial.plan.kubernetes import KubeObject
from seatrial.rules.kube_namespaces import is_forgotten
from seatrial.rules.references import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan


def configs_in_files(plan: Plan) -> list[KubeObject]:
    """ConfigMaps, and Secrets of no special type."""
    special = {"Opaque", ""}
    return [each for each in plan.of_kind("ConfigMap", "Secret") if each.get("type").text in special]


@rule("kube-key-unread", MINOR, over=configs_in_files)
def key_unread(thing: KubeObject, plan: Plan) -> Iterator[Found]:
    """A key that nobody reads of an object that is read key by key."""
    cluster = cluster_of(plan)
    uses = config_uses(plan, cluster).get((thing.kind, cluster.home(thing.namespace), thing.name), [])
    if cluster.open or not uses or any(not use.key for use in uses):
        return
    read = {use.key for use in uses} | _wanted(thing, plan)
    for field in ("data", "stringData"):
        for key, node in thing.get(field).items():
            if key not in read and not _read_otherwise(key, thing, plan):
                yield node, f"nobody reads the key {key}"


@rule("kube-config-unread", MINOR, over=configs_in_files)
def config_unread(thing: KubeObject, plan: Plan) -> Iterator[Found]:
    """A ConfigMap that no workload of its namespace reads."""
    cluster = cluster_of(plan)
    home = cluster.home(thing.namespace)
    near = cluster.workloads(thing.namespace)
    unsure = cluster.open or cluster.operated(thing.namespace) or is_forgotten(plan, thing) or _marked(thing)
    if (
        thing.kind != "ConfigMap"
        or unsure
        or not near
        or config_uses(plan, cluster).get((thing.kind, home, thing.name))
    ):
        return
    keys = thing.get("data").keys()
    if not _lacking(plan) and not _wanted(thing, plan) & set(keys) and not _read_otherwise(thing.name, thing, plan):
        yield thing.place, f"no workload reads ConfigMap {thing.name}"


@lru_cache(maxsize=2)
def _lacking(plan: Plan) -> bool:
    """Does any workload ask for what is not there? It may mean this one by another name."""
    return any(next(absent(workload, plan), None) for workload in plan.workloads)


def _marked(thing: KubeObject) -> bool:
    """Has it labels by which a sidecar or an operator may find it?"""
    plain = ("app", "component", "tier", "environment", "env", "part-of", "name", "version")
    return any(key not in plain and not key.startswith("app.kubernetes.io/") for key in thing.labels)


def _wanted(thing: KubeObject, plan: Plan) -> set[str]:
    """The names that containers ask for with `$(NAME)`: their finding says it all."""
    found: set[str] = set()
    for workload in cluster_of(plan).workloads(thing.namespace):
        for container in workload.containers:
            texts = [variable.value or "" for variable in container.env] + container.words
            found |= {name for text in texts for _, name in references(text)}
    return found


def _read_otherwise(key: str, thing: KubeObject, plan: Plan) -> bool:
    """May a script or an object of another kind read it?"""
    return key in _scripts(plan) or thing.name in _mentioned(plan)


@lru_cache(maxsize=2)
def _scripts(plan: Plan) -> str:
    return "\n".join(script.text for script in plan.all_scripts if "kubectl" in script.text)


@lru_cache(maxsize=2)
def _mentioned(plan: Plan) -> set[str]:
    """Every text in the objects of other kinds."""
    plain = ("ConfigMap", "Secret", "Service", "Namespace", "Deployment", "StatefulSet", "DaemonSet")
    others = (each for each in plan.objects if each.kind not in plain)
    return {node.text for each in others for node in each.get("spec").walk()}
