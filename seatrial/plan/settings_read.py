"""Which variables of its environment the code reads, and what it takes where one is not given."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.code import dotted, modules_of, text_in
from seatrial.plan.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.code import Module

_NAMED_BY = ("alias", "validation_alias", "env")


@dataclass(frozen=True)
class Reading:
    """A variable that the code reads."""

    name: str  # in capitals where letters' case does not count
    place: Place
    default: str | None  # a text that stands in the code; None where there is none, or another value

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"variable {self.name}"


@lru_cache(maxsize=2)
def readings(plan: Plan) -> list[Reading]:
    """Those by `os.environ`, `os.getenv`, and the fields of pydantic's BaseSettings."""
    return [reading for module in modules_of(plan).values() for reading in _of(module)]


def _of(module: Module) -> Iterator[Reading]:
    for node in ast.walk(module.tree):
        place = Place(module.path, getattr(node, "lineno", 1))
        if isinstance(node, ast.Call) and node.args:
            name = dotted(node.func)
            if name.endswith(("getenv", "environ.get")) and (first := text_in(node.args[0])):
                keyword = next((each.value for each in node.keywords if each.arg == "default"), None)
                second = node.args[1] if len(node.args) > 1 else keyword
                yield Reading(first, place, text_in(second) or None)
        elif (
            isinstance(node, ast.Subscript) and dotted(node.value).endswith("environ") and (name := text_in(node.slice))
        ):
            yield Reading(name, place, None)
        elif isinstance(node, ast.ClassDef) and any(dotted(base).endswith("BaseSettings") for base in node.bases):
            yield from _fields(node, module)


def _fields(settings: ast.ClassDef, module: Module) -> Iterator[Reading]:
    prefix = prefix_of(settings)
    for field in settings.body:
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and field.target.id != "model_config"
        ):
            names = [f"{prefix}{field.target.id}".upper()]
            default = text_in(field.value)
            if isinstance(field.value, ast.Call):
                given = {each.arg: each.value for each in field.value.keywords}
                default = text_in(given.get("default") or (field.value.args[0] if field.value.args else None))
                named = [text_in(part).upper() for key in _NAMED_BY if key in given for part in ast.walk(given[key])]
                names = [each for each in named if each] or names
            yield from (Reading(name, Place(module.path, field.lineno), default or None) for name in names)


def prefix_of(settings: ast.ClassDef) -> str:
    """`env_prefix` of a class of settings, in its model_config or in its class Config."""
    for node in ast.walk(settings):
        if isinstance(node, ast.keyword) and node.arg == "env_prefix":
            return text_in(node.value)
        if isinstance(node, ast.Assign) and any(dotted(target) == "env_prefix" for target in node.targets):
            return text_in(node.value)
    return ""
