"""Rules about claims, volumes and where databases keep their data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.replicas import wanted_replicas
from seatrial.plan.volumes import CLAIM, KEPT, LOST, UNDEFINED, Home, appends, home_of_data, mounts_of
from seatrial.rules.kube_namespaces import claims_of, is_forgotten
from seatrial.rules.references import all_containers, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.nodes import Node

_FILE_SYSTEMS = re.compile(r"local-path|hostpath|nfs|efs|azurefile|cephfs|gluster|longhorn-nfs|microk8s", re.IGNORECASE)


@rule("kube-claim-missing", CRITICAL, over=workloads)
def claim_missing(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A volume whose claim its namespace does not have."""
    cluster = cluster_of(plan)
    closed = not (cluster.open or cluster.patched(workload.object) or cluster.operated(workload.namespace))
    for volume in workload.pod.get("volumes") if closed and not is_forgotten(plan, workload.object) else ():
        node = volume.get("persistentVolumeClaim", "claimName")
        name = node.text
        known = name in cluster.created or _of_a_template(name, workload, plan)
        if not name or known or cluster.lookup("PersistentVolumeClaim", workload.namespace, name):
            continue
        others = cluster.named.get(("PersistentVolumeClaim", name), [])
        if not any(is_forgotten(plan, each) for each in others):
            tail = f": it is in namespace {others[0].namespace}" if others else ": the pods stay Pending"
            yield node, f"mounts the claim {name}, which namespace {workload.namespace} does not have{tail}"


def _of_a_template(name: str, workload: Workload, plan: Plan) -> bool:
    """`data-db-0`, the claim of a StatefulSet's pod."""
    return any(
        re.fullmatch(rf"{re.escape(template)}-{re.escape(other.name)}-\d+", name)
        for other in cluster_of(plan).workloads(workload.namespace)
        for template in other.claim_templates
    )


def _home(container: Container, plan: Plan) -> Home | None:
    """Where a server keeps data that has to last."""
    if container.init or cluster_of(plan).patched(container.workload.object):
        return None
    home = home_of_data(container, plan)
    if home is not None and home.store.name in ("redis", "valkey") and not appends(container):
        return None
    return home


def _persistent_elsewhere(container: Container) -> Node | None:
    found = (each.node.get("mountPath") for each in mounts_of(container) if each.behind in (CLAIM, KEPT))
    return next(found, None)


@rule("kube-data-not-kept", CRITICAL, over=all_containers)
def data_not_kept(container: Container, plan: Plan) -> Iterator[Found]:
    """A database without a volume that outlives its pod."""
    home = _home(container, plan)
    if home is None:
        return
    if home.mount is not None and home.mount.behind == LOST:
        said = f"keeps its data in {home.directory}, on a volume that is deleted with the pod"
        yield container.workload.volume(home.mount.volume), said
    elif home.mount is None and _persistent_elsewhere(container) is None:
        yield container.place, f"keeps its data in {home.directory}, on no volume: it is lost with the container"


@rule("kube-data-path", CRITICAL, over=all_containers)
def data_path(container: Container, plan: Plan) -> Iterator[Found]:
    """A database's volume that is mounted where its data is not."""
    home = _home(container, plan)
    if home is not None and home.mount is None and (node := _persistent_elsewhere(container)) is not None:
        said = f"mounts its volume on {node.text}, and {home.store.name} keeps its data in {home.directory}"
        yield node, f"{said}, which is lost with the container"


@rule("kube-data-root", CRITICAL, over=all_containers)
def data_root(container: Container, plan: Plan) -> Iterator[Found]:
    """A postgres whose data directory is the root of a new file system."""
    home = _home(container, plan)
    if home is None or home.store.name != "postgres" or home.mount is None or home.mount.below:
        return
    whole = home.mount.behind == CLAIM and home.mount.path == home.directory
    if whole and not _FILE_SYSTEMS.search(_storage_class(container.workload, home.mount.claim, plan)):
        said = f"has its data directory {home.directory} on the root of a volume"
        yield home.mount.node.get("mountPath"), f"{said}: initdb refuses it for the lost+found of a new file system"


