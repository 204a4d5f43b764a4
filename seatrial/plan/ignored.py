"""`.dockerignore`: which files of a build context never reach the builder."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile


def ignore_file(dockerfile: Dockerfile, context: PurePosixPath, plan: Plan) -> PurePosixPath | None:
    """The file that holds for a build: `Dockerfile.dockerignore` beside the Dockerfile, else the context's own."""
    own = dockerfile.file.with_name(f"{dockerfile.file.name}.dockerignore")
    return next((path for path in (own, context / ".dockerignore") if path in plan.paths), None)


def is_ignored(path: str, file: PurePosixPath | None, plan: Plan) -> bool:
    """Does a `.dockerignore` leave out a path of the context? The last pattern that fits decides."""
    source = plan.sources.get(file) if file else None
    left_out = False
    for pattern, kept in _patterns(source.text) if source else ():
        if pattern.fullmatch(path.strip("/")):
            left_out = not kept
    return left_out


@lru_cache(maxsize=32)
def _patterns(text: str) -> list[tuple[re.Pattern[str], bool]]:
    found = []
    for line in text.split("\n"):
        bare = line.strip()
        if bare and not bare.startswith("#"):
            kept = bare.startswith("!")
            path = str(PurePosixPath(bare.removeprefix("!").strip().strip("/") or "."))
            found.append((re.compile(_regex(path) + "(?:/.*)?"), kept))
    return found


def _regex(pattern: str) -> str:
    parts = re.split(r"(\*\*/?|\*|\?)", pattern)
    table = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(table.get(part, re.escape(part)) for part in parts)
