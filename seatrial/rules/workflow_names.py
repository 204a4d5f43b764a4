"""Rules about names in workflows: jobs, steps, outputs, contexts, files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.expressions import expressions, paths
from seatrial.rules.script_images import jobs, workflows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.workflow import Job, Step, Workflow

# Where a context is not there, by GitHub's table "Context availability".
_JOB_IF = frozenset({"github", "needs", "vars", "inputs"})
_STEP_IF = _JOB_IF | {"strategy", "matrix", "job", "runner", "env", "steps"}
_JOB_KEYS = frozenset({"github", "needs", "strategy", "matrix", "vars", "inputs"})
_PROGRAMS = re.compile(
    r"\.(?:sh|py|js|ts|rb)\b|\./|\b(?:python|node|make|npm|npx|yarn|pnpm|poetry|uv|go|cargo|source)\b"
)
_URL = frozenset({"env", "secrets", "steps", "job", "runner"})  # an environment's url is made at the end
_CONTEXTS = frozenset(
    {"github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "secrets", "inputs", "steps", "jobs"}
)


@rule("workflow-needs-unknown", CRITICAL, over=jobs)
def needs_unknown(job: Job, _plan: Plan) -> Iterator[Found]:
    """`needs` that names no job."""
    for name in job.needs:
        if name not in job.workflow.jobs and "$" not in name:
            has = ", ".join(job.workflow.jobs)
            yield (
                job.node.get("needs"),
                f"{job.id} needs {name}, which is no job of this workflow ({has}): GitHub refuses the file",
            )
        elif name == job.id or (_waits_for(job.workflow.jobs.get(name), job) and job.id < name):
            yield job.node.get("needs"), f"{job.id} and {name} wait for each other: GitHub refuses the file"


def _waits_for(job: Job | None, other: Job) -> bool:
    return job is not None and other.id in job.needed()


def _used(node: Node) -> Iterator[tuple[Node, list[str]]]:
    """The contexts that a part of a workflow reads, with their places."""
    for each in node.walk():
        for _, inside in expressions(each.text) if each.text else ():
            for path in paths(inside):
                yield each, path


def _uses_of_step(step: Step) -> Iterator[tuple[Node, list[str]]]:
    yield from _used(step.node)
    condition = step.node.get("if")
    if condition.text and "${{" not in condition.text:
        yield from ((condition, path) for path in paths(condition.text))


@rule("workflow-reference-unknown", MAJOR, over=jobs)
def reference_unknown(job: Job, _plan: Plan) -> Iterator[Found]:
    """An expression that reads a step, a job or an output that is not there."""
    before: list[Step] = []
    for step in job.steps:
        for node, path in _uses_of_step(step):
            why = _unknown_step(path, before, job) or _unknown_need(path, job) or _unknown_matrix(path, job)
            if why:
                yield node, f"{'.'.join(path)} is always empty: {why}"
        before.append(step)
    for node, path in [*_used(job.node.get("outputs")), *_used(job.node.get("env"))]:
        why = _unknown_step(path, job.steps, job) or _unknown_need(path, job)
        if why:
            yield node, f"{'.'.join(path)} is always empty: {why}"


def _unknown_step(path: list[str], before: list[Step], job: Job) -> str:
    if path[0] != "steps" or len(path) < 3:
        return ""
    found = next((step for step in before if step.node.get("id").text == path[1]), None)
    if found is None:
        late = any(step.node.get("id").text == path[1] for step in job.steps)
        return "that step comes later" if late else f"no step of {job.id} has the id {path[1]}"
    if path[2] != "outputs" or len(path) < 4 or found.script is None:
        return ""
    writes = re.search(rf"\b{re.escape(path[3])}\b|\$\{{?\w+\}}?=", found.run)
    return "" if writes or _PROGRAMS.search(found.run) else f"the step {path[1]} never writes {path[3]}"


def _unknown_need(path: list[str], job: Job) -> str:
    if path[0] != "needs" or len(path) < 2 or path[1] == "*":
        return ""
    if path[1] not in job.needs:
        known = path[1] in job.workflow.jobs
        return f"{job.id} does not need {path[1]} itself" if known else f"there is no job {path[1]}"
    other = job.workflow.jobs.get(path[1])
    if other is None or other.node.get("uses").text or len(path) < 4 or path[2] != "outputs":
        return ""
    return "" if path[3] in set(other.node.get("outputs").keys()) else f"{path[1]} has no output {path[3]}"


def _unknown_matrix(path: list[str], job: Job) -> str:
    matrix = job.node.get("strategy", "matrix")
    if path[0] != "matrix" or len(path) < 2 or matrix.text or "${{" in str(matrix.get("include").text):
        return ""
    names = set(matrix.keys()) | {key for entry in matrix.get("include") for key, _ in entry.items()}
    return (
        "" if path[1] in names else f"the matrix of {job.id} has no {path[1]}" if names else f"{job.id} has no matrix"
    )


def _conditions(job: Job) -> Iterator[Node]:
    for node in [job.node.get("if"), *(step.node.get("if") for step in job.steps)]:
        if node.text:
            yield node


@rule("workflow-if-always-true", CRITICAL, over=jobs)
def if_always_true(job: Job, _plan: Plan) -> Iterator[Found]:
    """A condition that is a text, and a text is true."""
    for node in _conditions(job):
        if "${{" in node.text and not re.fullmatch(r"\$\{\{((?!\}\}).)*\}\}", node.text, re.DOTALL):
            rest = re.sub(r"\$\{\{.*?\}\}", "", node.text, flags=re.DOTALL)
            what = (
                "the line end behind }}"
                if not rest.strip()
                else f"what stands outside of ${{{{ }}}} ({' '.join(rest.split())[:40]})"
            )
            yield node, f"is true whatever happens: with {what} it is a text that is not empty"


@rule("workflow-context-unavailable", CRITICAL, over=jobs)
def context_unavailable(job: Job, _plan: Plan) -> Iterator[Found]:
    """A context that is not there where it is used."""
    for node, allowed in [(job.node.get("if"), _JOB_IF), *((step.node.get("if"), _STEP_IF) for step in job.steps)]:
        text = node.text
        insides = [inside for _, inside in expressions(text)] or [text]
        yield from _unavailable(node, [path for inside in insides for path in paths(inside)], allowed, "if")
    for key in ("runs-on", "concurrency", "environment", "timeout-minutes", "strategy", "container", "services"):
        allowed = _JOB_KEYS if key not in ("container", "services") else _JOB_KEYS | {"env", "secrets", "job", "runner"}
        for node, path in _used(job.node.get(key)):
            yield from _unavailable(node, [path], allowed | (_URL if key == "environment" else frozenset()), key)


@rule("workflow-env-of-env", CRITICAL, over=workflows)
def env_of_env(workflow: Workflow, _plan: Plan) -> Iterator[Found]:
    """A variable of the workflow or of a job that is made of others with `env`."""
    for node, path in _used(workflow.node.get("env")):
        yield from _unavailable(node, [path], frozenset({"github", "secrets", "inputs", "vars"}), "the workflow's env")
    for job in workflow.jobs.values():
        for node, path in _used(job.node.get("env")):
            yield from _unavailable(node, [path], _JOB_KEYS | {"secrets"}, "a job's env")


def _unavailable(node: Node, found: list[list[str]], allowed: frozenset[str], where: str) -> Iterator[Found]:
    for path in found:
        if path[0] in _CONTEXTS and path[0] not in allowed:
            yield node, f"uses {'.'.join(path[:2])}, and {path[0]} is not there in {where}: GitHub refuses the file"
            return
