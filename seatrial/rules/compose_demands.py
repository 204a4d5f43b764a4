"""Rules about variables that somebody demands and nobody gives: the code, the Compose file, those who start it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MINOR, Found, rule
from seatrial.plan.built import dockerfile_of, server_in
from seatrial.plan.compose_links import given
from seatrial.plan.interpolation import read_env_file, uses
from seatrial.rules.compose_names import projects
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Project, Service
    from seatrial.plan.nodes import Node

_EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", ".env.prod.example")


def _guarded(name: str, plan: Plan) -> bool:
    """Does the code look first whether the variable is there, or set it itself?"""
    pattern = re.compile(
        rf"[\"']{re.escape(name)}[\"']\s+(?:not\s+)?in\b|(?:setdefault|getenv|get)\(\s*[\"']{re.escape(name)}[\"']|"
        rf"environ\[[\"']{re.escape(name)}[\"']\]\s*=[^=]|KeyError|load_dotenv"
    )
    return any(pattern.search(source.text) for path, source in plan.sources.items() if path.suffix == ".py")


@rule("compose-variable-not-given", CRITICAL, over=services)
def variable_not_given(service: Service, plan: Plan) -> Iterator[Found]:
    """A variable without which the code ends, and that the service is not given."""
    dockerfile = dockerfile_of(service, plan)
    alone = dockerfile is not None and len(plan.dockerfiles) == 1 and server_in(dockerfile, plan) is not None
    if (
        dockerfile is None
        or not alone
        or service.command
        or service.node.get("env_file")
        or service.node.get("secrets")
    ):
        return
    known = set(given(service)) | set(dockerfile.variables)
    lacking = [name for name in plan.application.demanded if name not in known and not _guarded(name, plan)]
    if lacking:
        place = plan.application.demanded[lacking[0]]
        said = f"is not given {', '.join(lacking)}, which the code demands ({place.file}:{place.line})"
        yield service.place, f"{said}: it ends at its start"


@rule("compose-example-lacks", MINOR, over=projects)
def example_lacks(project: Project, plan: Plan) -> Iterator[Found]:
    """A variable that Compose needs and the example of `.env` does not name."""
    source = next((each for name in _EXAMPLES if (each := plan.read(project.folder / name)) is not None), None)
    if source is None:
        return
    named = set(read_env_file(source.text)) | set(
        re.findall(r"^\s*#?\s*([A-Z_][A-Z0-9_]*)=", source.text, re.MULTILINE)
    )
    needed: dict[str, Node] = {}
    for node in project.node.walk():
        for use in uses(node.text):
            if use.operator in ("", "?", ":?") and use.name not in project.variables:
                needed.setdefault(use.name, node)
    lacking = [name for name in needed if name not in named and name not in ("PWD", "HOME", "USER")]
    if lacking:
        yield (
            needed[lacking[0]],
            f"needs {', '.join(lacking)}, and {source.path} does not name it: who follows it fails",
        )
