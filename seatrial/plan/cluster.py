"""What the manifests of a plan are together: whose namespace, whose pods, whose keys, and what no file tells."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.kubernetes import KubeObject, Workload, selects
from seatrial.plan.patches import patch_texts, patched_by

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node

# Custom kinds that start no pods and make no Services.
_HARMLESS = frozenset({
    "ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule", "Certificate", "Issuer", "ClusterIssuer",
    "ExternalSecret", "SecretStore", "ClusterSecretStore", "SealedSecret", "IngressRoute", "Middleware",
    "VirtualService", "DestinationRule", "Gateway", "HTTPRoute", "VerticalPodAutoscaler", "ScaledObject",
    "TriggerAuthentication", "ManagedCertificate", "BackendConfig", "FrontendConfig", "VolumeSnapshot",
    "VolumeSnapshotClass", "Kustomization", "ServiceEntry",
})  # fmt: skip
_CREATED = re.compile(r"\bcreate\s+(?:secret\s+\S+|configmap|cm|namespace|ns|serviceaccount|sa|pvc)\s+([\w.-]+)")


_HELM = re.compile(r"^(?!\s*#).*\bhelm\b.*\b(?:install|upgrade)\b|^\s*helmfile\b", re.MULTILINE)


@dataclass(frozen=True)
class KubeService:
    """A Service."""

    object: KubeObject

    @property
    def label(self) -> str:
        """As findings name it."""
        return self.object.label

    @property
    def selector(self) -> dict[str, str]:
        """The labels that it selects."""
        return {key: value.text for key, value in self.object.get("spec", "selector").items()}

    @property
    def headless(self) -> bool:
        """Does its name lead to the pods themselves?"""
        return self.object.get("spec", "clusterIP").text == "None"

    @property
    def external(self) -> bool:
        """Is it only a name for something outside?"""
        return self.object.get("spec", "type").text == "ExternalName"

    @property
    def ports(self) -> dict[int, Node]:
        """Its ports."""
        found = {port.get("port").integer: port for port in self.object.get("spec", "ports")}
        return {number: port for number, port in found.items() if number is not None}


class Cluster:
    """The manifests of a plan, by the questions that rules ask."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def open(self) -> bool:
        """Is there more than the files tell: a Helm chart, a resource by URL, a manifest that cannot be read?"""
        broken = (self.plan.read(problem.place.file) for problem in self.plan.problems)
        remote = (
            entry.text
            for kustomization in self.plan.kustomizations
            for key in ("resources", "bases", "components")
            for entry in kustomization.node.get(key)
        )
        charts = any(kustomization.node.get("helmCharts").written for kustomization in self.plan.kustomizations)
        return (
            charts
            or "helm" in self.plan.kinds.values()
            or any(_HELM.search(script.text) for script in self.plan.all_scripts)
            or bool(self.plan.of_kind("HelmRelease", "HelmChart", "Application", "ApplicationSet"))
            or any(source is not None and "apiVersion" in source.text for source in broken)
            or any("://" in text or "?ref=" in text or text.startswith("github.com/") for text in remote)
            or self._given_namespaces == {""}
        )

    @cached_property
    def renamed(self) -> bool:
        """Does a kustomization change the names of objects?"""
        return any(each.node.get(key) for each in self.plan.kustomizations for key in ("namePrefix", "nameSuffix"))

    @cached_property
    def _given_namespaces(self) -> set[str]:
        """The namespaces that scripts apply manifests to; the empty one where nobody can tell."""
        found = set()
        for script in self.plan.all_scripts:
            for command in script.commands if "kubectl" in script.text else ():
                words = [script.filled(word, script.values) for word in command.program]
                if command.name == "kubectl" and {"apply", "create", "set-context"} & set(words[1:4]):
                    name = _namespace_of(words)
                    applies = "set-context" in words or any(
                        word.startswith(("-f", "--filename", "-k")) for word in words
                    )
                    found |= {name if "$" not in name else ""} if name is not None and applies else set()
        written = {each.namespace for each in self.plan.objects} - {"", "default"}
        return written if found == {""} and len(written) == 1 else found

    @cached_property
    def _homes(self) -> dict[str, str]:
        given = {each.namespace for each in self.plan.kustomizations if each.namespace}
        homes = dict.fromkeys(given, min(given)) if len(given) > 1 else {}
        if len(self._given_namespaces) == 1 and self._given_namespaces != {""}:
            name = next(iter(self._given_namespaces))
            homes["default"] = homes.get(name, name)
        return homes

    def home(self, namespace: str) -> str:
        """The namespace where things meet: overlays of one base are one, what scripts apply with `-n` lies there."""
        return self._homes.get(namespace, namespace)

    def operated(self, namespace: str) -> bool:
        """May an operator make more in this namespace than the files tell?"""
        return self.home(namespace) in self._operated

    @cached_property
    def _operated(self) -> set[str]:
        return {
            self.home(each.namespace) for each in self.plan.objects if is_custom(each) and each.kind not in _HARMLESS
        }

    @cached_property
    def created(self) -> set[str]:
        """Names of what commands in scripts and documents create beside the manifests."""
        texts = (source.text for source in self.plan.sources.values() if "create" in source.text)
        return {match[1] for text in texts for match in _CREATED.finditer(text)}

    @cached_property
    def named(self) -> dict[tuple[str, str], list[KubeObject]]:
        """All objects by kind and name, whatever their namespace."""
        found: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
        for each in self.plan.objects:
            found[each.kind, each.name].append(each)
        return found

    def patched(self, each: KubeObject) -> bool:
        """May a kustomization's patch change it?"""
        kinds = (each.kind, "")
        return any((kind, name) in self._patches for kind in kinds for name in (each.name, ""))

    @cached_property
    def patch_text(self) -> str:
        """All patches as they are written."""
        return "\n".join(text for each in self.plan.kustomizations for text in patch_texts(each, self.plan))

    @cached_property
    def _patches(self) -> set[tuple[str, str]]:
        return {target for each in self.plan.kustomizations for target in patched_by(each, self.plan)}

    def lookup(self, kind: str, namespace: str, name: str) -> KubeObject | None:
        """An object of a namespace."""
        return self._at.get((kind, self.home(namespace), name))

    @cached_property
    def _at(self) -> dict[tuple[str, str, str], KubeObject]:
        return {(each.kind, self.home(each.namespace), each.name): each for each in reversed(self.plan.objects)}

    @cached_property
    def services(self) -> list[KubeService]:
        """All Services."""
        return [KubeService(each) for each in self.plan.of_kind("Service") if each.get("apiVersion").text == "v1"]

    def service(self, namespace: str, name: str) -> KubeService | None:
        """A Service of a namespace."""
        found = self.lookup("Service", namespace, name)
        return KubeService(found) if found is not None and not is_custom(found) else None

    def services_named(self, name: str) -> list[KubeService]:
        """The Services of this name, in any namespace."""
        return [each for each in self.services if each.object.name == name]

    def near(self, kind: str, namespace: str) -> list[KubeObject]:
        """The objects of a kind in a namespace."""
        return self._near.get((kind, self.home(namespace)), [])

    @cached_property
    def _near(self) -> dict[tuple[str, str], list[KubeObject]]:
        found: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
        for each in self.plan.objects:
            found[each.kind, self.home(each.namespace)].append(each)
        return found

    @cached_property
    def _workloads(self) -> dict[str, list[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for workload in self.plan.workloads:
            found[self.home(workload.namespace)].append(workload)
        return found

    def workloads(self, namespace: str) -> list[Workload]:
        """What runs pods in a namespace."""
        return self._workloads.get(self.home(namespace), [])

    @cached_property
    def common_labels(self) -> dict[str, str]:
        """The labels that kustomizations add to everything."""
        sources = [each.node.get("commonLabels") for each in self.plan.kustomizations]
        sources += [entry.get("pairs") for each in self.plan.kustomizations for entry in each.node.get("labels")]
        return {key: value.text for source in sources for key, value in source.items()}

    def labels(self, workload: Workload) -> dict[str, str]:
        """The labels of a workload's pods, with those that kustomizations add."""
        return {**self.common_labels, **workload.pod_labels}

    def selected(self, selector: dict[str, str], namespace: str) -> list[Workload]:
        """The workloads of a namespace whose pods a plain selector selects."""
        home = self.home(namespace)
        return [each for each in self.selected_anywhere(selector) if self.home(each.namespace) == home]

    def selected_anywhere(self, selector: dict[str, str]) -> list[Workload]:
        """The workloads of all namespaces whose pods a plain selector selects."""
        with_pair = [self._by_label.get(pair, []) for pair in selector.items()]
        return [each for each in min(with_pair, key=len, default=[]) if selects(selector, self.labels(each))]

    @cached_property
    def _by_label(self) -> dict[tuple[str, str], list[Workload]]:
        found: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        for each in self.plan.workloads:
            for pair in self.labels(each).items():
                found[pair].append(each)
        return found

    def pods(self, service: KubeService) -> list[Workload]:
        """The workloads whose pods a Service leads to."""
        return self.selected(service.selector, service.object.namespace)

    def services_to(self, workload: Workload) -> list[KubeService]:
        """The Services that lead to the pods of a workload."""
        return self._services_to.get(id(workload), [])

    @cached_property
    def _services_to(self) -> dict[int, list[KubeService]]:
        found: dict[int, list[KubeService]] = defaultdict(list)
        for service in self.services:
            for each in self.pods(service):
                found[id(each)].append(service)
        return found

    def fits(self, service: KubeService, workload: Workload) -> bool:
        """Would a Service lead to these pods if both lay in one namespace?"""
        return selects(service.selector, self.labels(workload))

    def strays(self, service: KubeService) -> bool:
        """Does it select nothing where it lies, but pods of another namespace if it lay there?"""
        return not self.pods(service) and bool(self.selected_anywhere(service.selector))


@lru_cache(maxsize=2)
def cluster_of(plan: Plan) -> Cluster:
    """The cluster of a plan."""
    return Cluster(plan)


def is_custom(each: KubeObject) -> bool:
    """Is it of a kind that Kubernetes itself does not have?"""
    group, slash, _ = each.get("apiVersion").text.partition("/")
    builtin = {"apps", "batch", "autoscaling", "policy", "extensions"}
    return bool(slash) and group not in builtin and not (group.endswith(".k8s.io") and group.count(".") <= 3)


def _namespace_of(words: list[str]) -> str | None:
    for number, word in enumerate(words):
        if word in ("-n", "--namespace"):
            return words[number + 1] if number + 1 < len(words) else None
        if word.startswith("--namespace="):
            return word.partition("=")[2]
    return None
