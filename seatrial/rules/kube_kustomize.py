"""Rules about kustomizations: files that are not there, images and workloads that nothing has."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.compose import normal
from seatrial.plan.datastores import repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from seatrial.plan import Plan
    from seatrial.plan.kustomize import Kustomization
    from seatrial.plan.nodes import Node

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_TEXTS = (".yaml", ".yml", ".json")


def kustomizations(plan: Plan) -> list[Kustomization]:
    """Every kustomization."""
    return plan.kustomizations


@lru_cache(maxsize=2)
def _folders(plan: Plan) -> set[PurePosixPath]:
    return {parent for path in plan.sources for parent in path.parents}


def _files(kustomization: Kustomization) -> Iterator[tuple[PurePosixPath, Node]]:
    """The local files and folders that it takes in."""
    patches = [*kustomization.node.get("patchesStrategicMerge")]
    patches += [entry.get("path") for key in ("patches", "patchesJson6902") for entry in kustomization.node.get(key)]
    for entry in patches:
        if entry.text and "\n" not in entry.text:
            yield normal(kustomization.folder / entry.text), entry
    for path, entry in kustomization.resources:
        if "?ref=" not in entry.text and not entry.text.startswith(("github.com/", "git@", "git::")):
            yield path, entry


@rule("kube-kustomize-file", CRITICAL, over=kustomizations)
def kustomize_file(kustomization: Kustomization, plan: Plan) -> Iterator[Found]:
    """A file or folder of a kustomization that is not there."""
    for path, entry in _files(kustomization):
        if path in plan.sources or ".." in path.parts:
            continue
        if path in _folders(plan):
            if not any(path / name in plan.sources for name in _NAMES):
                yield entry, f"takes in the folder {entry.text}, which has no kustomization file"
        elif path.suffix in _TEXTS or not path.suffix:
            yield entry, f"takes in {entry.text}, which is not there: nothing of it can be applied"


@rule("kube-kustomize-image", MAJOR, over=kustomizations)
def kustomize_image(kustomization: Kustomization, plan: Plan) -> Iterator[Found]:
    """An image of a kustomization that no container has."""
    containers = [*plan.containers, *(each for workload in plan.workloads for each in workload.init_containers)]
    used = {repository(each.image) for each in containers}
    custom = any(cluster_of(plan).operated(each.namespace) for each in plan.objects)
    for entry in kustomization.node.get("images") if containers and not cluster_of(plan).open and not custom else ():
        name = entry.get("name")
        if name.text and name.text not in used:
            yield name, f"sets the image {name.text}, which no container has: it changes nothing"
