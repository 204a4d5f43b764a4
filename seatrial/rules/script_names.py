"""Rules about names that scripts say and manifests have: workloads, containers, namespaces, labels."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.images import shown
from seatrial.plan.kubectl import Call, kube_calls
from seatrial.plan.shell_values import known
from seatrial.rules.kube_namespaces import is_forgotten
from seatrial.rules.script_flow import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.shell import Script

_VERBS = frozenset({
    "set image", "set env", "set resources", "rollout status", "rollout undo", "rollout restart", "rollout history",
    "rollout pause", "rollout resume", "scale", "get", "patch", "exec", "logs", "port-forward", "annotate", "label",
    "autoscale", "describe", "wait", "expose",
})  # fmt: skip
_CHECKED = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Service",
    "ConfigMap",
    "Ingress",
    "CronJob",
    "PersistentVolumeClaim",
)
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@lru_cache(maxsize=2)
def told(plan: Plan) -> bool:
    """Do the files tell all that the cluster runs?"""
    cluster = cluster_of(plan)
    return bool(plan.workloads) and not cluster.open and not cluster.renamed


def _made(plan: Plan, name: str) -> bool:
    """Does a command of a script make something of this name?"""
    pattern = re.compile(rf"\b(?:create|run|install|upgrade|clone|expose)\b[^\n]*[\s/\"']{re.escape(name)}\b")
    return any(pattern.search(script.text) for script in plan.all_scripts if name in script.text)


def _asks_whether(call: Call) -> bool:
    """Does a script only ask whether something is there?"""
    return call.verb in ("get", "describe") and (call.command.tested or "--ignore-not-found" in call.words)


@rule("script-object-missing", CRITICAL, over=scripts)
def object_missing(script: Script, plan: Plan) -> Iterator[Found]:
    """A name in a call of kubectl that no manifest has."""
    if not told(plan):
        return
    seen: set[tuple[str, str]] = set()
    for call in kube_calls(script):
        for kind, name, written in call.targets if call.verb in _VERBS and not _asks_whether(call) else ():
            if kind in _CHECKED and (kind, name) not in seen and _is_missing(kind, name, plan):
                seen.add((kind, name))
                yield call.where(written), f"names {kind} {name}, which no manifest has: {_listed(kind, plan)}"


def _is_missing(kind: str, name: str, plan: Plan) -> bool:
    cluster = cluster_of(plan)
    if not known(name) or not _NAME.fullmatch(name) or not plan.of_kind(kind) or name in cluster.created:
        return False
    if any(kind == other and name == generated for other, generated in _generated(plan)):
        return False
    named = cluster.named.get((kind, name)) or any(cluster.operated(each.namespace) for each in plan.objects)
    return not named and not _made(plan, name)


def _generated(plan: Plan) -> set[tuple[str, str]]:
    return {(kind, name) for each in plan.kustomizations for kind, name, _, _ in each.generated()}


def _listed(kind: str, plan: Plan) -> str:
    names = sorted({each.name for each in plan.of_kind(kind)})
    return (
        f"there {'is' if len(names) == 1 else 'are'} only {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}"
    )


def workloads_of(call: Call, plan: Plan) -> list[Workload]:
    """The workloads that a call names."""
    wanted = {(kind, name) for kind, name, _ in call.targets}
    return [each for each in plan.workloads if (each.kind, each.name) in wanted]


@rule("script-container-missing", CRITICAL, over=scripts)
def container_missing(script: Script, plan: Plan) -> Iterator[Found]:
    """`set image` for a container that the workload does not have."""
    for call in kube_calls(script):
        for workload in workloads_of(call, plan) if call.verb == "set image" else ():
            names = {each.name for each in [*workload.containers, *workload.init_containers]}
            for number, written in enumerate(call.words):
                name, equals, _ = call.filled[number].partition("=")
                if (
                    equals
                    and not written.startswith("-")
                    and known(name)
                    and name not in names
                    and _NAME.fullmatch(name)
                ):
                    has = ", ".join(sorted(names))
                    yield (
                        call.where(written.partition("=")[0]),
                        f"sets the image of container {name}, and {workload.label} has only {has}",
                    )


@rule("script-namespace-wrong", CRITICAL, over=scripts)
def namespace_wrong(script: Script, plan: Plan) -> Iterator[Found]:
    """A call of kubectl in a namespace that does not have what it names."""
    if not told(plan) or re.search(r"\b(?:sed|envsubst|yq|kustomize|helm)\b", script.text):
        return
    cluster = cluster_of(plan)
    seen: set[str] = set()
    for call in kube_calls(script):
        given = call.namespace
        if given is None or given[0] in seen or call.verb not in _VERBS:
            continue
        for kind, name, _ in call.targets:
            found = [each for each in cluster.named.get((kind, name), []) if not is_forgotten(plan, each)]
            homes = {each.namespace for each in found}
            if homes and "default" not in homes and not any(_may_be(given[0], home, plan) for home in homes):
                seen.add(given[0])
                where = ", ".join(sorted(homes))
                yield (
                    call.where(given[1]),
                    f"looks for {kind} {name} in namespace {shown(given[0])}, and it is in {where}",
                )


def _may_be(text: str, namespace: str, plan: Plan) -> bool:
    """May a namespace as a script writes it be that of a manifest?"""
    cluster = cluster_of(plan)
    if known(text):
        return cluster.home(text) == cluster.home(namespace)
    pieces = re.split(r"\$\{\w+\}|\$\w+", text)
    plain = "".join(pieces)
    if not re.fullmatch(r"[a-z0-9-]+", plain):
        return True
    return re.fullmatch(".+".join(map(re.escape, pieces)), namespace) is not None


@rule("script-labels-missing", CRITICAL, over=scripts)
def labels_missing(script: Script, plan: Plan) -> Iterator[Found]:
    """A selector of pods that no workload's pods have."""
    cluster = cluster_of(plan)
    if not told(plan) or any(cluster.operated(each.namespace) for each in plan.objects):
        return
    for call in kube_calls(script):
        given = call.option("-l", "--selector")
        pods = {"pod", "pods", "po"} & set(call.operands)
        if given is None or not pods or call.verb not in ("get", "wait", "logs", "exec", "delete"):
            continue
        wanted = selector(given[0])
        if wanted and not any(wanted.items() <= cluster.labels(each).items() for each in plan.workloads):
            yield call.where(given[1]), f"selects pods by {given[0]}, and no workload's pods have that"


