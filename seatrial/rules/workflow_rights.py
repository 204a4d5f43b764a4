"""Rules about what a job needs before it can do its work: files, logins, permissions, credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.images import parts, whole
from seatrial.plan.jobs import Push, pushes, scripts_of, step_runs
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.shell_words import Tree, text_of
from seatrial.rules.script_images import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.shell import Script
    from seatrial.plan.workflow import Job, Step

_TOKEN = re.compile(r"(?i)secrets\.GITHUB_TOKEN|github\.token|secrets_GITHUB_TOKEN|\bGITHUB_TOKEN\b")
_LOGIN = re.compile(r"\blogin\b|configure-docker|get-login|\.docker/config|DOCKER_CONFIG|DOCKER_AUTH")
_KUBECONFIG = re.compile(
    r"KUBECONFIG|\.kube\b|--kubeconfig|--server|--token|update-kubeconfig|get-credentials|set-credentials|kubeconfig"
    r"|\b(?:kind|k3d|minikube|k3s|microk8s|doctl|tsh|eksctl|civo|linode-cli|oc login)\b",
    re.IGNORECASE,
)
_NO_CLUSTER = re.compile(
    r"^(?:actions/(?:checkout|setup-[\w-]+|cache|(?:down|up)load-artifact)|docker/[\w-]+|azure/setup-(?:kubectl|helm))$"
)


def _registry(name: str) -> str:
    return whole(name).partition("/")[0]


def _with_token(step: Step, job: Job) -> bool:
    """Does the login before a push use the workflow's own token?"""
    logins = [each for each in job.steps if each.uses == "docker/login-action" and "ghcr.io" in each.input("registry")]
    texts = [each.inputs.get("password").text for each in logins]
    texts += [each.run for each in job.steps if "docker login" in each.run and "ghcr.io" in each.run]
    texts += [node.text for each in job.steps if "docker login" in each.run for node in each.variables.values()]
    return any(_TOKEN.search(text) for text in texts) and step.job is job


def _pushes_with_token(job: Job) -> bool:
    return any(_registry(parts(push.image)[0]) == "ghcr.io" and _with_token(push.step, job) for push in pushes(job))


@rule("workflow-push-no-right", CRITICAL, over=jobs)
def push_no_right(job: Job, _plan: Plan) -> Iterator[Found]:
    """Pushes to ghcr.io with a token that may not."""
    right = job.right("packages")
    if right not in ("", "write") and _pushes_with_token(job):
        node = job.rights.get("packages")
        where = node if node.written else job.rights
        yield where, f"{job.id} pushes to ghcr.io, and its token has packages: {right}: the push is refused"


@rule("workflow-push-right-unsaid", MAJOR, over=jobs)
def push_right_unsaid(job: Job, _plan: Plan) -> Iterator[Found]:
    """Pushes to ghcr.io where no permissions are written."""
    if not job.right("packages") and _pushes_with_token(job):
        said = f"{job.id} pushes to ghcr.io, and no permissions are written"
        yield job.node, f"{said}: where the repository's token is read-only, GitHub's default, the push is refused"


@rule("workflow-oidc-no-right", CRITICAL, over=jobs)
def oidc_no_right(job: Job, _plan: Plan) -> Iterator[Found]:
    """Signs in to a cloud with the workflow's identity, without the right to ask for it."""
    for step in job.steps:
        wants = {
            "aws-actions/configure-aws-credentials": step.inputs.get("role-to-assume")
            if not step.inputs.get("aws-access-key-id")
            else None,
            "google-github-actions/auth": step.inputs.get("workload_identity_provider"),
            "azure/login": step.inputs.get("client-id") if not step.inputs.get("creds") else None,
        }.get(step.uses.lower())
        if wants and job.right("id-token") != "write" and "workflow_call" not in job.workflow.triggers:
            yield (
                step.node.get("uses"),
                f"signs in with the identity of {job.id}, which needs permissions id-token: write: the sign-in fails",
            )


def _uses_files(step: Step, plan: Plan) -> str:
    """A file of the repository that a step needs; empty where it needs none, or nobody can tell."""
    if step.uses == "docker/build-push-action" and step.inputs.get("context").text.startswith("."):
        return f"context {step.inputs.get('context').text}"
    for run in step_runs(step, plan):
        if run.script is not None:
            return run.path
    return _used_by_commands(step.script) if step.script else ""


def _used_by_commands(script: Script) -> str:
    for command in script.commands:
        words = command.program
        if words[:2] == ["pip", "install"] and "-r" in words[:-1]:
            return words[words.index("-r") + 1]
        if command.name == "docker" and "build" in words[1:3] and words[-1] == ".":
            return "."
    files = [call.option("-f", "--filename") for call in kube_calls(script) if call.verb == "apply"]
    named = [file[0] for file in files if file and re.match(r"[\w.]", file[0]) and "://" not in file[0]]
    return next(iter(named), "")


