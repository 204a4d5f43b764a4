"""Rules about health checks of images: absent, with a program that is not there, of another port or path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.binds import bound_by
from seatrial.plan.built import image_here, server_in, services_of
from seatrial.plan.dockerfile import Dockerfile
from seatrial.plan.health import Check
from seatrial.plan.image_contents import contents_of
from seatrial.plan.routes import known_routes, no_route
from seatrial.rules.image_base import dockerfiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Instruction

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def check_in(dockerfile: Dockerfile) -> tuple[Check, Instruction] | None:
    """The health check of an image; None if it has none."""
    found = dockerfile.last("HEALTHCHECK")
    if found is None or not found.rest.strip() or found.rest.strip().upper() == "NONE":
        return None
    words = found.rest.removeprefix("CMD").removeprefix("cmd").strip()
    inner = type(found)("CMD", {}, words, found.place)
    return Check(tuple(inner.exec_form or [words]), inner.exec_form is None), found


def _checked_outside(dockerfile: Dockerfile, plan: Plan) -> bool:
    """Does everything that runs the image's own program bring a check of its own?"""
    running = [each for each in services_of(dockerfile, plan) if not each.command]
    found = [each.healthcheck is not None and not each.healthcheck.disabled for each in running]
    pods = [each for each in plan.containers if image_here(each.image, plan) is dockerfile]
    found += [any(each.node.get(probe) for probe in PROBES) for each in pods]
    if not found:  # nobody knows which of them runs it: silent if all of them are checked
        found = [each.healthcheck is not None for each in plan.services]
        found += [any(each.node.get(probe) for probe in PROBES) for each in plan.containers]
    return bool(found) and all(found)


@rule("image-healthcheck-missing", MAJOR, over=dockerfiles)
def healthcheck_missing(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A server's image without HEALTHCHECK, where nothing that runs it checks either."""
    serves = server_in(dockerfile, plan) is not None or dockerfile.ports
    if serves and check_in(dockerfile) is None and not _checked_outside(dockerfile, plan):
        yield (
            dockerfile.final.place,
            "has no HEALTHCHECK, and not everything that runs it has one: a hung server stays up",
        )


def absent_program(check: Check, what: str) -> str:
    """The sentence about a program that is not there."""
    return f"its health check runs {what}, which the image does not have: it is never healthy" if check.words else ""


@rule("image-healthcheck-program", CRITICAL, over=dockerfiles)
def healthcheck_program(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A health check by a program that the image does not have."""
    found = check_in(dockerfile)
    for program in found[0].programs if found else ():
        if found and contents_of(dockerfile, plan).has(program) is False:
            yield found[1].place, absent_program(found[0], program)


def other_port(check: Check, ports: set[int]) -> str:
    """The sentence about a port on which nothing listens; empty where it is right, or nobody can tell."""
    if check.port is None or not ports or check.port in ports:
        return ""
    return f"its health check asks port {check.port}, and it listens on {_listed(ports)}: it is never healthy"


def _listed(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


def other_path(check: Check, plan: Plan) -> str:
    """The sentence about a path that the application does not have."""
    if check.address is None or not no_route(check.address[1], plan):
        return ""
    return (
        f"its health check asks {check.address[1]}, and the application has no such route (it has {known_routes(plan)})"
    )


@rule("image-healthcheck-address", CRITICAL, over=dockerfiles)
def healthcheck_address(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A health check of a port on which nothing listens, or of a path that is not there."""
    found = check_in(dockerfile)
    if found:
        said = other_port(found[0], bound_by(dockerfile, plan)) or other_path(found[0], plan)
        if said:
            yield found[1].place, said


@rule("image-healthcheck-lenient", MAJOR, over=dockerfiles)
def healthcheck_lenient(dockerfile: Dockerfile, _plan: Plan) -> Iterator[Found]:
    """A health check by curl without -f."""
    found = check_in(dockerfile)
    if found and found[0].ignores_errors:
        yield found[1].place, "its health check runs curl without -f: an answer such as 500 counts as healthy"
