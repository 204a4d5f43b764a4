"""Rules about what Compose services may use up: memory, Java heaps, disk space of logs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.compose_links import given
from seatrial.plan.reach import image_name
from seatrial.rules.compose_names import projects
from seatrial.rules.compose_start import runs_once
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Project, Service

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_HEAP = re.compile(r"-Xmx(\d+)([kmgt]?)", re.IGNORECASE)
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
BESIDE_HEAP = 256 * 2**20  # threads, code and buffers of a JVM


def size(text: str) -> float | None:
    """Docker's `512m`, `2gb` in bytes; None if it is none."""
    match = _SIZE.fullmatch(text.strip())
    return float(match[1]) * _FACTORS[match[2].lower()] if match else None


@rule("compose-memory-unlimited", MAJOR, over=projects)
def memory_unlimited(project: Project, _plan: Plan) -> Iterator[Found]:
    """Services without a limit of memory."""
    names = [name for name, each in project.services.items() if "memory" not in each.limits and not runs_once(each)]
    if names:
        said = f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no limit of memory"
        yield project.services[names[0]].place, f"{said}: one that leaks takes the whole host down, the database too"


@rule("compose-heap", CRITICAL, over=services)
def heap(service: Service, _plan: Plan) -> Iterator[Found]:
    """A Java heap that does not fit into the memory that the container may have."""
    limit = size(service.project.filled(service.limits["memory"].text)) if "memory" in service.limits else None
    for name, each in given(service).items():
        match = _HEAP.search(each.value)
        if match is None or limit is None:
            continue
        wanted = int(match[1]) * _FACTORS[match[2].lower()]
        beside = (
            max(BESIDE_HEAP, wanted // 2)
            if image_name(service.image) in ("elasticsearch", "opensearch")
            else BESIDE_HEAP
        )
        if wanted + beside > limit:
            said = f"{name} gives Java a heap of {match[1]}{match[2]} in a container of {service.limits['memory'].text}"
            yield each.node, f"{said}: with what a JVM needs beside it, it is killed for want of memory"


def _unbounded(service: Service) -> bool:
    logging = service.node.get("logging")
    driver = logging.get("driver").text or "json-file"
    return driver == "json-file" and not logging.get("options", "max-size").text


@rule("compose-logs-unbounded", MINOR, over=projects)
def logs_unbounded(project: Project, _plan: Plan) -> Iterator[Found]:
    """Services whose logs grow until the disk is full."""
    names = [name for name, each in project.services.items() if _unbounded(each) and not runs_once(each)]
    if names:
        said = f"the logs of {', '.join(names)} have no bound (logging.options.max-size)"
        yield (
            project.services[names[0]].place,
            f"{said}: unless the Docker daemon sets one, they grow until the disk is full",
        )
