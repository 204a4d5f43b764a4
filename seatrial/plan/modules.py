"""Whether the module that a server is started with is in the image that is built from a folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.built import contexts, is_test, start_words
from seatrial.plan.compose import normal

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile, Instruction


def missing_module(name: str, dockerfile: Dockerfile, plan: Plan) -> str:
    """Why `package.module:attribute` cannot be imported; empty where it can, or where nobody can tell."""
    module, _, attribute = name.removesuffix("()").partition(":")
    last = module.rpartition(".")[2]
    folders = contexts(dockerfile, plan)
    files = _files_of(last, folders, plan)
    if not files:
        return f"there is no {last}.py"
    if not any(_defines(plan.sources[path].text, attribute) for path in files):
        return f"{files[0]} has no {attribute}"
    path = module.replace(".", "/")
    homes = {folder / tail for folder in folders for tail in (f"{path}.py", f"{path}/__init__.py")}
    if homes.isdisjoint(files) and _copied_flat(dockerfile, plan):
        return f"the working directory gets no {path}.py (the source has {files[0]})"
    return ""


def _files_of(name: str, folders: tuple[PurePosixPath, ...], plan: Plan) -> list[PurePosixPath]:
    inside = [path for path in plan.sources if any(path.is_relative_to(each) for each in folders) and not is_test(path)]
    return [path for path in inside if path.name == f"{name}.py" or str(path).endswith(f"{name}/__init__.py")]


def _defines(text: str, name: str) -> bool:
    """May a module have an attribute?"""
    word = re.escape(name)
    made = rf"^\s*{word}\s*(?::[^=\n]+)?=|\b(?:def|class|as)\s+{word}\b"
    taken = rf"import\b.*\b{word}\b|^\s+{word},?\s*$|import \*|__getattr__|globals\(\)"
    return re.search(f"{made}|{taken}", text, re.MULTILINE) is not None


def _copied_flat(dockerfile: Dockerfile, plan: Plan) -> bool:
    """Does the working directory get what lies at the root of the context, as it lies there, and no other code?"""
    stages = dockerfile.lineage(dockerfile.final)
    homes = {each.rest.strip().rstrip("/") for stage in stages for each in stage.of("WORKDIR")}
    words = " ".join(start_words(dockerfile))
    moved = "PYTHONPATH" in dockerfile.variables or any(word in words for word in ("--app-dir", "--chdir", "cd "))
    if len(homes) != 1 or moved:
        return False
    home = homes.pop()
    return all(_is_flat(each, home, dockerfile, plan) for stage in stages for each in stage.of("COPY", "ADD"))


def _is_flat(copy: Instruction, home: str, dockerfile: Dockerfile, plan: Plan) -> bool:
    target = copy.words[-1].rstrip("/") if copy.words else ""
    if "from" in copy.flags:
        return target.startswith("/") and not target.startswith(home)
    sources = [normal(PurePosixPath(word.lstrip("/"))) for word in copy.words[:-1]]
    folders = [folder / each for folder in contexts(dockerfile, plan) for each in sources if each.parts]
    files = all(len(each.parts) < 2 for each in sources) and not any(
        path in plan.paths and path not in plan.sources for path in folders
    )
    return files and target in (".", "", home)
