"""Rules on what the containers of Filebeat and Logstash see: configuration, logs, ports, and what they forget."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.log_stack import (
    FILEBEAT_HOME,
    LOGSTASH_HOME,
    filebeat_of,
    flow_of,
    in_folder,
    mounted_at,
    outside,
    stack,
)
from seatrial.rules.compose_mounts import missing
from seatrial.rules.logs_shipping import logstashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.log_fields import Flow
    from seatrial.plan.shipping import Filebeat

_ELSEWHERE = ("none", "local", "journald", "syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs")
_CONTAINERS = "/var/lib/docker/containers"


def beats(plan: Plan) -> list[Service]:
    """The services that run Filebeat."""
    return stack(plan, "filebeat")


@rule("logs-containers-not-seen", CRITICAL, over=beats)
def containers_not_seen(service: Service, plan: Plan) -> Iterator[Found]:
    """Filebeat reads files that its container does not have."""
    filebeat = filebeat_of(service, plan)
    for path in sorted(_read_paths(filebeat)) if filebeat else ():
        if mounted_at(service, path) is None and not (
            path.startswith(FILEBEAT_HOME) or service.node.get("volumes_from")
        ):
            yield service.place, f"reads {path}, which is not mounted: Filebeat sees no log"


def _read_paths(filebeat: Filebeat) -> set[str]:
    found = set()
    for each in filebeat.inputs:
        if each.get("enabled").flag is False:
            continue
        for text in each.get("paths").texts():
            fixed = re.split(r"/[^/]*[*?{\[$]", text, maxsplit=1)[0]
            if fixed.startswith("/") and "$" not in fixed:
                found.add(fixed)
        if each.get("type").text == "docker":
            found.add(_CONTAINERS)
    for provider in filebeat.setting("filebeat.autodiscover.providers"):
        if provider.get("type").text == "docker":
            found.add(_CONTAINERS)
    return found


@rule("logs-socket-not-seen", MAJOR, over=beats)
def socket_not_seen(service: Service, plan: Plan) -> Iterator[Found]:
    """Filebeat asks Docker for the names of containers, and has no socket."""
    filebeat = filebeat_of(service, plan)
    if filebeat is None or mounted_at(service, "/var/run/docker.sock") or mounted_at(service, "/run/docker.sock"):
        return
    asks = [node for node in filebeat.node.walk() if node.get("add_docker_metadata").written]
    asks += [node for node in filebeat.setting("filebeat.autodiscover.providers") if node.get("type").text == "docker"]
    if any(node.get("add_docker_metadata", "host").written or node.get("host").written for node in asks):
        return
    if asks:
        what = "finds containers" if asks[0].get("type").text == "docker" else "names containers"
        yield service.place, f"{what} through /var/run/docker.sock, which is not mounted"


@rule("logs-config-hidden", CRITICAL, over=logstashes)
def config_hidden(service: Service, plan: Plan) -> Iterator[Found]:
    """A folder over Logstash's own configuration that has not what Logstash needs."""
    for mount in service.mounts:
        path = outside(service, mount)
        whole = mount.target.rstrip("/") == f"{LOGSTASH_HOME}/config" and mount.kind == "bind"
        if not whole or not in_folder(plan, path):
            continue
        main = plan.read(path / "logstash.yml")
        fine = plan.read(path / "pipelines.yml") or (main and "path.config" in main.text)
        given = any(word in ("-f", "-e", "--path.config") for word in service.command)
        if not (fine or given):
            yield (
                mount.node,
                f"hides {mount.target} behind {path}, which has no pipelines.yml: Logstash finds no pipeline and ends",
            )


@rule("logs-registry-lost", MINOR, over=beats)
def registry_lost(service: Service, plan: Plan) -> Iterator[Found]:
    """Filebeat forgets what it has sent."""
    filebeat = filebeat_of(service, plan)
    moved = filebeat is not None and (
        filebeat.setting("path.data").text or filebeat.setting("filebeat.registry.path").text
    )
    if not moved and mounted_at(service, f"{FILEBEAT_HOME}/data") is None and not _helper_beat(service):
        yield (
            service.place,
            f"keeps what it has sent in {FILEBEAT_HOME}/data, on no volume: a new container sends everything again",
        )


def _helper_beat(service: Service) -> bool:
    return "setup" in service.command


@rule("logs-strict-permissions", MINOR, over=beats)
def strict_permissions(service: Service, plan: Plan) -> Iterator[Found]:
    """Filebeat refuses a configuration that belongs to somebody else."""
    mount = mounted_at(service, f"{FILEBEAT_HOME}/filebeat.yml")
    words = [*service.command, *service.values.values(), *service.values]
    relaxed = any("strict.perms" in word or "strict_perms" in word.lower() for word in words)
    if mount is not None and mount.kind == "bind" and not missing(service, mount, plan) and not relaxed:
        said = "mounts its configuration from the host without --strict.perms=false"
        yield (
            mount.node,
            f"{said}: it does not start unless the file is root's (or its own) and nobody else may write it",
        )


_LISTENING = {"beats": 5044, "elastic_agent": 5044, "http": 8080, "syslog": 514, "gelf": 12201}
_ASKING = frozenset(
    {"tcp", "udp", "file", "stdin", "kafka", "redis", "rabbitmq", "jdbc", "s3", "heartbeat", "pipeline"}
)


def _input_ports(flow: Flow) -> set[int] | None:
    """The ports on which a pipeline listens; None where an input does not tell."""
    found = set()
    for plugin in flow.of("input"):
        text = plugin.text("port") or str(_LISTENING.get(plugin.name, ""))
        if text.isdigit():
            found.add(int(text))
        elif text or plugin.name not in _ASKING:
            return None
    return found or None


@rule("logs-port-unanswered", MAJOR, over=logstashes)
def port_unanswered(service: Service, plan: Plan) -> Iterator[Found]:
    """A port of Logstash is published, and no input of its pipeline listens there."""
    flow = flow_of(service, plan)
    ports = _input_ports(flow) if flow else None
    for port in service.ports if ports else ():
        if ports and port.target not in ports | {9600}:
            said = f"publishes port {port.target}, on which no input of its pipeline listens"
            yield port.node, f"{said} (it has {', '.join(map(str, sorted(ports)))})"


@rule("logs-driver", MAJOR, over=beats)
def driver(service: Service, plan: Plan) -> Iterator[Found]:
    """Containers whose log driver writes no file that Filebeat reads."""
    filebeat = filebeat_of(service, plan)
    if filebeat is None or _CONTAINERS not in _read_paths(filebeat):
        return
    found: dict[tuple[str, int], list[Service]] = {}  # of one anchor, all at once
    for other in plan.services:
        if other.text("logging", "driver") in _ELSEWHERE:
            node = other.node.get("logging", "driver")
            found.setdefault((str(node.file), node.line), []).append(other)
    for services in found.values():
        node = services[0].node.get("logging", "driver")
        names = ", ".join(each.name for each in services)
        said = f"{names} logs through {node.text}, which writes nothing to {_CONTAINERS}"
        yield node, f"{said}: Filebeat does not see its lines"
