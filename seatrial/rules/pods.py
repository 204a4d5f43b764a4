"""Rules about single pods: images, resources, names that stand twice, the time to stop, versions that are gone."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.datastores import repository, tag
from seatrial.plan.quantities import quantity
from seatrial.rules.references import all_containers, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import KubeObject, Workload
    from seatrial.plan.nodes import Node

GRACE_S = 30
_GONE = {
    ("extensions/v1beta1", ""): ("1.22", ""),
    ("apps/v1beta1", ""): ("1.16", "apps/v1"),
    ("apps/v1beta2", ""): ("1.16", "apps/v1"),
    ("networking.k8s.io/v1beta1", "Ingress"): ("1.22", "networking.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "IngressClass"): ("1.22", "networking.k8s.io/v1"),
    ("policy/v1beta1", "PodDisruptionBudget"): ("1.25", "policy/v1"),
    ("policy/v1beta1", "PodSecurityPolicy"): ("1.25", ""),
    ("batch/v1beta1", "CronJob"): ("1.25", "batch/v1"),
    ("batch/v2alpha1", "CronJob"): ("1.21", "batch/v1"),
    ("autoscaling/v2beta1", ""): ("1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", ""): ("1.26", "autoscaling/v2"),
    ("rbac.authorization.k8s.io/v1beta1", ""): ("1.22", "rbac.authorization.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", ""): ("1.22", "apiextensions.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"): (
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): (
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    ("storage.k8s.io/v1beta1", "StorageClass"): ("1.22", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): ("1.27", "storage.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): ("1.22", "scheduling.k8s.io/v1"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): ("1.25", "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", "Event"): ("1.25", "events.k8s.io/v1"),
    ("node.k8s.io/v1beta1", "RuntimeClass"): ("1.25", "node.k8s.io/v1"),
}


def objects(plan: Plan) -> list[KubeObject]:
    """Every object of the manifests."""
    return plan.objects


@rule("kube-api-removed", CRITICAL, over=objects)
def api_removed(each: KubeObject, _plan: Plan) -> Iterator[Found]:
    """A version that Kubernetes no longer has."""
    node = each.get("apiVersion")
    found = _GONE.get((node.text, each.kind)) or _GONE.get((node.text, ""))
    if found:
        tail = f": it is {found[1]} now" if found[1] else ""
        yield node, f"{each.kind} in {node.text} was removed in Kubernetes {found[0]}{tail}"


def _set_by_kustomize(container: Container, plan: Plan) -> bool:
    images = (entry for each in plan.kustomizations for entry in each.node.get("images"))
    name = repository(container.image)
    return any(
        entry.get("name").text == name and (entry.get("newTag").text or entry.get("digest").text) for entry in images
    )


@rule("kube-image-tag", MAJOR, over=all_containers)
def image_tag(container: Container, plan: Plan) -> Iterator[Found]:
    """An image without a version."""
    image = container.image
    if not image or "@" in image or "$" in image or _set_by_kustomize(container, plan):
        return
    if tag(image) in ("", "latest") and not cluster_of(plan).patched(container.workload.object):
        said = "has the tag latest" if tag(image) else "has no tag, which means latest"
        kept = container.node.get("imagePullPolicy").text in ("IfNotPresent", "Never")
        policy = f" (with imagePullPolicy {container.node.get('imagePullPolicy').text} each node keeps its own)"
        tail = policy if kept else ""
        yield (
            container.node.get("image"),
            f"the image {image} {said}: nobody can tell what runs, or go back to it{tail}",
        )


def main_containers(plan: Plan) -> list[Container]:
    """All containers but those that only initialise."""
    return plan.containers


@rule("kube-resources-missing", MAJOR, over=main_containers)
def resources_missing(container: Container, plan: Plan) -> Iterator[Found]:
    """A container without requests or without a memory limit."""
    defaults = cluster_of(plan).near("LimitRange", container.workload.namespace)
    if cluster_of(plan).patched(container.workload.object) or defaults:
        return
    resources = container.node.get("resources")
    limits, requests = resources.get("limits"), resources.get("requests")
    absent = [f"{key} request" for key in ("cpu", "memory") if not (requests.get(key) or limits.get(key))]
    absent += [] if limits.get("memory") else ["memory limit"]
    if absent:
        yield (resources if resources.written else container.place), f"has no {', no '.join(absent)}"


@rule("kube-limit-below-request", CRITICAL, over=all_containers)
def limit_below_request(container: Container, _plan: Plan) -> Iterator[Found]:
    """A limit that is smaller than the request."""
    resources = container.node.get("resources")
    for key, node in resources.get("limits").items():
        request = resources.get("requests", key)
        most, least = quantity(node.text), quantity(request.text)
        if most is not None and least is not None and most < least:
            yield node, f"the {key} limit {node.text} is below the request {request.text}: the pod is refused"


@rule("kube-env-twice", MAJOR, over=all_containers)
def env_twice(container: Container, _plan: Plan) -> Iterator[Found]:
    """A variable that env defines twice."""
    seen: set[str] = set()
    for variable in container.env:
        if variable.name in seen and variable.name:
            yield variable.node, f"env defines {variable.name} twice: only the last one holds"
        seen.add(variable.name)


@rule("kube-name-twice", MAJOR, over=workloads)
def name_twice(workload: Workload, _plan: Plan) -> Iterator[Found]:
    """Names that may stand only once in a pod."""
    containers = [*workload.init_containers, *workload.containers]
    yield from _twice("container", [each.node.get("name") for each in containers])
    yield from _twice("volume", [each.get("name") for each in workload.pod.get("volumes")])
    for each in containers:
        yield from _twice("port name", [port.get("name") for port in each.node.get("ports")])
        yield from _twice("mount path", [mount.get("mountPath") for mount in each.node.get("volumeMounts")])


def _twice(what: str, nodes: list[Node]) -> Iterator[Found]:
    counted = Counter(node.text for node in nodes if node.text)
    for text in (text for text, count in counted.items() if count > 1):
        last = [node for node in nodes if node.text == text][-1]
        yield last, f"the pod has the {what} {text} more than once"


@rule("kube-stop-time", MAJOR, over=all_containers)
def stop_time(container: Container, _plan: Plan) -> Iterator[Found]:
    """A preStop hook that takes longer than the pod is given to stop."""
    grace = container.workload.pod.get("terminationGracePeriodSeconds").integer
    given = GRACE_S if grace is None else grace
    hook = container.node.get("lifecycle", "preStop")
    sleeps = [
        int(found) for found in re.findall(r"\bsleep\s+([0-9]{1,6})\b", " ".join(hook.get("exec", "command").texts()))
    ]
    native = hook.get("sleep", "seconds").integer
    total = sum(sleeps) + (native or 0)
    if total >= given and total:
        said = f"preStop sleeps {total} s, and the pod is killed after {given} s"
        yield hook, f"{said}: the program gets no time to end what it does"
