"""Rules about what is mounted from the host: files that are not there, source code over the image's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import dockerfile_of
from seatrial.plan.interpolation import uses
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.compose_forms import Mount

_FILE = re.compile(
    r"\.(?:ya?ml|conf|cfg|cnf|ini|json|toml|xml|sql|sh|properties|rb|py|tmpl|template|rules|lua|acl|service)$"
)
_CONFIGURATION = re.compile(
    r"/(?:etc|pipelines?|config|conf|conf\.d|provisioning|rules|templates|docker-entrypoint-initdb\.d)(?:/|$)"
)
_MADE_LATER = re.compile(
    r"cert|secret|\bkeys?\b|\.key|\.pem|\.crt|ssl|tls|htpasswd|acme|letsencrypt|credential|password|generated", re.I
)
_DEVELOPERS = re.compile(r"dev|local|override|test|debug")


def missing(service: Service, mount: Mount, plan: Plan) -> PurePosixPath | None:
    """The path of a bind mount that is not there; None where it is, or where nobody can tell."""
    raw = mount.node.get("source").text or mount.node.text
    unknown = any(
        use.name not in service.project.variables and "-" not in use.operator for use in uses(raw.partition(":")[0])
    )
    relative = mount.kind == "bind" and not mount.source.startswith(("/", "~"))
    if not relative or unknown or _MADE_LATER.search(mount.source) or len(plan.sources) < 2:
        return None
    path = service.project.path(mount.source)
    return None if ".." in path.parts or path in plan.paths or _made(path, plan) else path


def _made(path: PurePosixPath, plan: Plan) -> bool:
    """May a script make it, or does Git leave it out?"""
    scripts = [plan.sources[name].text for name, kind in plan.kinds.items() if kind in ("shell", "workflow")]
    scripts += [
        source.text for name, source in plan.sources.items() if name.name in ("Makefile", ".gitignore", "justfile")
    ]
    return any(path.name in text for text in scripts) or any("--project-directory" in text for text in scripts)


@rule("compose-bind-missing", CRITICAL, over=services)
def bind_missing(service: Service, plan: Plan) -> Iterator[Found]:
    """A file or a folder of configuration that is mounted and is not there."""
    for mount in service.mounts:
        path = missing(service, mount, plan)
        if path is None:
            continue
        near = _near(path, plan)
        if _FILE.search(mount.source) or _FILE.search(mount.target):
            yield mount.node, f"mounts {path}, which is not there{near}: Docker makes an empty folder in its place"
        elif _CONFIGURATION.search(mount.target) or mount.read_only:
            yield mount.node, f"mounts {path}, which is not there{near}: the container gets an empty folder"


def _near(path: PurePosixPath, plan: Plan) -> str:
    """Where a file of that name is."""
    own = [other for other in sorted(plan.paths) if other.name == path.name and other.parts]
    deep = [other for other in own if other.parts[-2:] == path.parts[-2:]]
    return f" ({(deep or own)[0]} is)" if own else ""


@rule("compose-code-mounted", MAJOR, over=services)
def code_mounted(service: Service, plan: Plan) -> Iterator[Found]:
    """The source code over the one in the image."""
    dockerfile = dockerfile_of(service, plan)
    if dockerfile is None or _DEVELOPERS.search(service.node.get("volumes").file.name):
        return
    stages = dockerfile.lineage(dockerfile.final)
    home = next((each.rest.rstrip("/") for stage in reversed(stages) for each in reversed(stage.of("WORKDIR"))), "")
    for mount in service.mounts:
        inside = mount.kind == "bind" and home and home == mount.target.rstrip("/")
        if inside and service.project.path(mount.source) == service.build_context:
            said = f"mounts its source code over {mount.target}"
            yield mount.node, f"{said}: what runs is whatever lies on the host, not the image that was built"
