"""Whether the application's own code can have a route: only where all of it is here and tells its paths."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.built import is_test

if TYPE_CHECKING:
    from seatrial.plan import Plan

_BY_ITSELF = re.compile(r"/(?:docs|redoc|openapi\.json|metrics|static|favicon\.ico)?(?:/|$)")
_BY_OTHERS = re.compile(r"health|actuator|django|terminus|probes?\b", re.IGNORECASE)
# What writes its routes with a slash before them, and what does not.
_WITH_SLASH = re.compile(r"\b(?:FastAPI|Starlette|Flask|Quart|Sanic|Litestar)\(")
_WITHOUT = re.compile(r"django|tornado|aiohttp|urlpatterns")


@lru_cache(maxsize=2)
def code_of(plan: Plan) -> str:
    """All code of the application, tests left out."""
    return "\n".join(source.text for path, source in plan.sources.items() if path.suffix == ".py" and not is_test(path))


@lru_cache(maxsize=2)
def _libraries(plan: Plan) -> bool:
    """Does a library that is installed bring health checks of its own?"""
    lists = [
        source.text for path, source in plan.sources.items() if re.search(r"requirements|pyproject|Pipfile", path.name)
    ]
    return any(_BY_OTHERS.search(line) for text in lists for line in text.split("\n") if not line.startswith("#"))


def no_route(path: str, plan: Plan) -> bool:
    """Is it sure that the application answers 404 to a path? Its last part would stand somewhere in the code."""
    last = path.strip("/").rpartition("/")[2]
    alone = len(plan.dockerfiles) == 1 and any(place.file.suffix == ".py" for place in plan.application.paths.values())
    if not alone or not last or "$" in path or "{" in path or _BY_ITSELF.fullmatch(path) or _libraries(plan):
        return False
    code = code_of(plan)
    before = "/" if _WITH_SLASH.search(code) and not _WITHOUT.search(code) else r"[/\"']"
    return not re.search(rf"{before}{re.escape(last)}[/\"'?{{]", code)


def known_routes(plan: Plan) -> str:
    """Routes of the application that look like health checks, for a message; else the first ones."""
    paths = sorted(plan.application.paths)
    healthy = [path for path in paths if re.search(r"health|live|ready|ping|status", path)]
    return ", ".join((healthy or paths)[:3])
