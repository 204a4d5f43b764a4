"""Rules about health checks of Compose services: absent, or such that they cannot work."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.binds import bound_in
from seatrial.plan.built import dockerfile_of
from seatrial.plan.compose_links import given
from seatrial.plan.datastores import datastore_of
from seatrial.plan.health import Check
from seatrial.plan.image_contents import contents_of
from seatrial.plan.image_programs import has_program
from seatrial.plan.wiring import UNKNOWN
from seatrial.rules.compose_start import has_health, runs_once
from seatrial.rules.image_command import services
from seatrial.rules.image_health import absent_program, other_path, other_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.nodes import Node

_OPERATORS = frozenset({"||", "&&", "|", ";", ">", "2>&1"})


def _check(service: Service) -> tuple[Check, Node] | None:
    own = service.healthcheck
    if own is None or own.disabled or not own.words:
        return None
    test = own.node.get("test")
    return Check(tuple(own.words), own.shell or not test.is_list), test


@rule("compose-healthcheck-missing", MAJOR, over=services)
def healthcheck_missing(service: Service, plan: Plan) -> Iterator[Found]:
    """A datastore, or something that others depend on, without a health check."""
    conditions = [each.depends_on.get(service.name) for each in service.project.services.values()]
    needed = any(conditions)
    store = datastore_of(service.image) is not None and not service.node.get("entrypoint")
    if "service_healthy" in conditions:
        return  # that is worse, and told where it is written
    if (needed or store) and not runs_once(service) and has_health(service, plan) is False:
        yield service.place, "has no healthcheck: nothing can wait for it, and nobody sees when it hangs"


@rule("compose-healthcheck-form", CRITICAL, over=services)
def healthcheck_form(service: Service, _plan: Plan) -> Iterator[Found]:
    """A health check in a form that Compose refuses, or that runs no shell where one is needed."""
    test = service.node.get("healthcheck", "test")
    words = test.texts() if test.is_list else []
    head = words[0] if words else ""
    if words and head not in ("CMD", "CMD-SHELL", "NONE"):
        yield test, f"its health check begins with {head[:40]}, not with CMD or CMD-SHELL: Compose refuses it"
    elif head == "CMD" and len(words) == 2 and " " in words[1].strip():
        yield (
            test,
            "its health check is one word with blanks in it after CMD: no program has that name, it is never healthy",
        )
    elif head == "CMD" and _OPERATORS & set(words) and words[1].rsplit("/", maxsplit=1)[-1] not in ("sh", "bash"):
        operator = next(word for word in words if word in _OPERATORS)
        yield (
            test,
            f"its health check gives {operator} to {words[1]} as an argument: CMD has no shell (use CMD-SHELL)",
        )
    elif head == "CMD-SHELL" and len(words) > 2:
        yield test, f"its health check runs only {words[1][:40]}: CMD-SHELL takes one text, and the rest is lost"


@rule("compose-healthcheck-program", CRITICAL, over=services)
def healthcheck_program(service: Service, plan: Plan) -> Iterator[Found]:
    """A health check by a program that the image does not have."""
    found = _check(service)
    dockerfile = dockerfile_of(service, plan)
    for program in found[0].programs if found else ():
        there = contents_of(dockerfile, plan).has(program) if dockerfile else None
        there = has_program(service.image, program) if not service.builds else there
        if found and there is False:
            yield found[1], absent_program(found[0], program)


@rule("compose-healthcheck-address", CRITICAL, over=services)
def healthcheck_address(service: Service, plan: Plan) -> Iterator[Found]:
    """A health check of a port on which nothing listens, or of a path that is not there."""
    found = _check(service)
    if found:
        said = other_port(found[0], bound_in(service, plan))
        said = said or (other_path(found[0], plan) if dockerfile_of(service, plan) else "")
        if said:
            yield found[1], said


@rule("compose-healthcheck-lenient", MAJOR, over=services)
def healthcheck_lenient(service: Service, _plan: Plan) -> Iterator[Found]:
    """A health check by curl without -f."""
    found = _check(service)
    if found and found[0].ignores_errors:
        yield found[1], "its health check runs curl without -f: an answer such as 500 counts as healthy"


@rule("compose-healthcheck-login", MINOR, over=services)
def healthcheck_login(service: Service, _plan: Plan) -> Iterator[Found]:
    """pg_isready as a user, or for a database, that does not exist."""
    found, store = _check(service), datastore_of(service.image)
    if found is None or store is None or store.name != "postgres" or service.node.get("entrypoint"):
        return
    made = {name: each.value for name, each in given(service).items()}
    user = made.get("POSTGRES_USER", "postgres")
    database = made.get("POSTGRES_DB", user)
    words = next((words for words in found[0].commands if words[:1] == ["pg_isready"]), [])
    asked = _option(words, "-U", "--username")
    wanted = _option(words, "-d", "--dbname") or asked
    if not words or UNKNOWN in user + database or "$" in asked + wanted or not asked:
        return
    tail = "the server writes an error into its log at every check"
    if asked != user:
        yield found[1], f"its health check asks as {asked}, and there is only the user {user}: {tail}"
    elif wanted not in (database, "postgres", "template1"):
        yield found[1], f"its health check asks for the database {wanted}, and there is only {database}: {tail}"


def _option(words: list[str], *names: str) -> str:
    for before, after in pairwise(words):
        if before in names:
            return after
    return next((word.partition("=")[2] for word in words if word.partition("=")[0] in names), "")


@rule("compose-healthcheck-password", CRITICAL, over=services)
def healthcheck_password(service: Service, _plan: Plan) -> Iterator[Found]:
    """redis-cli without the password that the server demands, where its answer is looked at."""
    found = _check(service)
    if found is None or "--requirepass" not in " ".join(service.command) or "REDISCLI_AUTH" in service.values:
        return
    words = next((words for words in found[0].commands if words[:1] == ["redis-cli"]), [])
    given_here = any(word in ("-a", "--pass", "--askpass") or word.startswith("-u") for word in words)
    if words and not given_here and "REDISCLI_AUTH" not in found[0].text and "PONG" in found[0].text:
        yield (
            found[1],
            "its health check gives no password to redis-cli, and the server demands one: it is never healthy",
        )
