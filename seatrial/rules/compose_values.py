"""Rules about values in Compose files: variables that may be unset, secrets in clear, defaults that differ."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.compose_links import given
from seatrial.plan.interpolation import Use, uses
from seatrial.plan.wiring import UNKNOWN
from seatrial.rules.compose_names import projects
from seatrial.rules.image_command import services
from seatrial.rules.kube_secrets import is_placeholder, is_secret, is_trivial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Project, Service
    from seatrial.plan.nodes import Node

_FROM_CALLER = frozenset({"PWD", "HOME", "USER", "UID", "GID", "HOSTNAME", "PATH"})
_DEMANDED = re.compile(r"(?:POSTGRES|MYSQL_ROOT|MARIADB_ROOT|ELASTIC)_PASSWORD")
_PASSWORD_OPTION = re.compile(r"--requirepass[\s=]+[\"']?([^\s\"']+)")


def _uses(node: Node) -> Iterator[tuple[Node, Use]]:
    for each in node.walk():
        if "$" in each.text:
            yield from ((each, use) for use in uses(each.text))


@lru_cache(maxsize=2)
def _set_elsewhere(plan: Plan) -> str:
    """The texts of scripts and workflows that call Compose: what they set, a file can rely on."""
    kinds = ("shell", "workflow")
    texts = [plan.sources[path].text for path, kind in plan.kinds.items() if kind in kinds]
    return "\n".join(text for text in texts if re.search(r"docker[ -]compose", text))


def _is_set(name: str, project: Project, plan: Plan) -> bool:
    """Is a variable set by a file, or does Compose stop where it is not?"""
    guarded = any(use.name == name and "?" in use.operator for _, use in _uses(project.node))
    pattern = rf"(?:^|[\s;\"'])(?:export\s+)?{re.escape(name)}\s*[:=]"
    return guarded or name in project.variables or re.search(pattern, _set_elsewhere(plan), re.MULTILINE) is not None


@rule("compose-variable-unset", MAJOR, over=services)
def variable_unset(service: Service, plan: Plan) -> Iterator[Found]:
    """`${NAME}` without a default that no file sets."""
    told: set[str] = set()
    for node, use in _uses(service.node):
        if use.operator or use.name in told | _FROM_CALLER or _is_set(use.name, service.project, plan):
            continue
        told.add(use.name)
        said = f"${{{use.name}}} has no default, no `:?`, and no file here sets it"
        if use.name in given(service) and _inside(node, service):
            yield node, f"{said}: Compose puts in its own value, not the container's (which is $${use.name})"
        else:
            yield node, f"{said}: where it is not set, {_then(node, service)}"


def _inside(node: Node, service: Service) -> bool:
    return any(each is node for each in service.node.get("healthcheck").walk())


def _then(node: Node, service: Service) -> str:
    """What follows from an empty value."""
    demanded = next(
        (name for name, each in given(service).items() if each.node is node and _DEMANDED.fullmatch(name)), ""
    )
    if demanded and not service.builds:
        return f"the image gets an empty {demanded} and does not start"
    return "Compose only warns, and starts with an empty one"


def _literals(service: Service) -> Iterator[tuple[str, str, Node]]:
    """Variables whose value stands in the file."""
    for name, each in given(service).items():
        listed = service.environment.get(name)
        if listed is not None and "$" not in each.node.text and UNKNOWN not in each.value:
            yield name, each.value, each.node


@rule("compose-secret-in-clear", MAJOR, over=services)
def secret_in_clear(service: Service, _plan: Plan) -> Iterator[Found]:
    """A password in the file."""
    for name, value, node in _literals(service):
        if is_placeholder(value) and is_secret(name, "x"):
            yield node, f"{name} is the placeholder {value[:40]}, which is what the container gets"
        elif is_secret(name, value) and not value.startswith("/") and not is_trivial(value):
            yield node, f"{name} holds a secret in plain text, for everybody who can read the file"
    for key in ("command", "entrypoint"):
        declared = service.node.get(key)
        text = " ".join(declared.texts())
        match = _PASSWORD_OPTION.search(text)
        if match and "$" not in match[1]:
            yield declared, "its command holds a password in plain text, for everybody who can read the file"


@rule("compose-secret-default", MAJOR, over=projects)
def secret_default(project: Project, _plan: Plan) -> Iterator[Found]:
    """A password that falls back to one that stands in the file."""
    told: set[str] = set()
    for service in project.services.values():
        for node, use in _uses(service.node.get("environment")):
            known = use.name in told or use.name in project.variables
            if (
                use.operator.endswith("-")
                and use.other
                and "$" not in use.other
                and not known
                and is_secret(use.name, use.other)
            ):
                told.add(use.name)
                said = f"${{{use.name}}} falls back to a value that stands in the file"
                yield node, f"{said}: where nobody sets it, everybody knows the secret"


@rule("compose-default-differs", MAJOR, over=projects)
def default_differs(project: Project, _plan: Plan) -> Iterator[Found]:
    """A variable with one default here and another there."""
    first: dict[str, str] = {}
    for service in project.services.values():
        for node, use in _uses(service.node):
            if use.operator.endswith("-") and use.name not in project.variables:
                other = first.setdefault(use.name, use.other)
                if other != use.other:
                    shown = (
                        "" if is_secret(use.name, "x") else f" ({use.other or 'nothing'}, there {other or 'nothing'})"
                    )
                    yield node, f"${{{use.name}}} has another default here than elsewhere in the file{shown}"


@rule("compose-env-file-missing", CRITICAL, over=services)
def env_file_missing(service: Service, plan: Plan) -> Iterator[Found]:
    """An env file that is not there and is none that everybody makes for himself."""
    declared = service.node.get("env_file")
    for entry in list(declared) if declared.is_list else [declared]:
        text = entry.get("path").text or entry.text
        name = text.rpartition("/")[2]
        own = name.startswith(".env") or "$" in text or text.startswith(("/", "~")) or "secret" in name
        optional = entry.get("required").flag is False
        if text and not own and not optional and service.project.path(text) not in plan.paths and len(plan.sources) > 1:
            example = any(path.name.startswith(name) for path in plan.paths)
            if not example:
                yield entry, f"reads the env file {text}, which is not there: Compose refuses to start"
