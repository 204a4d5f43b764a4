"""Where containers keep what they write: mounts, the volumes behind them, a datastore's data directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.datastores import Datastore, datastore_of
from seatrial.plan.wiring import UNKNOWN, wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.nodes import Node

CLAIM, KEPT, LOST, GIVEN, UNDEFINED = "claim", "kept", "lost", "given", "undefined"
_GIVEN = frozenset({"configMap", "secret", "projected", "downwardAPI", "image"})
_SERVERS = {
    "postgres": r"postgres|docker-entry", "mysql": r"mysqld|mariadbd|docker-entry",
    "mariadb": r"mysqld|mariadbd|docker-entry",
    "redis": r"redis-server|docker-entry", "valkey": r"(?:valkey|redis)-server|docker-entry",
    "mongo": r"mongod\b|docker-entry", "rabbitmq": r"rabbitmq-server|docker-entry",
    "elasticsearch": r"eswrapper|docker-entry|bin/elasticsearch", "opensearch": r"opensearch|docker-entry",
}  # fmt: skip
_DIRECTORY = {
    "postgres": r"(?:^|\s)-D\s*\S|data_directory", "mysql": r"--datadir", "mariadb": r"--datadir",
    "mongo": r"--dbpath|--config|-f\s", "redis": r"--dir\s|\.conf\b", "valkey": r"--dir\s|\.conf\b",
}  # fmt: skip
DATA_VARIABLES = {"elasticsearch": ("path.data",), "opensearch": ("path.data",), "postgres": ("PGDATA",),
              "rabbitmq": ("RABBITMQ_MNESIA_BASE", "RABBITMQ_MNESIA_DIR")}  # fmt: skip


@dataclass(frozen=True)
class PodMount:
    """A volumeMount, with the kind of volume behind it."""

    node: Node
    path: str
    volume: str
    behind: str
    claim: str  # the name of its claim, or of its claim template
    below: bool  # does it show only a part of the volume (subPath)?


def mounts_of(container: Container) -> Iterator[PodMount]:
    """What a container mounts."""
    for node in container.node.get("volumeMounts"):
        name = node.get("name").text
        behind, claim = _behind(container.workload, name)
        below = bool(node.get("subPath").text.strip("./") or node.get("subPathExpr").text)
        yield PodMount(node, "/" + node.get("mountPath").text.strip("/"), name, behind, claim, below)


def _behind(workload: Workload, name: str) -> tuple[str, str]:
    if name in workload.claim_templates:
        return CLAIM, name
    volume = workload.volume(name)
    if not volume.written:
        return UNDEFINED, ""
    kinds = set(volume.keys()) - {"name"}
    if "persistentVolumeClaim" in kinds:
        return CLAIM, volume.get("persistentVolumeClaim", "claimName").text
    if not kinds or kinds & {"emptyDir", "ephemeral"}:
        return LOST, ""
    return (GIVEN if kinds & _GIVEN else KEPT), ""


@dataclass(frozen=True)
class Home:
    """Where a datastore has its data."""

    store: Datastore
    directory: str
    mount: PodMount | None  # the one that the directory lies in; None: the container's own file system


def home_of_data(container: Container, plan: Plan) -> Home | None:
    """Where a server of a datastore keeps its data; None if it is none, or nobody can tell."""
    store = datastore_of(container.image)
    if store is None or not container.workload.lasting or not runs_server(container, store):
        return None
    if data_moved(store, container.words):
        return None
    directory = store.data
    settings = wiring_of(plan).settings(container)
    for name in DATA_VARIABLES.get(store.name, ()):
        if name in settings:
            value = settings[name].value
            if value is None or UNKNOWN in value or "$" in value:
                return None
            directory = "/" + value.strip("/")
    return Home(store, directory, _deepest(container, store, directory))


def data_moved(store: Datastore, words: list[str]) -> bool:
    """Does a command line name a data directory of its own?"""
    return store.name in _DIRECTORY and re.search(_DIRECTORY[store.name], " ".join(words)) is not None


def _deepest(container: Container, store: Datastore, directory: str) -> PodMount | None:
    over = [each for each in mounts_of(container) if lies_in(directory, each.path)]
    mount = max(over, key=lambda each: len(each.path), default=None)
    hidden = mount is not None and lies_in(directory, store.volume) and len(store.volume) > len(mount.path)
    return None if hidden else mount


def lies_in(path: str, folder: str) -> bool:
    """Is a path a folder or something in it?"""
    return bool(folder) and (path == folder or path.startswith(folder.rstrip("/") + "/"))


def runs_server(container: Container, store: Datastore) -> bool:
    """Does a container of its image run the server itself (no client, no backup)?"""
    command = " ".join(container.node.get("command").texts())
    words = command + " " + " ".join(container.node.get("args").texts())
    if command:
        return re.search(_SERVERS[store.name], words) is not None
    first = next(iter(container.node.get("args").texts()), "-")
    return first.startswith("-") or re.search(_SERVERS[store.name], words) is not None


def appends(container: Container) -> bool:
    """Does a Redis keep an append-only file?"""
    return appending(container.words)


def appending(words: list[str]) -> bool:
    """Does a command line make Redis keep an append-only file?"""
    return re.search(r"--appendonly['\"]?\s+['\"]?yes", " ".join(words)) is not None
