"""Kubernetes objects, Compose files and workflows against the schemas that the packages of others carry.

kubernetes-validate brings the strict schemas of Kubernetes, check-jsonschema those of Compose and GitHub; both validate
in Python, one file at a time. Here the same schemas are compiled by jsonschema-rs, and an error knows its line.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.findings.registry import CRITICAL, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node

KUBERNETES, COMPOSE, WORKFLOW = "kubernetes-validate", "compose-spec", "github-workflows"
_MOST = 5  # errors of one object: the first ones explain the rest


class Schemas:
    """The compiled schemas, each when it is first needed."""

    def __init__(self) -> None:
        self._compiled: dict[str, Any] = {}
        self._kubernetes = _newest_kubernetes()
        self._definitions: Any = None

    @property
    def missing(self) -> list[str]:
        """What is not installed, in sentences."""
        packages = {
            "jsonschema_rs": "jsonschema-rs",
            "kubernetes_validate": KUBERNETES,
            "check_jsonschema": "check-jsonschema",
        }
        absent = [package for module, package in packages.items() if find_spec(module) is None]
        return [f"{package} is not installed, so its schemas are not used: pip install {package}" for package in absent]

    def kubernetes(self, node: Node) -> Any:  # noqa: ANN401 - a validator of jsonschema-rs
        """The validator for an object; None for a kind that Kubernetes itself does not have."""
        version = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", node.get("apiVersion").text)
        name = f"{node.get('kind').text.lower()}-{version}"
        if name not in self._compiled:
            self._compiled[name] = self._compile_kubernetes(name)
        return self._compiled[name]

    def _compile_kubernetes(self, name: str) -> Any:  # noqa: ANN401 - a validator of jsonschema-rs
        import jsonschema_rs

        path = self._kubernetes / f"{name}.json" if self._kubernetes else None
        if path is None or not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
            return None
        if self._definitions is None:
            text = (path.parent / "_definitions.json").read_text(encoding="utf-8")
            self._definitions = jsonschema_rs.Registry([("json-schema:///_definitions.json", json.loads(text))])
        schema = json.loads(path.read_text(encoding="utf-8"))
        return jsonschema_rs.Draft7Validator(schema, registry=self._definitions)

    def vendored(self, name: str) -> Any:  # noqa: ANN401 - a validator of jsonschema-rs
        """The validator of a schema that check-jsonschema carries."""
        if name not in self._compiled:
            import jsonschema_rs

            spec = find_spec("check_jsonschema")
            folder = Path(spec.origin).parent if spec and spec.origin else None
            path = folder / "builtin_schemas" / "vendor" / f"{name}.json" if folder else None
            found = path is not None and path.is_file()
            self._compiled[name] = (
                jsonschema_rs.validator_for(path.read_text(encoding="utf-8")) if path and found else None
            )
        return self._compiled[name]


def _newest_kubernetes() -> Path | None:
    spec = find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        return None
    folders = list((Path(spec.origin).parent / "kubernetes-json-schema").glob("v*-local-strict"))
    return max(folders, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], default=None)


def schema_findings(plan: Plan) -> tuple[list[Finding], list[str]]:
    """What the schemas say of a plan, and which of them are missing."""
    schemas = Schemas()
    if schemas.missing:
        return [], schemas.missing
    found: list[Finding] = []
    for each in plan.objects:
        found += _errors(KUBERNETES, schemas.kubernetes(each.node), each.node, each.label)
    for project in plan.projects:
        if len(project.files) == 1:  # what is merged of several files is no file of anybody's
            found += _errors(COMPOSE, schemas.vendored("compose-spec"), project.node, project.label)
    for workflow in plan.workflows:
        found += _errors(WORKFLOW, schemas.vendored("github-workflows"), workflow.node, workflow.label)
    return found, []


def _errors(rule: str, validator: Any, node: Node, label: str) -> Iterator[Finding]:  # noqa: ANN401 - of jsonschema-rs
    if validator is None:
        return
    for number, error in enumerate(validator.iter_errors(node.plain)):
        if number == _MOST:
            return
        said = " ".join(str(error.message).split())
        unexpected = re.search(r"\('([^']+)' was unexpected\)|\('([^']+)', ", said)
        where = node.get(*error.instance_path, *([unexpected[1] or unexpected[2]] if unexpected else []))
        path = ".".join(str(part) for part in error.instance_path) or "the whole"
        if "is not valid under any of the schemas" in said:
            said = "is in none of the forms that it may have"
        yield Finding(str(where.file), where.line, rule, CRITICAL, f"{path}: {said[:160]}", label)
