"""Which Compose service and which container of Kubernetes are the same component."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.datastores import datastore_of
from seatrial.plan.reach import image_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.containers import Container


@dataclass(frozen=True)
class Pair:
    """One component in Compose and in Kubernetes."""

    service: Service
    container: Container
    store: str  # the datastore that it is; empty for an application

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"{self.service.name} in Compose and {self.container.label}"


@lru_cache(maxsize=2)
def pairs_of(plan: Plan) -> list[Pair]:
    """The components that are clearly the same: by their names, or the only ones of their kind on both sides."""
    return [*_stores(plan), *_applications(plan)]


def _stores(plan: Plan) -> Iterator[Pair]:
    services: dict[str, list[Service]] = defaultdict(list)
    containers: dict[str, list[Container]] = defaultdict(list)
    for service in plan.services:
        if service.image and (store := datastore_of(service.image)):
            services[store.name].append(service)
    for container in plan.containers:
        if container.workload.lasting and (store := datastore_of(container.image)):
            containers[store.name].append(container)
    for name, here in services.items():
        there = containers[name]
        if len(here) == len(there) == 1:
            yield Pair(here[0], there[0], name)
        else:
            yield from _by_name(here, there, name)


def _by_name(here: list[Service], there: list[Container], store: str) -> Iterator[Pair]:
    """By the workload's name, or by the container's where no workload has it."""
    for service in here:
        named = [each for each in there if each.workload.name == service.name]
        others = [each for each in there if each.name == service.name]
        yield from (Pair(service, each, store) for each in named or (others if len(others) == 1 else []))


def _applications(plan: Plan) -> Iterator[Pair]:
    for service in plan.services:
        if not (service.image and datastore_of(service.image)):
            for container in plan.containers:
                if (
                    container.workload.lasting
                    and container.workload.name == service.name
                    and _alike(service, container)
                ):
                    yield Pair(service, container, "")


def _alike(service: Service, container: Container) -> bool:
    """Is it the workload's own container, not one that stands beside it?"""
    shared = bool(service.image) and image_name(service.image) == image_name(container.image)
    return shared or container.name == service.name or len(container.workload.containers) == 1