def selector(text: str) -> dict[str, str]:
    """`a=b,c=d` in pairs; empty where it is more than that, or not told."""
    found = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or not known(value.lstrip("=")) or not known(key) or key.endswith("!"):
            return {}
        found[key] = value.lstrip("=")
    return found


@rule("script-switches-to-nothing", CRITICAL, over=scripts)
def switches_to_nothing(script: Script, plan: Plan) -> Iterator[Found]:
    """A patch that gives a Service a selector that no pods have."""
    cluster = cluster_of(plan)
    for call in kube_calls(script):
        given = call.option("-p", "--patch")
        names = [name for kind, name, _ in call.targets if kind == "Service"]
        if call.verb != "patch" or given is None or not names or not told(plan):
            continue
        wanted = _patched_selector(given[0])
        for service in cluster.services_named(names[0]) if wanted else ():
            merged = {**service.selector, **wanted}
            if not any(merged.items() <= cluster.labels(each).items() for each in plan.workloads):
                shown = ", ".join(f"{key}={value}" for key, value in merged.items())
                yield call.where(given[1]), f"leads {service.label} to pods with {shown}, which no workload has"


def _patched_selector(text: str) -> dict[str, str]:
    try:
        patch = json.loads(text.replace('\\"', '"'))
        pairs = patch["spec"]["selector"]
        return {key: value for key, value in pairs.items() if known(value)} if all(map(known, pairs.values())) else {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


@lru_cache(maxsize=512)
def workload_of(script: Script, plan: Plan) -> Workload | None:
    """The one workload that a script deploys or looks at; None if there are several, or nobody can tell."""
    found: dict[int, Workload] = {}
    cluster = cluster_of(plan)
    for call in kube_calls(script):
        if any(kind in _WORKLOADS and not known(name) for kind, name, _ in call.targets):
            return None
        found |= {id(each.object): each for each in workloads_of(call, plan)}
        given = call.option("-l", "--selector")
        wanted = selector(given[0]) if given else {}
        found |= {
            id(each.object): each
            for each in plan.workloads
            if wanted and wanted.items() <= cluster.labels(each).items()
        }
    return next(iter(found.values())) if len(found) == 1 else None
