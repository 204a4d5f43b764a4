"""Compose files -> projects and services as Compose sees them: merged, interpolated, short and long forms alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from seatrial.plan.compose_forms import Healthcheck, Mount, Port, healthcheck_of, mount_of, ports_of
from seatrial.plan.dockerfile import split
from seatrial.plan.interpolation import interpolate
from seatrial.plan.nodes import Node


@dataclass(frozen=True, eq=False)
class Service:
    """A service of a project."""

    name: str
    node: Node
    project: Project

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"service {self.name}"

    @property
    def place(self) -> Node:
        """Where it is named."""
        return self.node

    def text(self, *path: str | int) -> str:
        """A scalar with its variables replaced."""
        return self.project.filled(self.node.get(*path).text)

    @property
    def image(self) -> str:
        """Its image, variables replaced; empty if it is only built."""
        return self.text("image")

    @property
    def builds(self) -> bool:
        """Is its image built here?"""
        return self.node.get("build").written

    @property
    def build_context(self) -> PurePosixPath:
        """The folder that it is built from, from the root."""
        build = self.node.get("build")
        context = build.get("context").text if build.is_map else build.text
        return self.project.path(self.project.filled(context) or ".")

    @property
    def dockerfile(self) -> PurePosixPath:
        """The path of its Dockerfile from the root."""
        name = self.text("build", "dockerfile") or "Dockerfile"
        return normal(self.build_context / name)

    @cached_property
    def environment(self) -> dict[str, Node]:
        """Its variables: each the Node of its value, or of the entry in a list. See `value_of`."""
        return dict(self._pairs("environment"))

    def value_of(self, name: str) -> str | None:
        """The value of a variable, interpolated; None if it has none of its own (it is taken from the caller)."""
        node = self.environment.get(name)
        if node is None:
            return None
        declared = self.node.get("environment")
        if declared.is_list:
            _, equals, value = node.text.partition("=")
            return self.project.filled(value) if equals else self.project.variables.get(name)
        return self.project.filled(node.text) if node.raw is not None else self.project.variables.get(name)

    @property
    def values(self) -> dict[str, str]:
        """Its variables with their values, those of its env_file too."""
        found = dict(self.env_files)
        return found | {name: value for name in self.environment if (value := self.value_of(name)) is not None}

    @property
    def env_files(self) -> dict[str, str]:
        """What the files of `env_file` give, as far as they are in the folder."""
        declared = self.node.get("env_file")
        entries = list(declared) if declared.is_list else [declared] if declared.text else []
        found: dict[str, str] = {}
        for entry in entries:
            path = self.project.path(self.project.filled(entry.get("path").text or entry.text))
            found |= self.project.env_files.get(path, {})
        return found

    @cached_property
    def ports(self) -> list[Port]:
        """Its published ports, ranges one by one."""
        return [port for node in self.node.get("ports") for port in ports_of(node, self.project.filled)]

    @cached_property
    def mounts(self) -> list[Mount]:
        """Its volumes."""
        return [
            mount for node in self.node.get("volumes") if (mount := mount_of(node, self.project.filled)) is not None
        ]

    @cached_property
    def depends_on(self) -> dict[str, str]:
        """The services it waits for, with the condition: service_started, service_healthy, ..."""
        return {name: node.get("condition").text or "service_started" for name, node in self._pairs("depends_on")}

    @property
    def dependency_nodes(self) -> dict[str, Node]:
        """The same, with their places."""
        return dict(self._pairs("depends_on"))

    @property
    def networks(self) -> list[str]:
        """The networks it is on; `default` where it names none."""
        return [name for name, _ in self._pairs("networks")] or ["default"]

    @property
    def command(self) -> list[str]:
        """Its entry point and command, in words; empty where the image's own hold."""
        words: list[str] = []
        for key in ("entrypoint", "command"):
            node = self.node.get(key)
            words += [self.project.filled(text) for text in node.texts()] if node.is_list else split(self.text(key))
        return words

    @cached_property
    def healthcheck(self) -> Healthcheck | None:
        """Its healthcheck, or None if it has none of its own."""
        return healthcheck_of(self.node.get("healthcheck"), self.project.filled)

    @property
    def profiles(self) -> list[str]:
        """The profiles it belongs to; without one it always runs."""
        return self.node.get("profiles").texts()

    @property
    def limits(self) -> dict[str, Node]:
        """Its limits by `memory` and `cpus`, whichever way they are written."""
        found = {key: self.node.get("deploy", "resources", "limits", key) for key in ("memory", "cpus")}
        for key, old in (("memory", "mem_limit"), ("cpus", "cpus")):
            if not found[key] and self.node.get(old):
                found[key] = self.node.get(old)
        return {key: node for key, node in found.items() if node}

    def _pairs(self, key: str) -> list[tuple[str, Node]]:
        """A mapping, or a list of `NAME=value` and `NAME`."""
        declared = self.node.get(key)
        if declared.is_map:
            return list(declared.items())
        return [(re.split("[=:]", node.text, maxsplit=1)[0], node) for node in declared if node.text]


@dataclass(eq=False)
class Project:
    """Compose files that are used together."""

    files: list[PurePosixPath]  # the first is the base, and its folder that of the project
    node: Node  # merged
    variables: dict[str, str] = field(default_factory=dict)  # of its .env
    env_files: Mapping[PurePosixPath, Mapping[str, str]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"project of {self.files[0]}"

    @property
    def file(self) -> PurePosixPath:
        """Its first file."""
        return self.files[0]

    @property
    def folder(self) -> PurePosixPath:
        """The folder that relative paths start from."""
        return self.files[0].parent

    @cached_property
    def services(self) -> dict[str, Service]:
        """Its services by name."""
        return {name: Service(name, node, self) for name, node in self.node.get("services").items() if node.is_map}

    def declared(self, kind: str) -> dict[str, Node]:
        """What it declares at its top level under `volumes`, `networks`, `secrets` or `configs`."""
        return dict(self.node.get(kind).items())

    def filled(self, text: str) -> str:
        """A text with its variables replaced."""
        return interpolate(text, self.variables)

    def path(self, text: str) -> PurePosixPath:
        """A path of the file, from the root."""
        return normal(self.folder / text)


def normal(path: PurePosixPath) -> PurePosixPath:
    """A path without `.` and `..`; one that leads out of the folder keeps its `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)
