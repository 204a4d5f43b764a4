"""Compose files that are used together: a base with its overrides, `include` and `extends` followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.plan.compose import Project, normal
from seatrial.plan.nodes import Node, missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

_REPLACED = ("command", "entrypoint", "image", "healthcheck")  # what an override replaces whole
_KEYED = ("environment", "labels", "depends_on", "extra_hosts", "sysctls", "networks", "ulimits")
DEEPEST = 10  # files that include or extend each other


def merged(base: Node, over: Node) -> Node:
    """Two Compose values as one: mappings by key, sequences one after the other, everything else replaced."""
    return _merged("", base, over)


def _merged(key: str, base: Node, over: Node) -> Node:
    if not base.written or key in _REPLACED or over.tag == "null":
        return over if over.written else base
    if base.is_map and over.is_map:
        values = dict(base.items())
        for name, node in over.items():
            values[name] = _merged(name, values.get(name, missing(over.file, node.line)), node)
        return Node(over.file, over.line, values, "map")
    if key in _KEYED and (base.is_map or over.is_map):
        return _merged("", _as_map(base), _as_map(over))
    if base.is_list and over.is_list:
        return Node(over.file, over.line, [*base, *over], "seq")
    return over


def _as_map(node: Node) -> Node:
    if not node.is_list:
        return node
    pairs = {}
    for entry in node:
        name, equals, value = entry.text.partition("=")
        pairs[name] = Node(entry.file, entry.line, value if equals else None, "str" if equals else "null")
    return Node(node.file, node.line, pairs, "map")


def projects_of(
    documents: Mapping[PurePosixPath, Node], env_files: Mapping[PurePosixPath, Mapping[str, str]]
) -> list[Project]:
    """The projects of the Compose files of a folder: a base with its overrides, `include` and `extends` followed."""
    whole = {path: _resolved(path, documents, ()) for path in documents}
    overrides = {path for path, node in whole.items() if _is_override(path, node, documents)}
    found = []
    for path, node in whole.items():
        if path in overrides:
            continue
        mine = [
            other for other in sorted(overrides) if other.parent == path.parent and _base_of(other, documents) == path
        ]
        together = node
        for other in mine:
            together = merged(together, whole[other])
        variables = dict(env_files.get(path.parent / ".env", {}))
        found.append(Project([path, *mine], together, variables, env_files))
    included = {other for path, node in documents.items() for other in _included(path, node)}
    included |= {other for path, node in documents.items() for other in _lent(path, node)}
    return [project for project in found if project.file not in included or len(documents) == 1]


def _is_override(path: PurePosixPath, node: Node, documents: Mapping[PurePosixPath, Node]) -> bool:
    """Does it only make sense on top of another file beside it?"""
    base = _base_of(path, documents)
    if base is None:
        return False
    services = dict(node.get("services").items())
    partial = [name for name, service in services.items() if not (service.get("image") or service.get("build").written)]
    return bool(partial) or ".override." in path.name


def _base_of(path: PurePosixPath, documents: Mapping[PurePosixPath, Node]) -> PurePosixPath | None:
    """`docker-compose.prod.yml` stands on `docker-compose.yml`."""
    stem = path.name.split(".")[0]
    for suffix in (".yml", ".yaml"):
        base = path.parent / f"{stem}{suffix}"
        if base in documents and base != path:
            return base
    return None


def _included(path: PurePosixPath, node: Node) -> list[PurePosixPath]:
    found = []
    for entry in node.get("include"):
        paths = entry.get("path").texts() if entry.is_map else [entry.text]
        found += [normal(path.parent / text) for text in paths if text]
    return found


def _lent(path: PurePosixPath, node: Node) -> list[PurePosixPath]:
    """Files that only lend services to this one, which extends them; one of Compose's own names runs by itself too."""
    names = (service.get("extends", "file").text for _, service in node.get("services").items())
    found = (normal(path.parent / name) for name in names if name)
    return [other for other in found if "compose" not in other.name and other != path]


def _resolved(path: PurePosixPath, documents: Mapping[PurePosixPath, Node], above: tuple[PurePosixPath, ...]) -> Node:
    """A file with what it includes and what its services extend."""
    node = documents[path]
    if path in above or len(above) > DEEPEST:
        return node
    for other in _included(path, node):
        if other in documents:
            included = _resolved(other, documents, (*above, path))
            node = merged(Node(included.file, 1, {k: v for k, v in included.items() if k != "include"}, "map"), node)
    services = dict(node.get("services").items())
    extended = {name: _extended(service, services, path, documents, 0) for name, service in services.items()}
    top = {
        **dict(node.items()),
        "services": Node(node.get("services").file, node.get("services").line, extended, "map"),
    }
    return Node(node.file, node.line, top, "map") if services else node


def _extended(
    service: Node,
    services: Mapping[str, Node],
    path: PurePosixPath,
    documents: Mapping[PurePosixPath, Node],
    depth: int,
) -> Node:
    extends = service.get("extends")
    name = extends.get("service").text if extends.is_map else extends.text
    if not name or depth > DEEPEST:
        return service
    file = extends.get("file").text
    other = normal(path.parent / file) if file else path
    known = dict(documents[other].get("services").items()) if file and other in documents else services
    if name not in known or (file and other not in documents):
        return service
    base = _extended(known[name], known, other, documents, depth + 1)
    own = Node(service.file, service.line, {k: v for k, v in service.items() if k != "extends"}, "map")
    return merged(base, own)
