"""What a host name leads to among all that the files deploy, and which ports answer there."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.cluster import cluster_of, is_custom
from seatrial.plan.exporters import EXPORTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import KubeService
    from seatrial.plan.compose import Service

# What well-known images listen on, and whether metrics are served there.
LISTENS: dict[str, dict[int, bool]] = {
    "postgres": {5432: False}, "postgresql": {5432: False}, "redis": {6379: False}, "mysql": {3306: False},
    "mariadb": {3306: False}, "mongo": {27017: False}, "memcached": {11211: False}, "kibana": {5601: False},
    "rabbitmq": {5672: False, 5671: False, 15672: False, 15691: True, 15692: True},
    "elasticsearch": {9200: False, 9300: False}, "grafana": {3000: True},
    "kube-state-metrics": {8080: True, 8081: True}, "cadvisor": {8080: True}, "alertmanager": {9093: True, 9094: False},
} | {image: dict.fromkeys(exporter.ports, True) for exporter in EXPORTERS
     for image in exporter.images if exporter.ports and image not in ("rabbitmq", "alertmanager")}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[\d.]+")
_NUMBER = re.compile(r"(?<![\d.])(\d{2,5})(?![\d.])")
_ITSELF = frozenset({"localhost", "kubernetes", "host.docker.internal", "gateway.docker.internal"})
_PROMETHEUS = ("prometheus", "vmagent")
_STACK = re.compile(r"prometheus|exporter|monitoring|metrics|grafana|observability")


def image_name(image: str) -> str:
    """The last part of an image's name, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


@dataclass
class Host:
    """What answers to a name."""

    services: list[Service] = field(default_factory=list)
    kube: list[KubeService] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Does no file deploy anything of the name?"""
        return not (self.services or self.kube)


class Reach:
    """The names of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cluster = cluster_of(plan)

    @cached_property
    def hosts(self) -> dict[str, Host]:
        """Everything that is deployed, by its names."""
        found: dict[str, Host] = defaultdict(Host)
        for service in self.plan.services:
            for name in _names(service):
                found[name.lower()].services.append(service)
        for each in self.cluster.services:
            found[each.object.name.lower()].kube.append(each)
        return found

    @cached_property
    def judged(self) -> bool:
        """Do the files tell all that is deployed?"""
        any_files = bool(self.plan.projects or self.plan.workloads or self.cluster.services)
        return any_files and not self.cluster.open and not self.cluster.renamed and not _STACK.search(self.installed)

    @cached_property
    def installed(self) -> str:
        """What scripts install of charts and manifests that are no files of the plan."""
        return " ".join(" ".join(words).lower() for words in _installs(self.plan))

    @cached_property
    def _others(self) -> set[str]:
        """Names that commands, extra hosts and operators give."""
        found = set(self.installed.split()) | {name.lower() for name in _run_by_hand(self.plan)}
        for service in self.plan.services:
            extra = service.node.get("extra_hosts")
            found |= {re.split("[:=]", text, maxsplit=1)[0] for text in (extra.keys() or extra.texts())}
        return found

    def missing(self, host: str) -> bool:
        """Is it sure that no file deploys this host?"""
        name = host.lower().removeprefix("tasks.")
        if not self.judged or not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name) or name in _ITSELF:
            return False
        first, *rest = name.split(".")
        if rest:
            return self._missing_in_cluster(first, rest)
        return not (name in self.hosts or self._named_after(name) or name in self._others or self._operated(name))

    def _missing_in_cluster(self, first: str, rest: list[str]) -> bool:
        """`name.namespace.svc.cluster.local`; other domains, and namespaces of others, are not ours to judge."""
        inside = len(rest) == 1 or rest[1:] in (["svc"], ["svc", "cluster", "local"])
        namespaces = {each.namespace for each in self.plan.objects} | {
            each.name for each in self.plan.of_kind("Namespace")
        }
        if not inside or rest[0] not in namespaces or self.cluster.operated(rest[0]):
            return False
        home = self.cluster.home(rest[0])
        here = self.hosts.get(first, Host()).kube
        return all(self.cluster.home(each.object.namespace) != home for each in here) and not self._operated(first)

    def _named_after(self, name: str) -> bool:
        """`project-redis-1`, `stack_redis`."""
        tail = re.sub(r"[-_]\d+$", "", name)
        joints = ("-", "_") if tail != name else ("_",)
        return tail in self.hosts or any(tail.endswith(joint + known) for known in self.hosts for joint in joints)

    def _operated(self, name: str) -> bool:
        """May an operator make it of a custom object?"""
        custom = (each.name.lower() for each in self.plan.objects if is_custom(each))
        return any(name == other or name.startswith(f"{other}-") for other in custom if other)

    def at(self, host: str) -> Host:
        """What a host name leads to, as far as files tell."""
        return self.hosts.get(host.lower().removeprefix("tasks.").partition(".")[0], Host())

    def images(self, host: str) -> set[str]:
        """The names of the images that run behind a host name."""
        there = self.at(host)
        found = {image_name(service.image) for service in there.services if service.image}
        pods = (pod for each in there.kube for pod in self.cluster.pods(each))
        return found | {image_name(container.image) for pod in pods for container in pod.containers}

    @cached_property
    def home(self) -> str | None:
        """The namespace that Prometheus runs in, where it runs in one and nowhere else; None if no file tells."""
        images = (service.image for service in self.plan.services)
        if any(image_name(image) in _PROMETHEUS for image in images) or not self.judged:
            return None
        pods = [each.workload for each in self.plan.containers if image_name(each.image) in _PROMETHEUS]
        found = {self.cluster.home(each.namespace) for each in pods}
        return found.pop() if len(found) == 1 else None

    def elsewhere(self, host: str) -> str:
        """The namespace of a Service whose short name does not lead to it from where Prometheus runs."""
        name = host.lower()
        here = self.hosts.get(name, Host()).kube if self.home is not None else []
        spaces = [self.cluster.home(each.object.namespace) for each in here]
        return "" if not spaces or self.home in spaces or self.cluster.operated(self.home or "") else spaces[0]

    def deaf(self, host: str, port: int, path: str = "") -> str:
        """Why nobody can be scraped on this port of a host; empty where somebody can, or where no file tells."""
        there = self.at(host)
        if self.home is not None and there.kube:  # which asks no container of Compose
            there = Host([], there.kube)
        reasons = [self._deaf_service(service, port, path) for service in there.services]
        reasons += [self._deaf_kube(each, port, path) for each in there.kube]
        return min(reasons, default="") and max(reasons, key=len)

    def _deaf_service(self, service: Service, port: int, path: str) -> str:
        ports = self.listening(service)
        if not ports:
            return ""
        if port not in ports:
            outside = {each.published: each.target for each in service.ports}
            known = f"{outside[port]}: {port} is its port on the host" if port in outside else _listed(ports)
            return f"{service.name} listens on {known}"
        return _speaks(service.name, service.image, port, path)

    def _deaf_kube(self, each: KubeService, port: int, path: str) -> str:
        pods = self.cluster.pods(each)
        if each.external:
            return ""
        if not each.headless and each.ports and port not in each.ports:
            return f"the Service {each.object.name} has only port {_listed(each.ports)}"
        images = [container.image for pod in pods for container in pod.containers]
        return _speaks(each.object.name, images[0], port, path) if len(images) == 1 else ""

    def listening(self, service: Service) -> set[int]:
        """The ports that a Compose service listens on; none where no file tells."""
        declared = {port.target for port in service.ports}
        declared |= {int(text) for text in service.node.get("expose").texts() if text.isdigit()}
        named = {int(each) for word in service.command for each in _NUMBER.findall(word)}
        named |= {int(value) for key, value in service.values.items() if "PORT" in key.upper() and value.isdigit()}
        if not service.builds:
            ports = set(LISTENS.get(image_name(service.image), {}))
            configured = any("listen" in word for word in [*service.command, *map(str.lower, service.values)])
            return ports | declared | named if ports and not configured else set()
        dockerfile = next((each for each in self.plan.dockerfiles if each.file == service.dockerfile), None)
        if dockerfile is None:
            return set()
        last = [dockerfile.last(word) for word in ("CMD", "ENTRYPOINT")]
        words = [word for instruction in last if instruction for word in instruction.words]
        inside = set(dockerfile.ports) | {int(each) for word in words for each in _NUMBER.findall(word)}
        return inside | declared | named | {number for number, _ in self.plan.application.ports} if inside else set()