@rule("workflow-no-checkout", CRITICAL, over=jobs)
def no_checkout(job: Job, plan: Plan) -> Iterator[Found]:
    """Uses files of the repository that it never fetched."""
    for step in job.steps:
        fetched = re.search(
            r"\bgit\s+(?:clone|fetch|pull)|\bgh\s+(?:repo|release)|\btar\b|\bcurl\b|\bwget\b|\bunzip\b", step.run
        )
        if step.uses == "actions/checkout" or "checkout" in step.uses or "download" in step.uses or fetched:
            return
        file = _uses_files(step, plan)
        if file and job.hosted:
            yield step.node, f"needs {file} of the repository, and no step before it checks the repository out"
            return


@rule("workflow-no-login", CRITICAL, over=jobs)
def no_login(job: Job, plan: Plan) -> Iterator[Found]:
    """Pushes to a registry without signing in there."""
    found = pushes(job)
    if not found or not job.hosted:
        return
    before = job.steps[: job.steps.index(found[0].step) + 1]
    if any(_may_log_in(step, plan) for step in before):
        return
    known = [step for step in before if step.uses == "docker/login-action"]
    wanted = _registry(parts(found[0].image)[0])
    if not known:
        yield _push_place(found[0]), f"pushes to {wanted}, and no step before it signs in there: the push is refused"
    elif "$" not in wanted:
        given = [each.input("registry") or "docker.io" for each in known]
        if not any("$" in each or each.removeprefix("https://").rstrip("/") == wanted for each in given):
            yield (
                _push_place(found[0]),
                f"pushes to {wanted}, and signs in only at {', '.join(given)}: the push is refused",
            )


def _push_place(push: Push) -> Node:
    return push.node


def _may_log_in(step: Step, plan: Plan) -> bool:
    """May a step sign in somewhere, in a way that is not told here?"""
    if step.uses == "docker/login-action":
        return False
    if step.node.get("uses").text:
        return not re.match(r"actions/(?:checkout|setup-|cache)|docker/(?:setup|metadata|build-push|bake)", step.uses)
    return any(_LOGIN.search(script.text) for script in scripts_of(step, plan))


@rule("workflow-no-cluster", CRITICAL, over=jobs)
def no_cluster(job: Job, plan: Plan) -> Iterator[Found]:
    """Calls kubectl on a machine that knows no cluster."""
    if not job.hosted or job.node.get("container").written:
        return
    for step in job.steps:
        texts = [script.text for script in scripts_of(step, plan)] + list(step.variables) + [step.run]
        if any(_KUBECONFIG.search(text) for text in texts) or (
            step.node.get("uses").text and not _NO_CLUSTER.match(step.uses)
        ):
            return
        calls = [call for script in scripts_of(step, plan) for call in kube_calls(script)]
        offline = ("version", "kustomize", "config view")
        if any(call.verb not in offline and "--dry-run=client" not in call.words for call in calls):
            yield (
                step.node,
                "calls kubectl, and nothing before it says which cluster and who we are: there is no kubeconfig",
            )
            return


@rule("workflow-export-lost", CRITICAL, over=jobs)
def export_lost(job: Job, plan: Plan) -> Iterator[Found]:
    """A variable that is exported in one step and needed in another."""
    kept = "\n".join(line for step in job.steps for line in step.run.split("\n") if "GITHUB_ENV" in line)
    for number, step in enumerate(job.steps):
        for node, name in _exports(step):
            reader = next((each for each in job.steps[number + 1 :] if _needs(each, name, plan)), None)
            if (
                reader is not None
                and not re.search(rf"\b{name}\b", kept)
                and "{" not in kept
                and step.script is not None
            ):
                said = f"{name} is exported for this step only: the later step {reader.name[:40]!r} does not have it"
                yield step.script.place(node), said


def _exports(step: Step) -> Iterator[tuple[Tree, str]]:
    for node in step.script.of("declaration_command") if step.script else ():
        match = re.match(r"export\s+([A-Z_][A-Z0-9_]*)=", text_of(node))
        if match and match[1] != "PATH" and match[1] not in step.variables:
            yield node, match[1]


def _needs(step: Step, name: str, plan: Plan) -> bool:
    """Does a step use a variable, or a program that reads it, without setting it itself?"""
    if step.script is None or name in step.variables or re.search(rf"\b{name}=", step.run):
        return False
    if re.search(rf"\$\{{?{name}\b", step.run):
        return True
    calls = [call for script in scripts_of(step, plan) for call in kube_calls(script)]
    return name == "KUBECONFIG" and any("--kubeconfig" not in call.words for call in calls)
