"""What the functions behind an application's routes can answer, and what its middleware counts. Never imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    Function = ast.FunctionDef | ast.AsyncFunctionDef

_FAILS = re.compile(
    r"^(unhealthy|error|errors?: ?.*|down|fail(ed|ing)?|disconnected|unavailable|not[ _]ok|ko)$", re.IGNORECASE
)
_ROUTES = ("get", "route", "api_route")


@dataclass(frozen=True)
class Endpoint:
    """A route that answers GET, and what its function can say."""

    path: str
    place: Place
    bad_words: tuple[str, ...]  # "unhealthy", "error": what it can say in its body
    sets_status: bool  # may it answer with another status than 200?

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"route {self.path}"


@dataclass(frozen=True)
class Counting:
    """A middleware that counts requests: only those whose handler did not break, or all?"""

    place: Place
    metric: str
    all: bool

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"middleware of {self.place.file}"


def endpoints(tree: ast.Module, file: PurePosixPath) -> Iterator[Endpoint]:
    """The routes of a module."""
    functions = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    for function in functions.values():
        for decorator in function.decorator_list:
            path = _route(decorator)
            if path:
                yield _endpoint(path, function, functions, Place(file, function.lineno))


def _endpoint(path: str, function: Function, functions: dict[str, Function], place: Place) -> Endpoint:
    nodes = [node for each in _with_helpers(function, functions) for node in ast.walk(each)]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    bad = dict.fromkeys(text for text in texts if _FAILS.match(text))
    return Endpoint(path, place, tuple(bad), any(_sets_status(node) for node in nodes))


def _with_helpers(function: Function, functions: dict[str, Function]) -> list[Function]:
    """A function and those of its module that it calls by name."""
    called = {
        node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return [
        function,
        *(functions[name] for name in sorted(called & functions.keys()) if functions[name] is not function),
    ]


def _sets_status(node: ast.AST) -> bool:
    """Anything by which another status than 200 may come: when in doubt, it may."""
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int) and not isinstance(node.value, bool) and 400 <= node.value < 600
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name.endswith("Response") or name == "abort" or any(word.arg == "status_code" for word in node.keywords)
    name = str(getattr(node, "attr", getattr(node, "id", "")))
    return name == "status_code" and isinstance(getattr(node, "ctx", None), ast.Store)


def countings(tree: ast.Module, file: PurePosixPath, metrics: set[str]) -> Iterator[Counting]:
    """The functions `@app.middleware("http")` that count in one of the module's metrics."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        named = [each.func for each in function.decorator_list if isinstance(each, ast.Call)]
        if not any(isinstance(each, ast.Attribute) and each.attr == "middleware" for each in named):
            continue
        used = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in metrics]
        if used:
            yield Counting(
                Place(file, used[0].lineno), used[0].id, any(_guards_next(node) for node in ast.walk(function))
            )


def _guards_next(node: ast.AST) -> bool:
    """A `try` around `call_next`."""
    return isinstance(node, ast.Try) and any(
        isinstance(each, ast.Call) and getattr(each.func, "id", "") == "call_next"
        for statement in node.body
        for each in ast.walk(statement)
    )


def _route(decorator: ast.expr) -> str:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return ""
    first = decorator.args[0] if decorator.args else None
    path = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    return path if decorator.func.attr in _ROUTES and path.startswith("/") else ""
