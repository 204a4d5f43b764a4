"""Kubernetes objects as Kubernetes understands them: workloads, containers and their environment, services, claims."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from seatrial.plan.containers import Container

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seatrial.plan.nodes import Node

_TEMPLATES = {
    "Deployment": ("spec", "template"), "StatefulSet": ("spec", "template"), "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"), "ReplicationController": ("spec", "template"), "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"), "Pod": (),
}  # fmt: skip
LASTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")
CLUSTER_WIDE = frozenset({
    "Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "StorageClass", "IngressClass",
    "PriorityClass", "CustomResourceDefinition",
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class KubeObject:
    """An object of a manifest."""

    node: Node
    namespace_given: str = ""  # by a kustomization that the object stands under

    @cached_property
    def kind(self) -> str:
        """Its kind."""
        return self.node.get("kind").text

    @cached_property
    def name(self) -> str:
        """Its name."""
        return self.node.get("metadata", "name").text

    @cached_property
    def namespace(self) -> str:
        """Its namespace; `default` where it has none, empty for what belongs to the whole cluster."""
        if self.kind in CLUSTER_WIDE:
            return ""
        return self.namespace_given or self.node.get("metadata", "namespace").text or "default"

    @cached_property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return {key: value.text for key, value in self.node.get("metadata", "labels").items()}

    @cached_property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return {key: value.text for key, value in self.node.get("metadata", "annotations").items()}

    @property
    def label(self) -> str:
        """`Deployment insitechart/redis`, as findings name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def place(self) -> Node:
        """Where it is named."""
        name = self.node.get("metadata", "name")
        return name if name.written else self.node

    def get(self, *path: str | int) -> Node:
        """A value of it."""
        return self.node.get(*path)


@dataclass(frozen=True, eq=False)
class Workload:
    """An object that runs pods."""

    object: KubeObject

    @cached_property
    def kind(self) -> str:
        """Deployment, StatefulSet, ..."""
        return self.object.kind

    @cached_property
    def name(self) -> str:
        """Its name."""
        return self.object.name

    @cached_property
    def namespace(self) -> str:
        """Its namespace."""
        return self.object.namespace

    @property
    def label(self) -> str:
        """As findings name it."""
        return self.object.label

    @property
    def node(self) -> Node:
        """The whole object."""
        return self.object.node

    @property
    def place(self) -> Node:
        """Where it is named."""
        return self.object.place

    @cached_property
    def template(self) -> Node:
        """The pod's template; a Pod is its own."""
        return self.object.get(*_TEMPLATES[self.kind])

    @property
    def pod(self) -> Node:
        """The pod's spec."""
        return self.template.get("spec")

    @cached_property
    def pod_labels(self) -> dict[str, str]:
        """Labels of its pods."""
        return {key: value.text for key, value in self.template.get("metadata", "labels").items()}

    @property
    def replicas(self) -> int:
        """How many pods it wants; 1 where it does not say."""
        found = self.object.get("spec", "replicas").integer
        return 1 if found is None else found

    @property
    def lasting(self) -> bool:
        """Does it run for good (not a Job)?"""
        return self.kind in LASTING

    @cached_property
    def containers(self) -> list[Container]:
        """Its containers, without those that only initialise."""
        return [Container(node, self) for node in self.pod.get("containers")]

    @cached_property
    def init_containers(self) -> list[Container]:
        """Those that run before."""
        return [Container(node, self, init=True) for node in self.pod.get("initContainers")]

    def volume(self, name: str) -> Node:
        """The pod's volume of this name."""
        found = next((volume for volume in self.pod.get("volumes") if volume.get("name").text == name), None)
        return self.pod.get("no such volume") if found is None else found

    @property
    def claim_templates(self) -> dict[str, Node]:
        """A StatefulSet's own claims, by name."""
        return {claim.get("metadata", "name").text: claim for claim in self.object.get("spec", "volumeClaimTemplates")}


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Does a plain selector (all its pairs) match the labels? An empty one selects nothing here."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def match_labels(selector: Node, labels: Mapping[str, str]) -> bool:
    """A selector with matchLabels and matchExpressions; an empty one selects everything, a missing one nothing."""
    if not selector.written:
        return False
    pairs = {key: value.text for key, value in selector.get("matchLabels").items()}
    return all(labels.get(key) == value for key, value in pairs.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions")
    )


def _holds(expression: Node, labels: Mapping[str, str]) -> bool:
    key, operator, values = (
        expression.get("key").text,
        expression.get("operator").text,
        expression.get("values").texts(),
    )
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) if operator == "Exists" else key not in labels


def objects_of(document: Node, namespace: str = "") -> Iterator[KubeObject]:
    """The objects of a document; those of a List one by one."""
    if document.get("kind").text.endswith("List") and document.get("items").is_list:
        for item in document.get("items"):
            yield from objects_of(item, namespace)
    else:
        yield KubeObject(document, namespace)


def is_workload(thing: KubeObject) -> bool:
    """Does it run pods?"""
    return thing.kind in _TEMPLATES
