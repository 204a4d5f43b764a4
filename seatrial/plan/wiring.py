"""What the process in a container is given: its variables, the keys of ConfigMaps and Secrets, each with its place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.cluster import Cluster, cluster_of
from seatrial.plan.containers import REFERENCE, Container, expand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node

UNKNOWN = "\ufffd"  # stands for a value that no file tells


@dataclass(frozen=True)
class Setting:
    """A variable of a container as its process gets it, and where its value is written."""

    name: str
    value: str | None  # UNKNOWN inside it where a part is not told
    node: Node  # of the value: in `env`, in a ConfigMap, in a Secret
    entry: Node  # of the container that asks for it


class Wiring:
    """ConfigMaps, Secrets and the variables that containers make of them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @cached_property
    def configs(self) -> dict[tuple[str, str, str], dict[str, tuple[str | None, Node]]]:
        """ConfigMaps and Secrets by kind, namespace and name: each key's value, None if untold, and its place."""
        found: dict[tuple[str, str, str], dict[str, tuple[str | None, Node]]] = defaultdict(dict)
        for (kind, namespace, name), data in self.cluster.plan.configs.items():
            home = self.cluster.home(namespace)
            places = self._config_nodes.get((kind, home, name), {})
            at = next(iter(places.values()), None)
            for key, value in data.items():
                node = places.get(key, at)
                if node is not None or (node := self._generated.get((kind, name))) is not None:
                    told = self._files.get((kind, name, key)) if value is None else value
                    found[kind, home, name][key] = (told, node)
            found[kind, home, name].update({})
        return found

    @cached_property
    def _config_nodes(self) -> dict[tuple[str, str, str], dict[str, Node]]:
        found: dict[tuple[str, str, str], dict[str, Node]] = defaultdict(dict)
        for each in self.cluster.plan.of_kind("ConfigMap", "Secret"):
            for field in ("data", "binaryData", "stringData"):
                found[each.kind, self.cluster.home(each.namespace), each.name].update(each.get(field).items())
        return found

    @cached_property
    def _files(self) -> dict[tuple[str, str, str], str]:
        """The texts of files that kustomizations put into ConfigMaps."""
        sources = self.cluster.plan.sources
        paths = {key: path for each in self.cluster.plan.kustomizations for key, path in each.files().items()}
        return {key: sources[path].text for key, path in paths.items() if path in sources}

    @cached_property
    def _generated(self) -> dict[tuple[str, str], Node]:
        made = {
            (kind, name): node for each in self.cluster.plan.kustomizations for kind, name, _, node in each.generated()
        }
        operators = {"ExternalSecret", "SealedSecret", "Certificate"}
        elsewhere = [each for each in self.cluster.plan.objects if each.kind in operators]
        made |= {("Secret", each.name): each.node for each in elsewhere}
        made |= {("Secret", each.get("spec", "secretName").text): each.node for each in elsewhere}
        return made | {("Secret", each.get("spec", "target", "name").text): each.node for each in elsewhere}

    def mounted(self, container: Container, folder: str = "/") -> Iterator[str | None]:
        """The texts of ConfigMaps that a container mounts below a folder; None for one that no file tells."""
        home = self.cluster.home(container.workload.namespace)
        for mount in container.node.get("volumeMounts"):
            name = container.workload.volume(mount.get("name").text).get("configMap", "name").text
            if not name or not mount.get("mountPath").text.startswith(folder):
                continue
            data, key = self.configs.get(("ConfigMap", home, name)), mount.get("subPath").text
            if data is None or (key and key not in data):
                yield None
            else:
                yield from (value for own, (value, _) in data.items() if key in ("", own))

    def settings(self, container: Container) -> dict[str, Setting]:
        """What the process of a container gets, as far as files tell it."""
        known = self._settings.get(id(container))
        if known is None:
            known = self._settings[id(container)] = {each.name: each for each in self._resolve(container)}
        return known

    @cached_property
    def _settings(self) -> dict[int, dict[str, Setting]]:
        return {}

    def _resolve(self, container: Container) -> Iterator[Setting]:
        home = self.cluster.home(container.workload.namespace)
        values: dict[str, str | None] = {}
        for kind, name, prefix, entry in container.env_from:
            for key, (value, node) in self.configs.get((kind, home, name), {}).items():
                values[prefix + key] = UNKNOWN if value is None else value
                yield Setting(prefix + key, value, node, entry)
        for variable in container.env:
            node = variable.node.get("value") if variable.value is not None else variable.node
            value = None if variable.value is None else expand(variable.value, values)
            if variable.source:
                kind, name, key = variable.source
                value, node = self.configs.get((kind, home, name), {}).get(key, (None, node))
            values[variable.name] = UNKNOWN if value is None else value
            yield Setting(variable.name, value, node, variable.node)


@lru_cache(maxsize=2)
def wiring_of(plan: Plan) -> Wiring:
    """The wiring of a plan."""
    return Wiring(cluster_of(plan))


def origin(setting: Setting, settings: dict[str, Setting], part: str) -> Node:
    """Where a part of a value is written: at the variable that it is nothing but a reference to, else at the value."""
    match = REFERENCE.fullmatch(part)
    return settings[match[2]].node if match and match[2] in settings else setting.node
