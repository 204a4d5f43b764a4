"""Rules about servers with several processes: what each of them counts for itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.built import dockerfile_of, server_in
from seatrial.plan.compose import Service
from seatrial.plan.containers import Container
from seatrial.plan.dockerfile import Dockerfile
from seatrial.plan.server import server_of
from seatrial.plan.wiring import wiring_of
from seatrial.rules.image_command import start_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seatrial.plan import Plan
    from seatrial.plan.files import Place
    from seatrial.plan.nodes import Node

    Start = Dockerfile | Service | Container

_COUNTS = re.compile(
    r"^\s*[\"']?(?:prometheus[-_]client|prometheus[-_]fastapi[-_]instrumentator|starlette[-_](?:exporter|prometheus)"
    r"|prometheus[-_]flask[-_]exporter|django[-_]prometheus)\b",
    re.MULTILINE | re.IGNORECASE,
)
_TOGETHER = re.compile(r"prometheus_multiproc_dir|MultiProcessCollector", re.IGNORECASE)
_LISTS = re.compile(r"(?:requirements[\w.-]*\.txt|requirements\.in|pyproject\.toml|Pipfile)")


def starts(plan: Plan) -> list[Start]:
    """What starts servers: images, services and containers; none where the workers count together, or nobody asks."""
    asked = bool(plan.scrapers) and _counts(plan)
    together = asked and any(_TOGETHER.search(source.text) for source in plan.sources.values())
    return [*plan.dockerfiles, *plan.services, *plan.containers] if asked and not together else []


def _counts(plan: Plan) -> bool:
    """Does the application count with a library whose counters are those of one process?"""
    listed = any(_LISTS.fullmatch(path.name) and _COUNTS.search(each.text) for path, each in plan.sources.items())
    return bool(listed or plan.application.metrics or plan.application.instrumented)


@rule("image-metrics-per-worker", MAJOR, over=starts)
def metrics_per_worker(thing: Start, plan: Plan) -> Iterator[Found]:
    """Several workers, of which each answers /metrics with what it alone has counted."""
    count, place = _workers(thing, plan)
    if count is not None and count > 1:
        said = f"starts {count} workers, of which each counts for itself, and PROMETHEUS_MULTIPROC_DIR is nowhere set"
        yield place, f"{said}: every scrape reads another one, so counters jump, and rates and quantiles are wrong"


def _workers(thing: Start, plan: Plan) -> tuple[int | None, Node | Place]:
    """How many workers are started, and where that is written; None where it is not, or is said elsewhere."""
    if isinstance(thing, Dockerfile):
        server = server_in(thing, plan)
        return (_number(server.words, thing.variables) if server else None), start_place(thing)
    values, written = _given(thing, plan)
    words = thing.command if isinstance(thing, Service) else thing.words
    if words:
        server = server_of(words, values)
        keys = ("args", "command") if isinstance(thing, Container) else ("command", "entrypoint")
        node = next((thing.node.get(key) for key in keys if thing.node.get(key)), thing.place)
        return (_number(server.words, values) if server else None), node
    built = isinstance(thing, Service) and dockerfile_of(thing, plan) is not None
    return (_number((), values) if built else None), written or thing.place


def _given(thing: Service | Container, plan: Plan) -> tuple[dict[str, str], Node | None]:
    if isinstance(thing, Service):
        return thing.values, thing.environment.get("WEB_CONCURRENCY")
    settings = wiring_of(plan).settings(thing)
    return {name: each.value for name, each in settings.items() if each.value}, None


def _number(words: tuple[str, ...], values: Mapping[str, str]) -> int | None:
    """`--workers 4`, `-w4`, or the variable that uvicorn and gunicorn read where the option is not given."""
    text = " ".join(words)
    match = re.search(r"(?:^|\s)(?:--workers[= ]|-w ?)(\S+)", text)
    told = match[1] if match else values.get("WEB_CONCURRENCY", "")
    return int(told) if re.fullmatch(r"\d{1,3}", told) else None
