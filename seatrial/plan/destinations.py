"""Where a job deploys to: by which credentials, which cluster, which context. May two jobs reach different places?"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.jobs import deploying, kube_deploys, scripts_of, step_runs
from seatrial.plan.kubectl import kube_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.kubectl import Call
    from seatrial.plan.shell import Script
    from seatrial.plan.workflow import Job, Step

_EXPRESSION = re.compile(r"\b(?:secrets|vars|inputs|matrix|needs|steps)\s*(?:\.\s*[\w.-]+|\[[^\]]*\])")
_TELLS = re.compile(r"(?i)kube|context|cluster|credential|login|token|server|namespace|oc\b|ssh|host")
_CHOOSES = re.compile(r"(?i)-context\b|set-cluster|kubeconfig|\.kube\b|get-credentials|kubens|kubectx|login|--server")
# Actions that say nothing of a cluster.
_SILENT = re.compile(
    r"^(?:actions/(?:checkout|setup-[\w-]+|cache|(?:up|down)load-artifact)|docker/[\w-]+|azure/setup-(?:kubectl|helm)"
    r"|[\w-]+/[\w-]*(?:slack|notify|discord|telegram)[\w-]*)$",
    re.IGNORECASE,
)
STAGING = re.compile(
    r"(?i)stag(?:e|ing)|(?:^|[^a-z])(?:dev(?:elop(?:ment)?)?|qa|test|uat|sandbox)(?![a-z])|스테이징|개발"
)
_REWRITES = re.compile(r"\b(?:sed|yq|envsubst|kustomize|helm|perl|gomplate)\b")
PRODUCTION = re.compile(r"(?i)prod(?:uction)?|(?:^|[^a-z])live(?![a-z])|운영|프로덕션")


def environment(job: Job) -> str:
    """The environment of GitHub that a job belongs to, whose secrets may be its own."""
    node = job.node.get("environment")
    return node.text or node.get("name").text


def _texts(step: Step) -> Iterator[str]:
    """What a step says that may choose a cluster: its commands, its variables, what it gives to an action."""
    if step.node.get("uses").text:
        if not _SILENT.match(step.uses):
            yield f"uses {step.node.get('uses').text}"
            yield from (f"{key}={step.filled(node.text)}" for key, node in step.inputs.items())
        return
    for name, node in step.variables.items():
        if _TELLS.search(name) or "secrets." in node.text or "vars." in node.text:
            yield f"{name}={step.filled(node.text)}"
    for line in step.filled(step.run).split("\n"):
        plain = line.strip()
        if plain and not plain.startswith("#") and (_TELLS.search(plain) or "${{" in plain):
            yield plain


@lru_cache(maxsize=256)
def _signature(job: Job, plan: Plan) -> frozenset[str]:
    """All by which its cluster may be chosen; the steps that deploy are looked at one by one elsewhere."""
    found = {f"runs-on {job.node.get('runs-on').texts()}", f"environment {environment(job)}"}
    for step in job.steps:
        chosen = list(_texts(step))
        if step.script is not None and (step_runs(step, plan) or deploying(step.script)):
            named = [match[0] for text in chosen for match in _EXPRESSION.finditer(text)]
            chosen = named + [text for text in chosen if _CHOOSES.search(text)]
        found |= set(chosen)
    return frozenset(found)


def same_place(one: Job, other: Job, plan: Plan) -> bool:
    """Do two jobs come to one cluster, with one account? False where anything may tell them apart."""
    return _signature(one, plan) == _signature(other, plan)


def callers(script: Script, plan: Plan) -> list[Job]:
    """The jobs that run a script of the plan."""
    jobs = [job for workflow in plan.workflows for job in workflow.jobs.values()]
    return [job for job in jobs if any(run.script is script for step in job.steps for run in step_runs(step, plan))]


def staged(plan: Plan) -> Iterator[tuple[Job, Job]]:
    """A job that deploys to a staging, and the one of its workflow that deploys to production."""
    for workflow in plan.workflows:
        named = [(job, f"{job.id} {job.node.get('name').text}") for job in workflow.jobs.values()]
        named = [(job, name) for job, name in named if kube_deploys(job, plan)]
        production = next((job for job, name in named if PRODUCTION.search(name)), None)
        for job, name in named if production is not None else ():
            if STAGING.search(name) and not PRODUCTION.search(name) and production is not None:
                yield job, production


def applied(job: Job, plan: Plan) -> Iterator[tuple[Call, str]]:
    """The files that a job applies as they lie in the repository, each with its call; none that a step may rewrite."""
    for step in job.steps:
        for script in scripts_of(step, plan):
            if _REWRITES.search(script.text):
                return
            for call in kube_calls(script):
                given = call.option("-f", "--filename") if call.verb == "apply" else None
                if given and re.fullmatch(r"[\w./-]*\w[\w./-]*", given[0]) and "--dry-run=client" not in call.words:
                    yield call, given[0]
