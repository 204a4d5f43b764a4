"""Rules about selectors, Services and what routes to them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.cluster import KubeService, cluster_of
from seatrial.plan.kubernetes import LASTING, KubeObject, Workload, match_labels
from seatrial.plan.replicas import wanted_replicas
from seatrial.plan.wiring import wiring_of
from seatrial.rules.kube_namespaces import is_forgotten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import Cluster
    from seatrial.plan.nodes import Node

_POD_NAME = re.compile(r"(?<![\w.-])([a-z][a-z0-9-]{0,60})-\d{1,3}\.([a-z][a-z0-9-]{0,60})(?![\w-])")


def services(plan: Plan) -> list[KubeService]:
    """Every Service."""
    return cluster_of(plan).services


def lasting(plan: Plan) -> list[Workload]:
    """What runs for good."""
    return [each for each in plan.workloads if each.lasting]


@rule("kube-selector-mismatch", CRITICAL, over=lasting)
def selector_mismatch(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A selector that does not match the labels of its own template."""
    selector = workload.object.get("spec", "selector")
    labels = cluster_of(plan).labels(workload)
    if workload.kind == "ReplicationController" or not selector or cluster_of(plan).patched(workload.object):
        return
    if not match_labels(selector, labels):
        wanted = ", ".join(f"{key}={value.text}" for key, value in selector.get("matchLabels").items())
        has = ", ".join(f"{key}={value}" for key, value in workload.pod_labels.items()) or "none"
        yield selector, f"selects {wanted or 'other labels'}, and the labels of its own pods are {has}"


def _nearly(service: KubeService, cluster: Cluster) -> str:
    """What else there is to select."""
    pods = cluster.workloads(service.object.namespace)
    keys = list(service.selector)
    found = {f"{key}={pod.pod_labels[key]}" for pod in pods for key in keys if key in pod.pod_labels}
    return f" (there is {', '.join(sorted(found)[:5])})" if found else ""


@rule("kube-service-no-pods", CRITICAL, over=services)
def service_no_pods(service: KubeService, plan: Plan) -> Iterator[Found]:
    """A Service whose selector matches no pod of its namespace."""
    cluster = cluster_of(plan)
    closed = not (cluster.open or cluster.operated(service.object.namespace) or cluster.patched(service.object))
    if not service.selector or service.external or not closed or is_forgotten(plan, service.object):
        return
    others = cluster.workloads(service.object.namespace)
    strayed = [each for each in plan.workloads if cluster.fits(service, each)] if cluster.strays(service) else []
    if cluster.pods(service) or any(is_forgotten(plan, each.object) for each in strayed):
        return
    shown = ", ".join(f"{key}={value}" for key, value in service.selector.items())
    node = service.object.get("spec", "selector")
    if strayed:
        yield (
            node,
            f"selects {shown}, and no pod of namespace {service.object.namespace} has it: {strayed[0].label} does",
        )
    elif others:
        yield node, f"selects {shown}, and no pod of its namespace has it{_nearly(service, cluster)}"


@rule("kube-target-port", CRITICAL, over=services)
def target_port(service: KubeService, plan: Plan) -> Iterator[Found]:
    """A Service that leads to a port that its pods do not have."""
    pods = cluster_of(plan).pods(service)
    if not pods or service.headless or any(cluster_of(plan).patched(each.object) for each in pods):
        return
    for port in service.object.get("spec", "ports"):
        target = port.get("targetPort") if port.get("targetPort") else port.get("port")
        wrong = [each for each in pods if not has_port(each, target, plan)]
        if len(wrong) == len(pods):
            has = ", ".join(sorted(_shown_ports(wrong[0], plan))) or "no named port"
            said = f"leads to port {target.text} of the pods of {wrong[0].label}"
            yield target, f"{said}, whose containers have only {has}"


def exposed(workload: Workload, plan: Plan) -> set[int]:
    """The ports of the containers, those that the images built here expose too."""
    found = {port for each in workload.containers for port in each.ports}
    for each in workload.containers:
        own = image_here(each.image, plan)
        found |= own or set()
    return found


def image_here(image: str, plan: Plan) -> set[int] | None:
    """The ports that a Dockerfile here exposes for an image; None if the image is not built here for sure."""
    built = [each for each in plan.dockerfiles if each.ports]
    names = {service.image.partition(":")[0] for service in plan.services if service.builds and service.image}
    return set(built[0].ports) if len(built) == 1 and image.partition(":")[0] in names else None


def has_port(workload: Workload, target: Node, plan: Plan) -> bool:
    """May the pods answer on a port that is given by number or name? True where nobody can tell."""
    number = target.integer
    sidecars = [
        *workload.containers,
        *(each for each in workload.init_containers if each.node.get("restartPolicy").text),
    ]
    if number is None:
        return any(target.text in each.ports.values() for each in sidecars)
    if number in exposed(workload, plan) or any(number in each.ports for each in sidecars):
        return True
    silent = [each for each in workload.containers if not each.ports and image_here(each.image, plan) is None]
    return bool(silent) or speaks_of(workload, number, plan)


