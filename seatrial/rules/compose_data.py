"""Rules about what Compose services keep: data that is lost with its container, or shared by two servers."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.compose_links import given
from seatrial.plan.datastores import Datastore, datastore_of
from seatrial.plan.volumes import DATA_VARIABLES, appending, data_moved, lies_in
from seatrial.plan.wiring import UNKNOWN
from seatrial.rules.compose_names import projects
from seatrial.rules.compose_start import runs_once
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Project, Service
    from seatrial.plan.compose_forms import Mount


_OTHER_PROGRAMS = (
    "sh",
    "bash",
    "ash",
    "crond",
    "cron",
    "pg_dump",
    "pg_basebackup",
    "psql",
    "sleep",
    "tail",
    "redis-cli",
)


def _directory(service: Service) -> tuple[Datastore, str] | None:
    """A datastore that keeps data, with its data directory; None if it keeps none, or nobody can tell."""
    store, words = datastore_of(service.image), service.command
    other = bool(words) and PurePosixPath(words[0]).name in _OTHER_PROGRAMS
    elsewhere = service.node.get("entrypoint") or service.node.get("volumes_from")
    if store is None or other or elsewhere or data_moved(store, words):
        return None
    if store.name in ("redis", "valkey") and not appending(words):
        return None
    values = given(service)
    told = next((values[name].value for name in DATA_VARIABLES.get(store.name, ()) if name in values), store.data)
    return None if UNKNOWN in told or "$" in told else (store, "/" + told.strip("/"))


def _over(service: Service, store: Datastore, directory: str) -> Mount | None:
    """The mount in which a data directory lies."""
    found = [each for each in service.mounts if lies_in(directory, each.target.rstrip("/") or "/")]
    mount = max(found, key=lambda each: len(each.target), default=None)
    hidden = (
        mount is not None and lies_in(directory, store.volume) and len(store.volume) > len(mount.target.rstrip("/"))
    )
    return None if hidden else mount


def _kept(mount: Mount | None) -> bool:
    return mount is not None and mount.kind != "tmpfs" and bool(mount.source)


@rule("compose-data-not-kept", CRITICAL, over=services)
def data_not_kept(service: Service, _plan: Plan) -> Iterator[Found]:
    """A datastore whose data is on no volume that has a name."""
    home = _directory(service)
    mount = _over(service, *home) if home else None
    if home is None or _kept(mount) or _elsewhere(service):
        return
    if mount is not None and mount.kind == "tmpfs":
        yield mount.node, f"keeps its data in {home[1]}, in memory: it is lost with the container"
    else:
        place = mount.node if mount is not None else service.place
        yield place, f"keeps its data in {home[1]}, on no named volume: after `down` and `up` it starts empty"


def _elsewhere(service: Service) -> list[Mount]:
    """Named volumes that it mounts."""
    return [each for each in service.mounts if each.kind == "volume" and each.source]


@rule("compose-data-path", CRITICAL, over=services)
def data_path(service: Service, _plan: Plan) -> Iterator[Found]:
    """A named volume that is mounted where the data is not."""
    home = _directory(service)
    if home is not None and not _kept(_over(service, *home)):
        for mount in _elsewhere(service)[:1]:
            said = f"mounts {mount.source} on {mount.target}, and {home[0].name} keeps its data in {home[1]}"
            yield mount.node, f"{said}, on no named volume: after `down` and `up` it starts empty"


def _written(service: Service) -> Mount | None:
    """The volume on which a server writes its data, be it started by a script of its own."""
    store = datastore_of(service.image)
    started = not service.node.get("entrypoint") or service.node.get("restart").text not in ("", "no")
    mount = _over(service, store, store.data) if store and started and not runs_once(service) else None
    return mount if mount and mount.source and not mount.read_only else None


@rule("compose-data-shared", CRITICAL, over=projects)
def data_shared(project: Project, _plan: Plan) -> Iterator[Found]:
    """Two servers on one data directory."""
    taken: dict[str, Service] = {}
    for service in project.services.values():
        mount = _written(service)
        if mount is None:
            continue
        other = taken.setdefault(mount.source, service)
        if other is not service:
            yield (
                mount.node,
                f"keeps its data on {mount.source}, as {other.name} does: two servers on one directory destroy it",
            )
