"""Kustomizations: which manifests stand under which, and what they change of names, namespaces, images and replicas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.compose import normal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from seatrial.plan.nodes import Node


@dataclass(frozen=True, eq=False)
class Kustomization:
    """A kustomization file."""

    node: Node

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"kustomization {self.node.file}"

    @property
    def folder(self) -> PurePosixPath:
        """Its folder."""
        return self.node.file.parent

    @property
    def namespace(self) -> str:
        """The namespace that it gives to everything under it."""
        return self.node.get("namespace").text

    @property
    def resources(self) -> list[tuple[PurePosixPath, Node]]:
        """The files and folders that it takes in, from the root; URLs are left out."""
        entries = [*self.node.get("resources"), *self.node.get("bases"), *self.node.get("components")]
        return [
            (normal(self.folder / entry.text), entry) for entry in entries if entry.text and "://" not in entry.text
        ]

    @property
    def patches(self) -> list[PurePosixPath]:
        """The files that are patches, and no objects of their own."""
        entries = [*self.node.get("patchesStrategicMerge"), *(patch.get("path") for patch in self.node.get("patches")),
                   *(patch.get("path") for patch in self.node.get("patchesJson6902"))]  # fmt: skip
        return [normal(self.folder / entry.text) for entry in entries if entry.text and "\n" not in entry.text]

    def generated(self) -> list[tuple[str, str, dict[str, str | None], Node]]:
        """ConfigMaps and Secrets that it makes: kind, name, keys with their values where they are told."""
        found = []
        for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for entry in self.node.get(key):
                pairs = (literal.text.partition("=") for literal in entry.get("literals"))
                data: dict[str, str | None] = {name: value for name, _, value in pairs}
                data |= {text.rpartition("/")[2].partition("=")[0]: None for text in entry.get("files").texts()}
                data |= dict.fromkeys(["*"] if entry.get("envs").texts() or entry.get("env").text else [])
                found.append((kind, entry.get("name").text, data, entry))
        return found

    def files(self) -> dict[tuple[str, str, str], PurePosixPath]:
        """The files that generated keys come from, from the root, by kind, name and key."""
        found = {}
        for generator, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for entry in self.node.get(generator):
                for text in entry.get("files").texts():
                    key, equals, path = text.rpartition("=")
                    name = key if equals else path.rpartition("/")[2]
                    found[kind, entry.get("name").text, name] = normal(self.folder / path)
        return found


def namespaces(kustomizations: list[Kustomization]) -> dict[PurePosixPath, str]:
    """The namespace that a file of manifests gets from the kustomizations above it, the outermost last.

    What a kustomization generates gets that of its folder.
    """
    found: dict[PurePosixPath, str] = {}
    by_folder = {kustomization.folder: kustomization for kustomization in kustomizations}

    def give(kustomization: Kustomization, namespace: str, depth: int) -> None:
        found[kustomization.folder] = namespace
        for path, _ in kustomization.resources:
            below = by_folder.get(path)
            if below is not None and depth < 10 and below is not kustomization:
                give(below, namespace, depth + 1)
            else:
                found[path] = namespace

    for kustomization in sorted(kustomizations, key=lambda each: bool(_bases(each, by_folder))):
        if kustomization.namespace:
            give(kustomization, kustomization.namespace, 0)
    return found


def _bases(kustomization: Kustomization, by_folder: Mapping[PurePosixPath, Kustomization]) -> list[PurePosixPath]:
    return [path for path, _ in kustomization.resources if path in by_folder]