def speaks_of(workload: Workload, number: int, plan: Plan) -> bool:
    """Does a command, a variable or a configuration of a workload name a port that it does not declare?

    `containerPort` only informs: a program may listen on more.
    """
    pattern = re.compile(rf"(?<![\d.]){number}(?![\d.])")
    containers = [*workload.containers, *workload.init_containers]
    own = [word for each in containers for word in (*each.words, *(entry.value or "" for entry in each.env))]
    names = {node.text for node in workload.template.walk() if node.text}
    home, configs = cluster_of(plan).home(workload.namespace), wiring_of(plan).configs
    told = (data for (_, space, name), data in configs.items() if space == home and name in names)
    return any(pattern.search(text) for text in [*own, *(value or "" for data in told for value, _ in data.values())])


def _shown_ports(workload: Workload, plan: Plan) -> set[str]:
    named = {number: name for each in workload.containers for number, name in each.ports.items()}
    return {f"{port} ({named[port]})" if named.get(port) else str(port) for port in exposed(workload, plan)}


def statefulsets(plan: Plan) -> list[KubeObject]:
    """Every StatefulSet."""
    return plan.of_kind("StatefulSet")


@rule("kube-stateful-service", MAJOR, over=statefulsets)
def stateful_service(thing: KubeObject, plan: Plan) -> Iterator[Found]:
    """A StatefulSet whose serviceName names no headless Service."""
    cluster = cluster_of(plan)
    node = thing.get("spec", "serviceName")
    if cluster.open or cluster.patched(thing) or not node.text:
        return
    service = cluster.service(thing.namespace, node.text)
    if service is None:
        if not any(is_forgotten(plan, each.object) for each in cluster.services_named(node.text)):
            yield node, f"its serviceName is {node.text}, and namespace {thing.namespace} has no such Service"
    elif not service.headless and (why := _needs_names(thing, plan)):
        said = f"its Service {node.text} is not headless (clusterIP: None), so its pods get no names of their own"
        yield node, f"{said}: {why}"


def _needs_names(thing: KubeObject, plan: Plan) -> str:
    """Why the pods of a StatefulSet need names of their own; one alone is reached through its Service as well."""
    asked = _pod_names(plan).get((thing.name, thing.get("spec", "serviceName").text))
    count = wanted_replicas(Workload(thing), plan)
    return asked or (f"its {count} pods cannot be told apart" if count > 1 else "")


@lru_cache(maxsize=2)
def _pod_names(plan: Plan) -> dict[tuple[str, str], str]:
    """Who asks for a pod by its own name (`db-0.db`), by StatefulSet and Service."""
    found: dict[tuple[str, str], str] = {}
    for source in plan.sources.values():
        for match in _POD_NAME.finditer(source.text):
            found.setdefault((match[1], match[2]), f"{source.path} asks for {match[0]}")
    return found


def targets(plan: Plan) -> list[KubeObject]:
    """Objects that name or select others: autoscalers, budgets, monitors."""
    return plan.of_kind("HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceMonitor", "PodMonitor")


@rule("kube-scale-target", CRITICAL, over=targets)
def scale_target(thing: KubeObject, plan: Plan) -> Iterator[Found]:
    """An autoscaler whose target does not exist."""
    reference = thing.get("spec", "scaleTargetRef")
    kind, name = reference.get("kind").text, reference.get("name").text
    cluster = cluster_of(plan)
    known = thing.kind == "HorizontalPodAutoscaler" and kind in LASTING and name and not cluster.open
    if known and not is_forgotten(plan, thing) and cluster.lookup(kind, thing.namespace, name) is None:
        others = cluster.named.get((kind, name), [])
        if not any(is_forgotten(plan, each) for each in others):
            yield reference.get("name"), f"scales {kind} {name}, which namespace {thing.namespace} does not have"


@rule("kube-selects-nothing", MAJOR, over=targets)
def selects_nothing(thing: KubeObject, plan: Plan) -> Iterator[Found]:
    """A budget or a monitor that selects nothing."""
    cluster = cluster_of(plan)
    selector = thing.get("spec", "selector")
    if cluster.open or cluster.operated(thing.namespace) or not len(selector) or thing.get("spec", "namespaceSelector"):
        return
    if thing.kind in ("PodDisruptionBudget", "PodMonitor"):
        what, labels = "pod", [cluster.labels(each) for each in cluster.workloads(thing.namespace)]
    elif thing.kind == "ServiceMonitor":
        near = cluster.near("Service", thing.namespace)
        what, labels = "Service", [{**cluster.common_labels, **each.labels} for each in near]
    else:
        return
    if labels and not any(match_labels(selector, each) for each in labels):
        yield selector, f"selects no {what} of namespace {thing.namespace}"