@lru_cache(maxsize=2)
def reach_of(plan: Plan) -> Reach:
    """The names of a plan."""
    return Reach(plan)


def _names(service: Service) -> Iterator[str]:
    yield service.name
    yield from filter(None, (service.text("container_name"), service.text("hostname")))
    for _, network in service.node.get("networks").items():
        yield from (service.project.filled(alias) for alias in network.get("aliases").texts())
    for other in service.project.services.values():
        for link in other.node.get("links").texts():
            target, _, alias = link.partition(":")
            if target == service.name and alias:
                yield alias


def _speaks(name: str, image: str, port: int, path: str) -> str:
    """What is wrong with a port of a well-known image that serves no metrics."""
    serves = LISTENS.get(image_name(image), {}).get(port, True)
    return "" if serves or "prometheus" in path else f"{name} serves no metrics on {port}"


def _listed(ports: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


def _installs(plan: Plan) -> Iterator[list[str]]:
    for script in plan.all_scripts:
        if not re.search(r"\bhelm\b|://|stack\s+deploy", script.text):
            continue
        for command in script.commands:
            words = command.program
            charts = command.name == "helm" and {"install", "upgrade"} & set(words[1:3])
            if charts or (command.name == "kubectl" and any("://" in word for word in words)):
                yield words


def _run_by_hand(plan: Plan) -> Iterator[str]:
    for script in plan.all_scripts:
        for command in script.commands if "docker" in script.text or "podman" in script.text else ():
            if command.name in ("docker", "podman") and "run" in command.program[1:3]:
                yield from filter(None, (command.option("--name"), command.option("--network-alias")))
