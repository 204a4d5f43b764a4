"""Rules on drift: one component that is not the same in Compose, in Kubernetes and in the pipeline's tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, MINOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.counterparts import Pair, pairs_of
from seatrial.plan.datastores import datastore_of, repository, tag
from seatrial.plan.wiring import UNKNOWN, wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.wiring import Setting
    from seatrial.plan.workflow import Job

_APPENDS = re.compile(r"--appendonly['\"]?\s+['\"]?yes")
_PASSWORD = re.compile(r"--requirepass\s+\S")


def major_of(image: str) -> int | None:
    """The major version of a datastore's image."""
    match = re.match(r"(?:pg)?(\d+)", tag(image))
    return int(match[1]) if match and datastore_of(image) else None


def _overridden(image: str, plan: Plan) -> bool:
    """Does a kustomization write another tag?"""
    names = {entry.get("name").text for each in plan.kustomizations for entry in each.node.get("images")}
    return repository(image) in names


@rule("drift-version", MAJOR, over=pairs_of)
def version(pair: Pair, plan: Plan) -> Iterator[Found]:
    """Two major versions of one datastore."""
    here, there = major_of(pair.service.image), major_of(pair.container.image)
    if here and there and here != there and not _overridden(pair.container.image, plan):
        said = f"runs {pair.container.image}, and Compose has {pair.service.image} for it"
        yield pair.container.node.get("image"), f"{said}: what works on one does not have to work on the other"


def jobs_with_services(plan: Plan) -> list[Job]:
    """The jobs of workflows that have service containers."""
    return [job for workflow in plan.workflows for job in workflow.jobs.values() if job.node.get("services")]


@rule("drift-tests-version", MAJOR, over=jobs_with_services)
def tests_version(job: Job, plan: Plan) -> Iterator[Found]:
    """The tests run against another major version than is deployed."""
    for _, service in job.node.get("services").items():
        image = service.get("image").text
        store, mine = datastore_of(image), major_of(image)
        deployed = {version for name, version in _deployed(plan) if store and name == store.name}
        if store and mine and len(deployed) == 1 and mine not in deployed and "$" not in image:
            yield service.get("image"), f"tests against {image}, and {store.name} {deployed.pop()} is deployed"


def _deployed(plan: Plan) -> Iterator[tuple[str, int]]:
    images = [service.image for service in plan.services if service.image]
    images += [container.image for container in plan.containers if container.workload.lasting]
    for image in images:
        store, major = datastore_of(image), major_of(image)
        if store and major:
            yield store.name, major


def _words(pair: Pair) -> tuple[str, str] | None:
    """What a Redis is started with on both sides; None where a file that is mounted may say more."""
    here = " ".join(text for key in ("entrypoint", "command") for text in pair.service.node.get(key).texts())
    there = " ".join(pair.container.words)
    return None if pair.store not in ("redis", "valkey") or ".conf" in here + there else (here, there)


@rule("drift-persistence", MAJOR, over=pairs_of)
def persistence(pair: Pair, _: Plan) -> Iterator[Found]:
    """A Redis that keeps its data on one side only."""
    words = _words(pair)
    if words and bool(_APPENDS.search(words[0])) != bool(_APPENDS.search(words[1])):
        yield from _only(
            pair,
            lacks_here=not _APPENDS.search(words[0]),
            what="keeps an append-only file",
            lost="loses its data at a restart",
        )


@rule("drift-password", MAJOR, over=pairs_of)
def password(pair: Pair, _: Plan) -> Iterator[Found]:
    """A Redis that asks for a password on one side only."""
    words = _words(pair)
    if words and bool(_PASSWORD.search(words[0])) != bool(_PASSWORD.search(words[1])):
        yield from _only(
            pair, lacks_here=not _PASSWORD.search(words[0]), what="asks for a password", lost="lets everybody in"
        )


def _only(pair: Pair, *, lacks_here: bool, what: str, lost: str) -> Iterator[Found]:
    if lacks_here:
        command = pair.service.node.get("command")
        yield (
            (command if command.written else pair.service.place),
            f"{what} on Kubernetes ({pair.container.workload.label}), and here it {lost}",
        )
    else:
        node = (
            pair.container.node.get("args") if pair.container.node.get("args") else pair.container.node.get("command")
        )
        yield (
            (node if node.written else pair.container.place),
            f"{what} in Compose ({pair.service.name}), and here it {lost}",
        )


@rule("drift-database", MINOR, over=pairs_of)
def database(pair: Pair, plan: Plan) -> Iterator[Found]:
    """Two names for the database, or for its user."""
    settings = wiring_of(plan).settings(pair.container)
    for name in ("POSTGRES_DB", "POSTGRES_USER") if pair.store == "postgres" else ():
        here = pair.service.values.get(name)
        there = settings[name].value if name in settings else None
        if here and there and here != there and UNKNOWN not in there and "$" not in there:
            said = f"{name} is {there}, and {here} in Compose"
            yield settings[name].node, f"{said}: scripts and tests that name one fail on the other"


