"""Rules about variables: what the code reads, against what those who start it give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import dockerfile_of, image_here
from seatrial.plan.cluster import cluster_of
from seatrial.plan.compose import Service
from seatrial.plan.compose_links import given
from seatrial.plan.containers import Container, references
from seatrial.plan.likeness import alike
from seatrial.plan.settings_read import Reading, readings
from seatrial.plan.wiring import wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile
    from seatrial.plan.nodes import Node

# Keys by which the application itself decides whom to believe: with a known one anybody may sign.
_SIGNS = re.compile(
    r"(?:.*_)?(?:SECRET|SECRET_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY|FERNET_?KEY|JWT_?(?:KEY|SECRET)|SESSION_?KEY|CSRF_?KEY"
    r"|(?:ADMIN|ROOT|BASIC_AUTH)_?(?:PASSWORD|PASS|TOKEN))",
    re.IGNORECASE,
)
# Variables that libraries and servers read by themselves.
_OF_OTHERS = re.compile(
    r"(?:UVICORN|GUNICORN|HYPERCORN|OTEL|AWS|SENTRY|CELERY|FLASK|DJANGO|PYTHON|PIP|WEB|NEW_RELIC|DD|PG|PROMETHEUS|JAVA|NODE"
    r"|KUBERNETES|POD|HTTPS?|NO|GOOGLE|AZURE|ELASTIC|LOGSTASH|SQLALCHEMY|HF|OPENAI)_.*|TZ|LANG|LC_.*|PATH|HOME|HOSTNAME"
)

# Libraries that put a prefix before the names that the code says.
_PREFIXES = re.compile(r"env_prefix|\benvirons\b|\bdecouple\b|\bdynaconf\b|from_prefixed_env|starlette\.config")


@rule("app-secret-default", MAJOR, over=readings)
def secret_default(reading: Reading, plan: Plan) -> Iterator[Found]:
    """A key that stands in the source, for the case that none is given."""
    default = reading.default or ""
    if len(default) > 3 and _SIGNS.fullmatch(reading.name) and not is_checked(reading, plan):
        said = f"where {reading.name} is not given, a key that stands in this file is taken"
        yield reading.place, f"{said}: nothing fails, and whoever reads the code can forge what it signs"


def is_checked(reading: Reading, plan: Plan) -> bool:
    """Is the default looked for later, so that it cannot stay in earnest?"""
    default = re.escape(reading.default or "")
    pattern = re.compile(
        rf"(?:==|!=|\bin\b|startswith\()[^\n]*[\"']{default}[\"']|[\"']{default}[\"']\s*(?:==|!=|in\b)"
    )
    text = plan.sources[reading.place.file].text
    constant = re.search(rf"(?m)^(\w+)\s*=\s*[\"']{default}[\"']", text)
    return bool(pattern.search(text)) or bool(constant and text.count(constant[1]) > 2)


def places(plan: Plan) -> list[Service | Container]:
    """The services and containers that run the one application whose code is here."""
    if len(plan.dockerfiles) != 1 or not readings(plan):
        return []
    found: list[Service | Container] = [each for each in plan.services if dockerfile_of(each, plan)]
    here = {image: image_here(image, plan) is not None for image in {each.image for each in plan.containers}}
    return found + [each for each in plan.containers if here[each.image]]


def _given(place: Service | Container, plan: Plan) -> dict[str, Node] | None:
    """The variables that a place gives, each with where it is written; None where not all of them are told."""
    if isinstance(place, Service):
        if place.node.get("env_file").written and not place.env_files:
            return None
        return {name: each.node for name, each in given(place).items()}
    if cluster_of(plan).patched(place.workload.object) or not _all_told(place, plan):
        return None
    used = {name for entry in place.env for _, name in references(entry.value or "")}
    used |= {name for word in place.words for _, name in references(word)}
    found = {name: each.entry for name, each in wiring_of(plan).settings(place).items() if name not in used}
    return found | {entry.name: entry.node for entry in place.env if entry.name not in used}


def _all_told(container: Container, plan: Plan) -> bool:
    home = cluster_of(plan).home(container.workload.namespace)
    configs = wiring_of(plan).configs
    data = [configs.get((kind, home, name)) for kind, name, _, _ in container.env_from]
    return all(each is not None and "*" not in each for each in data)


def _image(place: Service | Container, plan: Plan) -> Dockerfile | None:
    return dockerfile_of(place, plan) if isinstance(place, Service) else image_here(place.image, plan)


@rule("app-variable-misnamed", CRITICAL, over=places)
def variable_misnamed(place: Service | Container, plan: Plan) -> Iterator[Found]:
    """A variable that nobody reads, where the code reads one of nearly that name and does not get it."""
    mine, image = _given(place, plan), _image(place, plan)
    if mine is None or image is None or any("load_dotenv" in each for each in _texts(plan)):
        return
    known = {name.upper() for name in (*mine, *image.variables)}
    lacking = {each.name: each for each in readings(plan) if each.name.upper() not in known}
    for name, node in mine.items():
        if _OF_OTHERS.fullmatch(name) or _mentioned(name, plan):
            continue
        wanted = [each for other, each in lacking.items() if alike(name, other)]
        if len(wanted) == 1:
            reading = wanted[0]
            where = f"{reading.place.file}:{reading.place.line}"
            then = ", and falls back to what stands there" if reading.default else ", which it does not get"
            yield node, f"gives {name}, which nothing reads: the code reads {reading.name} ({where}){then}"


def _texts(plan: Plan) -> list[str]:
    """All that may read a variable: code, scripts, Dockerfiles, configuration of programs."""
    endings = (".py", ".sh", ".toml", ".ini", ".cfg", ".conf", ".js", ".ts", ".go", ".java", ".rb", ".php")
    return [
        source.text
        for path, source in plan.sources.items()
        if (path.suffix in endings and path.name != "seatrial.toml")
        or "Dockerfile" in path.name
        or plan.kinds.get(path) == "shell"
    ]


def _mentioned(name: str, plan: Plan) -> bool:
    """Does any of them speak of a variable, by its name or by the end of it behind a prefix?"""
    own = any(name.lower() == each.name.lower() for each in readings(plan))
    pattern = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])")
    texts = _texts(plan)
    if any("BaseSettings" in text for text in texts):  # whose fields are in small letters
        pattern = re.compile(pattern.pattern, re.IGNORECASE)
    prefixed = any(_PREFIXES.search(source.text) for path, source in plan.sources.items() if path.suffix == ".py")
    return own or prefixed or any(pattern.search(text) for text in texts)
