"""The ports on which something listens in a container of a Compose service, and in an image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.plan.built import dockerfile_of, server_in, server_of_service
from seatrial.plan.reach import LISTENS, image_name

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.dockerfile import Dockerfile

_NUMBER = re.compile(r"(?<![\d.])(\d{2,5})(?![\d.])")


def bound_by(dockerfile: Dockerfile, plan: Plan) -> set[int]:
    """The ports that an image listens on; empty where nobody can tell: EXPOSE alone binds nothing."""
    server = server_in(dockerfile, plan)
    if server is None or not server.port:
        return set()
    return {server.port} | {number for number, _ in plan.application.ports}


def bound_in(service: Service, plan: Plan) -> set[int]:
    """The ports that a service listens on; empty where nobody can tell."""
    server = server_of_service(service, plan)
    if server is not None:
        return {server.port} | {number for number, _ in plan.application.ports} if server.port else set()
    named = _named(service)
    if service.builds:
        dockerfile = dockerfile_of(service, plan)
        found = bound_by(dockerfile, plan) if dockerfile and not service.command else set()
        return found | named if found else set()
    ports = set(LISTENS.get(image_name(service.image), {}))
    configured = any(
        "listen" in word.lower() or "config" in word.lower() for word in [*service.command, *service.values]
    )
    return ports | named if ports and not configured else set()


def _named(service: Service) -> set[int]:
    """Numbers in its command and in its variables that may well be ports."""
    found = {int(each) for word in service.command for each in _NUMBER.findall(word)}
    return found | {int(value) for key, value in service.values.items() if "PORT" in key.upper() and value.isdigit()}
