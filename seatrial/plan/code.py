"""The application's own Python, module by module: what a server starts, what that imports. Read, never imported."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.application import MOST_BYTES
from seatrial.plan.built import contexts, is_test, server_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile


@dataclass(frozen=True, eq=False)
class Module:
    """A file of Python."""

    path: PurePosixPath
    tree: ast.Module
    text: str

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"module {self.path}"

    def top_imports(self) -> Iterator[tuple[str, int]]:
        """The modules that it imports whenever it is loaded, with their lines: not those in `try` or `if`."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                stem = "." * node.level + (node.module or "")
                yield stem, node.lineno
                joint = "" if stem.endswith(".") else "."
                yield from ((f"{stem}{joint}{alias.name}", node.lineno) for alias in node.names)


@lru_cache(maxsize=2)
def modules_of(plan: Plan) -> dict[PurePosixPath, Module]:
    """The files of Python that can be read, tests left out."""
    found = {}
    for path, source in plan.sources.items():
        if path.suffix == ".py" and not is_test(path) and len(source.text) <= MOST_BYTES:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found[path] = Module(path, ast.parse(source.text), source.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return found


def _file(name: str, roots: list[PurePosixPath], known: dict[PurePosixPath, Module]) -> PurePosixPath | None:
    tail = name.replace(".", "/")
    paths = [root / each for root in roots for each in (f"{tail}.py", f"{tail}/__init__.py") if tail]
    return next((path for path in paths if path in known), None)


def _absolute(name: str, module: Module, root: PurePosixPath) -> str:
    """A relative import by its whole name, from the root of the code."""
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    package = module.path.parent
    for _ in range(dots - 1):
        package = package.parent
    inside = package.relative_to(root) if package.is_relative_to(root) else PurePosixPath()
    return ".".join([*inside.parts, name.lstrip(".")]).strip(".")


@lru_cache(maxsize=32)
def started(dockerfile: Dockerfile, plan: Plan) -> list[Module]:
    """What is loaded when the image's server starts: its module, and what that imports of the same code."""
    server = server_in(dockerfile, plan)
    known = modules_of(plan)
    roots = list(contexts(dockerfile, plan))
    name = server.module.partition(":")[0] if server else ""
    last = name.rpartition(".")[2]
    first = _file(name, [*roots, *(root / each for root in roots for each in ("src", "app", "backend"))], known)
    first = first or next((path for path in known if last and path.name == f"{last}.py"), None)
    if first is None:
        return []
    root = first.parents[min(name.count("."), len(first.parents) - 1)]
    found, waiting = {first: known[first]}, [known[first]]
    while waiting:
        module = waiting.pop()
        for imported, _ in module.top_imports():
            path = _file(_absolute(imported, module, root), [root, *roots], known)
            if path is not None and path not in found:
                found[path] = known[path]
                waiting.append(known[path])
    return list(found.values())


def dotted(node: ast.AST | None) -> str:
    """`logging.handlers.RotatingFileHandler` of an expression of names; empty for others."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def text_in(node: ast.AST | None) -> str:
    """A text that is written out; empty for others."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
