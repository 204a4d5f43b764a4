"""The Elastic stack as Compose runs it: its services, what they are told, and what configuration they really have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.log_fields import Flow, flows_of
from seatrial.plan.reach import image_name

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.compose_forms import Mount
    from seatrial.plan.nodes import Node
    from seatrial.plan.shipping import Filebeat, Plugin

LOGSTASH_HOME, FILEBEAT_HOME = "/usr/share/logstash", "/usr/share/filebeat"
_HOST = re.compile(r"(?:(?P<scheme>https?)://)?(?:[^@/]*@)?(?P<host>[A-Za-z0-9][\w.-]*?)(?::(?P<port>\d+))?/?$")


@dataclass(frozen=True)
class Address:
    """A host of an output or of a setting."""

    scheme: str
    host: str
    port: int | None


def address_of(text: str) -> Address | None:
    """`http://elasticsearch:9200`, `logstash:5044`; None if it is none, or depends on a variable."""
    match = _HOST.fullmatch(text.strip())
    if match is None or "$" in text:
        return None
    return Address(match["scheme"] or "", match["host"], int(match["port"]) if match["port"] else None)


def stack(plan: Plan, *names: str) -> list[Service]:
    """The services that run these images."""
    return [each for each in plan.services if each.image and image_name(each.image) in names]


def version_of(service: Service) -> tuple[int, ...] | None:
    """The version of its image in numbers; None where its tag tells none."""
    tag = service.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    match = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", tag)
    return tuple(int(part) for part in match.groups() if part is not None) if match else None


def setting(service: Service, dotted: str) -> tuple[str | None, Node]:
    """A setting of Elasticsearch or Kibana that is given as a variable, in either spelling, with its place."""
    upper = dotted.upper().replace(".", "_")
    for name in (dotted, upper, f"ES_SETTING_{upper}"):
        if name in service.environment:
            return service.value_of(name), service.environment[name]
    return None, service.node


def shown_nowhere(service: Service, folder: str) -> bool:
    """May it be configured by files that a setting would stand in?"""
    return any(mount.target.startswith(folder) for mount in service.mounts)


def mounted_at(service: Service, path: str) -> Mount | None:
    """The mount through which a path of the container is seen, the deepest one."""
    over = [
        each
        for each in service.mounts
        if path == each.target.rstrip("/") or path.startswith(each.target.rstrip("/") + "/")
    ]
    return max(over, key=lambda each: len(each.target), default=None)


def outside(service: Service, mount: Mount) -> PurePosixPath:
    """What a bind mount shows, from the root of the folder."""
    return service.project.path(mount.source)


def in_folder(plan: Plan, path: PurePosixPath) -> bool:
    """Is there such a file, or a folder with files in it?"""
    return any(each == path or each.is_relative_to(path) for each in plan.sources)


def flow_of(service: Service, plan: Plan) -> Flow | None:
    """The pipeline that a Logstash runs."""
    for mount in service.mounts:
        path = outside(service, mount)
        if mount.kind == "bind" and mount.target.startswith(f"{LOGSTASH_HOME}/pipeline"):
            found = [
                flow for flow in flows_of(plan) if any(each.place.file.is_relative_to(path) for each in flow.plugins)
            ]
            if found:
                return found[0]
    flows = flows_of(plan)
    return flows[0] if len(flows) == 1 and len(stack(plan, "logstash")) == 1 else None


def filebeat_of(service: Service, plan: Plan) -> Filebeat | None:
    """The configuration that a Filebeat reads."""
    mount = mounted_at(service, f"{FILEBEAT_HOME}/filebeat.yml")
    path = outside(service, mount) if mount else None
    found = [each for each in plan.filebeats if path in (each.node.file, each.node.file.parent)]
    if not found and len(plan.filebeats) == 1 and len(stack(plan, "filebeat")) == 1:
        return plan.filebeats[0]
    return found[0] if found else None


def runs_in(flow: Flow, plan: Plan) -> Service | None:
    """The Logstash that runs a pipeline."""
    return next((each for each in stack(plan, "logstash") if flow_of(each, plan) is flow), None)


def logstash_majors(flow: Flow, plan: Plan) -> set[int]:
    """The major versions of what runs a pipeline: Compose's Logstash, else those of all images of Logstash."""
    service = runs_in(flow, plan)
    images = [service.image] if service is not None else [each.image for each in stack(plan, "logstash")]
    if service is None:
        images += [each.image for each in plan.containers] + [each.final.base for each in plan.dockerfiles]
    tags = (each.partition("@")[0].rpartition("/")[2] for each in images if image_name(each) == "logstash")
    return {int(match[1]) for each in tags if (match := re.match(r"[^:]*:v?(\d+)", each))}


def elastic_addresses(plugin: Plugin) -> Iterator[Address]:
    """The hosts of an output."""
    for text in plugin.texts("hosts") or plugin.texts("host"):
        if (found := address_of(text)) is not None:
            yield found


@lru_cache(maxsize=64)
def elasticsearch_at(host: str, plan: Plan) -> Service | None:
    """The Elasticsearch of Compose behind a host name."""
    return next(
        (
            each
            for each in stack(plan, "elasticsearch")
            if host in (each.name, each.text("container_name"), each.text("hostname"))
        ),
        None,
    )


def secured(service: Service) -> bool | None:
    """Does an Elasticsearch ask who is there? None where files that are mounted may tell otherwise."""
    value, _ = setting(service, "xpack.security.enabled")
    if value is not None:
        return {"true": True, "false": False}.get(value.strip().lower())
    if shown_nowhere(service, "/usr/share/elasticsearch/config"):
        return None
    version = version_of(service)
    return version[0] >= 8 if version else None


def encrypted(service: Service) -> bool | None:
    """Does it speak only TLS? Version 8 sets that up by itself where nothing is said of security."""
    value, _ = setting(service, "xpack.security.http.ssl.enabled")
    if value is not None:
        return value.strip().lower() == "true"
    if shown_nowhere(service, "/usr/share/elasticsearch/config") or secured(service) is None:
        return None
    told = any(name.lower().replace("_", ".").find("xpack.security") >= 0 for name in service.environment)
    return bool(secured(service)) and not told