def _claim(workload: Workload, name: str, plan: Plan) -> Node | None:
    """The claim of a name, also where it only forgot its namespace."""
    cluster = cluster_of(plan)
    found = cluster.lookup("PersistentVolumeClaim", workload.namespace, name)
    others = cluster.named.get(("PersistentVolumeClaim", name), [])
    found = found or next((each for each in others if is_forgotten(plan, each)), None)
    return workload.claim_templates.get(name) or (found.node if found else None)


def _storage_class(workload: Workload, name: str, plan: Plan) -> str:
    claim = _claim(workload, name, plan)
    return claim.get("spec", "storageClassName").text if claim is not None else ""


def deployments(plan: Plan) -> list[Workload]:
    """What makes its pods from one template and one set of claims."""
    return [each for each in plan.workloads if each.kind in ("Deployment", "StatefulSet", "ReplicaSet")]


def _single_claims(workload: Workload, plan: Plan) -> Iterator[tuple[str, Node]]:
    """The claims of a workload that only one node may have at a time."""
    for name in dict.fromkeys(claims_of(workload)):
        claim = _claim(workload, name, plan)
        modes = set(claim.get("spec", "accessModes").texts()) if claim else set()
        if claim and modes and modes <= {"ReadWriteOnce", "ReadWriteOncePod"}:
            yield name, claim


@rule("kube-claim-rolling", MAJOR, over=deployments)
def claim_rolling(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A rolling update of a single pod with a volume that only one may have."""
    strategy = workload.object.get("spec", "strategy")
    surge = strategy.get("rollingUpdate", "maxSurge").text
    waits = workload.kind == "Deployment" and strategy.get("type").text != "Recreate" and surge not in ("0", "0%")
    if not waits or wanted_replicas(workload, plan) != 1 or cluster_of(plan).patched(workload.object):
        return
    for name, _ in _single_claims(workload, plan):
        node = strategy if strategy else workload.place
        said = f"starts its new pod while the old one holds the ReadWriteOnce claim {name}"
        yield node, f"{said}: on another node it waits for ever, on the same one both write (use Recreate)"
        return


@rule("kube-claim-shared", CRITICAL, over=deployments)
def claim_shared(workload: Workload, plan: Plan) -> Iterator[Found]:
    """Several pods with one volume that only one node may have."""
    count = wanted_replicas(workload, plan)
    if count > 1 and not cluster_of(plan).patched(workload.object):
        for name, claim in _single_claims(workload, plan):
            mode = claim.get("spec", "accessModes").texts()[0]
            yield workload.object.get("spec", "replicas"), f"wants {count} pods with the one {mode} claim {name}"


@rule("kube-volume-undefined", CRITICAL, over=all_containers)
def volume_undefined(container: Container, plan: Plan) -> Iterator[Found]:
    """A mount of a volume that the pod does not have."""
    if not cluster_of(plan).patched(container.workload.object):
        for mount in mounts_of(container):
            if mount.behind == UNDEFINED and mount.volume:
                yield mount.node.get("name"), f"mounts the volume {mount.volume}, which the pod does not define"


@rule("kube-volume-unused", MINOR, over=workloads)
def volume_unused(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A volume that no container mounts."""
    containers = [*workload.containers, *workload.init_containers]
    used = {
        node.get("name").text
        for each in containers
        for key in ("volumeMounts", "volumeDevices")
        for node in each.node.get(key)
    }
    if cluster_of(plan).patched(workload.object):
        return
    for name, node in _volumes(workload):
        if name and name not in used:
            yield node, f"no container mounts the volume {name}"


def _volumes(workload: Workload) -> Iterator[tuple[str, Node]]:
    for volume in workload.pod.get("volumes"):
        yield volume.get("name").text, volume
    yield from workload.claim_templates.items()