@rule("drift-port", MAJOR, over=pairs_of)
def port(pair: Pair, plan: Plan) -> Iterator[Found]:
    """One application, two ports."""
    ports = {each.target for each in pair.service.ports}
    settings = wiring_of(plan).settings(pair.container)
    told = [*pair.service.values, *settings, *pair.service.command, *pair.container.words]
    free = any("PORT" in word.upper() and "_PORT" not in word.upper() for word in told)
    if pair.store or len(ports) != 1 or len(pair.container.ports) != 1 or free or pair.container.words:
        return
    here, there = next(iter(ports)), next(iter(pair.container.ports))
    if here != there:
        node = pair.container.node.get("ports", 0, "containerPort")
        yield node, f"its port is {there}, and {here} in Compose, where the same program runs with the same command"


def _given(pair: Pair, plan: Plan) -> tuple[dict[str, str], dict[str, Setting]] | None:
    """The variables on both sides; None where a file does not tell all of them."""
    configs = plan.configs
    home = cluster_of(plan).home(pair.container.workload.namespace)
    names = {(kind, cluster_of(plan).home(namespace), name): data for (kind, namespace, name), data in configs.items()}
    for kind, name, _, _ in pair.container.env_from:
        data = names.get((kind, home, name))
        if data is None or "*" in data:
            return None
    if pair.service.node.get("env_file").written and not pair.service.env_files:
        return None
    return {
        name: pair.service.value_of(name) or "" for name in pair.service.environment
    } | pair.service.env_files, wiring_of(plan).settings(pair.container)


@rule("drift-variable", MAJOR, over=pairs_of)
def variable(pair: Pair, plan: Plan) -> Iterator[Found]:
    """A variable that the application has on one side only."""
    given = _given(pair, plan) if not pair.store else None
    if given is None or cluster_of(plan).patched(pair.container.workload.object):
        return
    here, there = given
    for name in here if there else ():
        if name not in there and _counts(name, pair, plan) and not _in_parts(name, set(there)):
            yield pair.container.place, f"has no {name}, which Compose gives to {pair.service.name}"
    for name, setting in there.items() if here else ():
        foreign = (
            setting.entry.get("valueFrom", "fieldRef").written
            or setting.entry.get("valueFrom", "resourceFieldRef").written
        )
        if (
            name not in here
            and not foreign
            and (_needed(name, plan) or (_read(name, plan) and _kept_secret(setting)))
            and not _in_parts(name, set(here))
        ):
            yield pair.service.place, f"has no {name}, which {pair.container.workload.label} gives to it on Kubernetes"


def _code(plan: Plan) -> list[str]:
    return [source.text for path, source in plan.sources.items() if path.suffix == ".py" and "tests" not in path.parts]


def _read(name: str, plan: Plan) -> bool:
    """Does the code speak of a variable, by its own name or as a field of its settings?"""
    return any(re.search(rf"\b{name}\b|^\s+{name.lower()}\s*:", text, re.MULTILINE) for text in _code(plan))


def _needed(name: str, plan: Plan) -> bool:
    """Does the code end without it?"""
    pattern = rf"environ\w*\[\s*[\"']{name}[\"']\s*\]|^\s+{name.lower()}\s*:\s*\w+\s*$"
    return any(re.search(pattern, text, re.MULTILINE) for text in _code(plan))


def _counts(name: str, pair: Pair, plan: Plan) -> bool:
    """Does it matter? What has a default of its own in the code counts where it is a secret or an address."""
    node: Node | None = pair.service.environment.get(name)
    value = node.text if node is not None else ""
    secret = "://" in value or re.search(r"\$\{?\w+(?::?\?[^}]*)?\}?$", value) is not None
    if _code(plan):
        return _needed(name, plan) or (_read(name, plan) and secret)
    return secret or any(name in data for data in plan.configs.values())


def _kept_secret(setting: Setting) -> bool:
    """Does it come out of a Secret, by its key or by `envFrom`?"""
    return setting.entry.get("valueFrom", "secretKeyRef").written or setting.value is None


def _in_parts(name: str, names: set[str]) -> bool:
    """May the other side give it as host, port and password, or the parts as one URL?"""
    stem = name.partition("_")[0]
    kin = {
        "DATABASE": ("DB", "POSTGRES", "PG", "DATABASE"),
        "DB": ("DATABASE",),
        "POSTGRES": ("DATABASE", "DB"),
        "PG": ("DATABASE",),
    }
    stems = kin.get(stem, (stem,))
    if name.endswith(("_URL", "_URI", "_DSN")):
        return any(
            other.startswith(tuple(f"{each}_" for each in stems)) and other.endswith(("HOST", "SERVER"))
            for other in names
        )
    parts = name.endswith(("_HOST", "_PORT", "_DB", "_USER", "_NAME", "_PASSWORD"))
    return parts and any(
        other.startswith(tuple(f"{each}_" for each in (stem, *stems))) and other.endswith(("_URL", "_URI", "_DSN"))
        for other in names
    )
