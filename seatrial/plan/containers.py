"""Containers of pods, and the environment that their processes really get."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.nodes import Node

REFERENCE = re.compile(r"(\$?)\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")  # $$(NAME) is an escape


@dataclass(frozen=True, eq=False)
class Variable:
    """An entry of a container's environment."""

    name: str
    node: Node  # the entry, or the envFrom that gives it
    value: str | None  # None where it comes from elsewhere at run time
    source: tuple[str, str, str] | None = None  # ("ConfigMap" or "Secret", name, key)
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Container:
    """A container of a pod."""

    node: Node
    workload: Workload
    init: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.get("name").text

    @property
    def label(self) -> str:
        """`container redis of Deployment insitechart/redis`."""
        return f"container {self.name} of {self.workload.label}"

    @property
    def place(self) -> Node:
        """Where it is named."""
        name = self.node.get("name")
        return name if name.written else self.node

    @property
    def image(self) -> str:
        """Its image."""
        return self.node.get("image").text

    @property
    def words(self) -> list[str]:
        """Its command and arguments."""
        return self.node.get("command").texts() + self.node.get("args").texts()

    @cached_property
    def ports(self) -> dict[int, str]:
        """The ports that it declares, with their names."""
        found = {port.get("containerPort").integer: port.get("name").text for port in self.node.get("ports")}
        return {number: name for number, name in found.items() if number is not None}

    @cached_property
    def env(self) -> list[Variable]:
        """The entries of `env`, in their order (which counts for `$(NAME)`)."""
        return [_variable(entry) for entry in self.node.get("env")]

    @property
    def env_from(self) -> list[tuple[str, str, str, Node]]:
        """The sources of `envFrom`: kind, name, prefix, node."""
        found = []
        for entry in self.node.get("envFrom"):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if entry.get(key, "name").text:
                    found.append((kind, entry.get(key, "name").text, entry.get("prefix").text, entry.get(key)))
        return found

    def environment(self, configs: Mapping[tuple[str, str, str], Mapping[str, str | None]]) -> dict[str, str | None]:
        """What the process really gets: envFrom first, then env in order, with $(NAME) replaced by what is before.

        `configs` has the data of ConfigMaps and Secrets by (kind, namespace, name). A value that no file tells is None.
        """
        values: dict[str, str | None] = {}
        for kind, name, prefix, _ in self.env_from:
            data = configs.get((kind, self.workload.namespace, name), {})
            values |= {prefix + key: value for key, value in data.items()}
        for variable in self.env:
            if variable.source:
                kind, name, key = variable.source
                values[variable.name] = configs.get((kind, self.workload.namespace, name), {}).get(key)
            else:
                values[variable.name] = None if variable.value is None else expand(variable.value, values)
        return values


def _variable(entry: Node) -> Variable:
    name = entry.get("name").text
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        reference = entry.get("valueFrom", key)
        if reference.written:
            source = (kind, reference.get("name").text, reference.get("key").text)
            return Variable(name, entry, None, source, reference.get("optional").flag is True)
    if entry.get("valueFrom").written:
        return Variable(name, entry, None)
    return Variable(name, entry, entry.get("value").text)


def expand(text: str, values: Mapping[str, str | None]) -> str | None:
    """`$(NAME)` replaced by Kubernetes' rules: what is not defined stays as it is. None if a value is not known."""
    if any(name in values and values[name] is None for _, name in references(text)):
        return None

    def value(found: str, name: str) -> str:
        known = values.get(name)
        return found if known is None else known

    return REFERENCE.sub(lambda match: match[0][1:] if match[1] else value(match[0], match[2]), text)


def references(text: str) -> Iterator[tuple[int, str]]:
    """Position and name of each `$(NAME)` of a text that is not escaped."""
    for match in REFERENCE.finditer(text):
        if not match[1]:
            yield match.start(), match[2]
