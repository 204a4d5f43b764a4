"""Rules about names that one Kubernetes object says and another has: variables, ConfigMaps, Secrets and their keys."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.config_uses import ConfigUse, uses_of_workload
from seatrial.plan.containers import Container, references
from seatrial.plan.kubernetes import Workload
from seatrial.plan.wiring import wiring_of
from seatrial.rules.kube_namespaces import is_forgotten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import Cluster

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def all_containers(plan: Plan) -> Iterator[Container]:
    """Every container, those that initialise too."""
    for workload in plan.workloads:
        yield from workload.init_containers
        yield from workload.containers


def _at_start(container: Container, plan: Plan) -> set[str] | None:
    """The variables that are there before `env`; None if files do not tell them all."""
    wiring, home = wiring_of(plan), cluster_of(plan).home(container.workload.namespace)
    found = set(_service_links(container, plan))
    for kind, name, prefix, _ in container.env_from:
        data = wiring.configs.get((kind, home, name))
        if data is None or "*" in data:
            return None
        found |= {prefix + key for key in data}
    return found


def _service_links(container: Container, plan: Plan) -> frozenset[str]:
    """The variables that Kubernetes makes of the Services of a namespace."""
    linked = container.workload.pod.get("enableServiceLinks").flag is not False
    return _links(plan, cluster_of(plan).home(container.workload.namespace) if linked else None)


@lru_cache(maxsize=256)
def _links(plan: Plan, home: str | None) -> frozenset[str]:
    services = [] if home is None else [each.name for each in cluster_of(plan).near("Service", home)]
    starts = [name.upper().replace("-", "_") for name in ["kubernetes", *services]]
    return frozenset(start + end for start in starts for end in ("_SERVICE_HOST", "_SERVICE_PORT", "_PORT"))


def _undefined(text: str, known: set[str]) -> list[str]:
    found = [name for _, name in references(text) if name not in known and not _is_link(name, known)]
    return list(dict.fromkeys(found))


def _is_link(name: str, known: set[str]) -> bool:
    """`REDIS_PORT_6379_TCP_ADDR`, `REDIS_SERVICE_PORT_METRICS`."""
    starts = (match[0] for match in re.finditer(r"^.+?_PORT(?=_)|^.+_SERVICE_PORT(?=_)", name))
    return any(start in known and f"{start.removesuffix('_PORT')}_SERVICE_HOST" in known for start in starts)


def _literal(names: list[str]) -> str:
    shown = ", ".join(f"$({name})" for name in names)
    return f"{shown}: {'it stays' if len(names) == 1 else 'they stay'} in the value as written"


@rule("kube-variable-undefined", CRITICAL, over=all_containers)
def variable_undefined(container: Container, plan: Plan) -> Iterator[Found]:
    """`$(NAME)` in env, command or args that nothing defines."""
    known = _at_start(container, plan)
    if known is None or cluster_of(plan).patched(container.workload.object):
        return
    everything = known | {variable.name for variable in container.env}
    for variable in container.env:
        others = everything - ({variable.name} - known)
        names = [name for name in _undefined(variable.value or "", others) if _VARIABLE.fullmatch(name)]
        if names:
            yield variable.node.get("value"), f"{variable.name} uses variables that nothing defines, {_literal(names)}"
    shell = any(re.fullmatch(r"-[a-z]*c", word) for word in container.words)
    for key in ("command", "args"):
        for word in container.node.get(key):
            names = _undefined(word.text, everything)
            names = [name for name in names if _VARIABLE.fullmatch(name)]
            if names:
                tail = "the shell takes it for a command" if shell else _literal(names).partition(": ")[2]
                shown = ", ".join(f"$({name})" for name in names)
                yield word, f"{key} uses variables that nothing defines, {shown}: {tail}"


@rule("kube-variable-late", CRITICAL, over=all_containers)
def variable_late(container: Container, plan: Plan) -> Iterator[Found]:
    """`$(NAME)` in env that is defined only further down."""
    known = _at_start(container, plan)
    if known is None:
        return
    everything = {variable.name for variable in container.env}
    for variable in container.env:
        names = [name for name in _undefined(variable.value or "", known) if name in everything - {variable.name}]
        if names:
            yield (
                variable.node.get("value"),
                f"{variable.name} uses what env defines only further down, {_literal(names)}",
            )
        known.add(variable.name)


def workloads(plan: Plan) -> list[Workload]:
    """Everything that runs pods."""
    return plan.workloads


def absent(workload: Workload, plan: Plan) -> Iterator[tuple[ConfigUse, list[str]]]:
    """Uses of what the namespace does not have, with the namespaces that do; one for each object."""
    cluster, configs = cluster_of(plan), wiring_of(plan).configs
    home = cluster.home(workload.namespace)
    if cluster.open or cluster.patched(workload.object):
        return
    told: set[tuple[str, str]] = set()
    for use in uses_of_workload(workload):
        name = use.kind, use.name
        outside = use.name in cluster.created or use.name == "kube-root-ca.crt" or _of_operator(use, workload, cluster)
        if use.optional or outside or name in told or (use.kind, home, use.name) in configs:
            continue
        told.add(name)
        elsewhere = {space for kind, space, other in configs if (kind, other) == name}
        if not is_forgotten(plan, workload.object) and not _all_forgotten(use, elsewhere, plan):
            yield use, sorted(elsewhere)


def _all_forgotten(use: ConfigUse, elsewhere: set[str], plan: Plan) -> bool:
    found = [cluster_of(plan).lookup(use.kind, space, use.name) for space in elsewhere]
    return bool(found) and all(each is not None and is_forgotten(plan, each) for each in found)


def _of_operator(use: ConfigUse, workload: Workload, cluster: Cluster) -> bool:
    return use.kind == "Secret" and cluster.operated(workload.namespace)


def _has_kind(kind: str, workload: Workload, plan: Plan) -> bool:
    home = cluster_of(plan).home(workload.namespace)
    return any((other, space) == (kind, home) for other, space, _ in wiring_of(plan).configs)


@rule("kube-config-missing", CRITICAL, over=workloads)
def config_missing(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A ConfigMap or Secret that its namespace does not have, though it has others or another namespace has it."""
    for use, elsewhere in absent(workload, plan):
        said = f"uses {use.kind} {use.name}, which namespace {workload.namespace} does not have"
        if elsewhere:
            yield use.name_node, f"{said}: it is in namespace {', '.join(elsewhere)}, and a pod sees only its own"
        elif _has_kind(use.kind, workload, plan):
            yield use.name_node, f"{said}: the container is not started"


@rule("kube-config-unseen", MAJOR, over=workloads)
def config_unseen(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A ConfigMap or Secret where no file has any of the kind for that namespace."""
    for use, elsewhere in absent(workload, plan):
        if not elsewhere and not _has_kind(use.kind, workload, plan):
            yield use.name_node, f"uses {use.kind} {use.name}, which no file and no command here creates"


@rule("kube-key-missing", CRITICAL, over=workloads)
def key_missing(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A key that a ConfigMap or Secret does not have."""
    cluster, configs = cluster_of(plan), wiring_of(plan).configs
    home = cluster.home(workload.namespace)
    for use in uses_of_workload(workload):
        data = configs.get((use.kind, home, use.name))
        if data is None or "*" in data or not use.key or use.optional or use.key in data:
            continue
        thing = cluster.lookup(use.kind, workload.namespace, use.name)
        patched = thing is not None and cluster.patched(thing) and use.key in cluster.patch_text
        if not patched and use.name not in cluster.created:
            has = ", ".join(sorted(data)[:8]) or "no keys"
            yield use.node, f"reads the key {use.key} of {use.kind} {use.name}, which has only {has}"
