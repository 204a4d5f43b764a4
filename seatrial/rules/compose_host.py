"""Rules about what Compose services may do to their host, and which images they run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, MINOR, Found, rule
from seatrial.plan.built import dockerfile_of
from seatrial.plan.compose_links import marked
from seatrial.plan.datastores import repository, tag
from seatrial.plan.reach import image_name
from seatrial.plan.wiring import UNKNOWN
from seatrial.rules.compose_names import projects
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Project, Service
    from seatrial.plan.nodes import Node

_AGENTS = re.compile(r"node-exporter|cadvisor|promtail|beat$|fluent|datadog|agent|alloy|vector|netdata|telegraf")
_SOCKET_TOOLS = re.compile(
    r"portainer|watchtower|traefik|autoheal|socket-proxy|dockge|ouroboros|nginx-proxy|docker-gen|cadvisor"
)
_CAPABILITIES = frozenset({"ALL", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO"})
_FOLDERS = frozenset({"/", "/etc", "/root", "/home", "/var", "/var/lib/docker", "/usr", "/boot", "/proc", "/sys"})


@rule("compose-privileged", MAJOR, over=services)
def privileged(service: Service, _plan: Plan) -> Iterator[Found]:
    """Rights over the host."""
    if not _AGENTS.search(image_name(service.image)):
        yield from _rights(service)


def _rights(service: Service) -> Iterator[Found]:
    node = service.node.get("privileged")
    if node.flag is True:
        yield node, "is privileged: whoever breaks into it has the host"
    for each in service.node.get("cap_add"):
        if each.text.upper().removeprefix("CAP_") in _CAPABILITIES:
            yield each, f"has the capability {each.text}: whoever breaks into it is close to having the host"
    for key in ("network_mode", "pid", "ipc", "userns_mode"):
        node = service.node.get(key)
        if node.text == "host":
            yield node, f"{key}: host takes away the wall between it and the host"
    for each in service.node.get("security_opt"):
        if re.search(r"(?:seccomp|apparmor)[:=]unconfined", each.text):
            yield each, f"{each.text} takes away a wall between it and the host"


@rule("compose-docker-socket", MAJOR, over=services)
def docker_socket(service: Service, _plan: Plan) -> Iterator[Found]:
    """Docker's socket in a container."""
    if _SOCKET_TOOLS.search(image_name(service.image)):
        return
    for mount in service.mounts:
        if mount.source.endswith(("/docker.sock", "/containerd.sock", "/podman.sock")):
            tail = (
                ", and ro does not help: it is about the file, not about what is said through it"
                if mount.read_only
                else ""
            )
            yield mount.node, f"has Docker's socket: whoever breaks into it has the host{tail}"


@rule("compose-host-folder", MAJOR, over=services)
def host_folder(service: Service, _plan: Plan) -> Iterator[Found]:
    """A folder of the host's system in a container."""
    for mount in service.mounts:
        source = mount.source.rstrip("/") or "/"
        if mount.kind == "bind" and source in _FOLDERS and not _AGENTS.search(image_name(service.image)):
            yield mount.node, f"mounts {source} of the host"


@rule("compose-user-root", MAJOR, over=services)
def user_root(service: Service, plan: Plan) -> Iterator[Found]:
    """An image with a user of its own that is run as root."""
    node, dockerfile = service.node.get("user"), dockerfile_of(service, plan)
    own = dockerfile.last("USER") if dockerfile else None
    if re.fullmatch(r"(?:root|0)(?::\S*)?", node.text) and own is not None:
        yield node, f"runs as {node.text}, though its image has the user {own.rest.strip()}"


@rule("compose-image-tag", MAJOR, over=services)
def image_tag(service: Service, _plan: Plan) -> Iterator[Found]:
    """An image without a tag, or with one that moves."""
    node = service.node.get("image")
    image = marked(node.text, service)
    if service.builds or not image or "@" in image or UNKNOWN in image or not repository(image):
        return
    if tag(image) in ("", "latest"):
        what = f"{image}, which has no tag" if not tag(image) else image
        yield node, f"runs {what}: the next pull may bring another release, and there is no way back to this one"


@rule("compose-hardening", MINOR, over=projects)
def hardening(project: Project, _plan: Plan) -> Iterator[Found]:
    """Services whose processes may gain rights."""
    names = [name for name, each in project.services.items() if each.builds and not _kept_low(each.node)]
    if names:
        said = f"{', '.join(names)} may gain rights by setuid programs"
        yield project.services[names[0]].place, f"{said}: security_opt has no no-new-privileges:true"


def _kept_low(node: Node) -> bool:
    return any(
        text.startswith("no-new-privileges") and "false" not in text for text in node.get("security_opt").texts()
    )
