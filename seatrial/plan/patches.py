"""What the patches of a kustomization may change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.plan.compose import normal
from seatrial.plan.nodes import Unreadable, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.kustomize import Kustomization
    from seatrial.plan.nodes import Node


def patched_by(kustomization: Kustomization, plan: Plan) -> Iterator[tuple[str, str]]:
    """Kind and name of what it patches; empty where it may be any."""
    for entry in _entries(kustomization):
        target = entry.get("target")
        if target:
            yield target.get("kind").text, _exact(target.get("name").text)
        else:
            yield from _named_in(_text_of(kustomization, entry, plan), entry)


def patch_texts(kustomization: Kustomization, plan: Plan) -> Iterator[str]:
    """Its patches as they are written."""
    return (_text_of(kustomization, entry, plan) for entry in _entries(kustomization))


def _entries(kustomization: Kustomization) -> Iterator[Node]:
    for key in ("patches", "patchesStrategicMerge", "patchesJson6902"):
        yield from kustomization.node.get(key)


def _text_of(kustomization: Kustomization, entry: Node, plan: Plan) -> str:
    text = entry.get("patch").text or entry.get("path").text or entry.text
    if "\n" in text:
        return text
    source = plan.read(normal(kustomization.folder / text))
    return source.text if source else ""


def _named_in(text: str, entry: Node) -> set[tuple[str, str]]:
    """What a patch without a target says that it changes; anything, if it cannot be told."""
    try:
        found = {(each.get("kind").text, each.get("metadata", "name").text) for each in read_yaml(text, entry.file)}
    except Unreadable:
        found = set()
    return found or {("", "")}


def _exact(name: str) -> str:
    """A target is a pattern; one that is more than a name may mean anything."""
    return name if re.fullmatch(r"[\w.-]*", name) else ""
