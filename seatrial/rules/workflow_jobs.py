"""Rules about what jobs really do, what they wait for, and when they run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.deliveries import Event, events, runs_on
from seatrial.plan.expressions import UNKNOWN, condition, evaluate, truthy
from seatrial.plan.jobs import deploys, is_test, pushes, step_runs, test_commands
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.shell_flow import afterwards, commands_in, errexit_at, fails
from seatrial.plan.shell_words import text_of
from seatrial.rules.script_flow import short
from seatrial.rules.script_images import jobs, workflows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command
    from seatrial.plan.workflow import Job, Step, Workflow

DEPLOY = re.compile(r"(?i)(?:^|[^a-z])(?:re)?deploy|배포|roll-?out|ship-to|release-to|promote")
_IDLE = frozenset({
    "echo", "printf", ":", "true", "sleep", "date", "cat", "ls", "pwd", "env", "set", "umask", "mkdir", "chmod", "cd",
    "base64", "export", "exit", "tee", "which", "whoami", "test", "[", "cp", "mv", "touch", "tr", "cut", "head", "tail",
    "grep",
})  # fmt: skip
_LOOKS = frozenset({
    "version", "get", "describe", "cluster-info", "config use-context", "config set-context", "config set-cluster",
    "config set-credentials", "config view", "config current-context",
})  # fmt: skip
# Actions that fetch, set up or tell, and deploy nothing.
PREPARES = re.compile(
    r"^(?:actions/(?:checkout|setup-[\w-]+|cache|download-artifact|upload-artifact)"
    r"|docker/(?:login|setup-[\w-]+|metadata)-action|hashicorp/setup-\w+"
    r"|azure/(?:login|setup-kubectl|setup-helm|k8s-set-context|aks-set-context)"
    r"|aws-actions/(?:configure-aws-credentials|amazon-ecr-login)"
    r"|google-github-actions/(?:auth|setup-gcloud|get-gke-credentials)"
    r"|[\w-]+/[\w-]*(?:slack|notify|discord|telegram)[\w-]*)$",
    re.IGNORECASE,
)


def _idle(step: Step) -> bool:
    """Does a step change nothing outside of its machine?"""
    if step.node.get("uses").text:
        return bool(PREPARES.match(step.uses))
    if step.script is None:
        return not step.run
    calls = {id(call.command): call.verb for call in kube_calls(step.script)}
    own = [each for each in step.script.commands if not each.inside("function_definition")]
    return all(each.name in _IDLE or calls.get(id(each)) in _LOOKS or is_test(each) or _only_asks(each) for each in own)


def _only_asks(command: Command) -> bool:
    """Is it a request that only reads?"""
    text = command.text
    sends = re.search(r"\s-(?:X|d|F|T)|--(?:request|data|form|upload)|hook|deploy|trigger", text)
    return command.name == "curl" and not sends and "expr_" not in text


def _named_deploy(job: Job) -> bool:
    return bool(DEPLOY.search(f"{job.id} {job.node.get('name').text}")) or job.node.get("environment").written


@rule("workflow-deploys-nothing", CRITICAL, over=jobs)
def deploys_nothing(job: Job, _plan: Plan) -> Iterator[Found]:
    """A job that is there to deploy, and only says so."""
    gate = re.search(r"(?i)approv|gate|wait|notif|check|verify|plan|prepare", f"{job.id} {job.node.get('name').text}")
    if not job.steps or not _named_deploy(job) or gate or job.node.get("outputs").written:
        return
    if all(_idle(step) for step in job.steps):
        runs = [step for step in job.steps if step.run]
        what = "only prints messages" if runs else "has no step that deploys"
        yield job.node, f"deploys nothing: it {what}, and is green all the same"


def _tested(job: Job) -> bool:
    """Do tests run in it, or in a job that it waits for?"""
    return any(next(test_commands(job.workflow.jobs[name]), None) is not None for name in [*job.needed(), job.id])


@rule("workflow-deploy-untested", CRITICAL, over=workflows)
def deploy_untested(workflow: Workflow, plan: Plan) -> Iterator[Found]:
    """Deploys or pushes without waiting for the tests of the same workflow."""
    tests = [job for job in workflow.jobs.values() if next(test_commands(job), None) is not None]
    if (
        not tests
        or "workflow_run" in workflow.triggers
        or any(job.node.get("uses").text for job in workflow.jobs.values())
    ):
        return
    last = [job for job in workflow.jobs.values() if deploys(job, plan) or _named_deploy(job)]
    last = last or [job for job in workflow.jobs.values() if pushes(job)]
    roots: dict[str, list[str]] = {}
    for job in last:
        if not _tested(job) and _meets(job, tests):
            roots.setdefault(_root(job), []).append(job.id)
    for root, names in roots.items():
        ones = " and ".join(dict.fromkeys([root, *names]))
        said = f"{ones} run{'s' if ones == root else ''} even when {tests[0].id} fails"
        yield workflow.jobs[root].node, f"{said}: {root} does not wait for it"


def _meets(job: Job, tests: list[Job]) -> bool:
    """Is there an event that runs both the job and the tests?"""
    found = events(job.workflow)
    return any(
        runs_on(job, each) is not False and any(runs_on(test, each) is not False for test in tests) for each in found
    )


def _root(job: Job) -> str:
    """The first of the jobs that it waits for."""
    seen = {job.id}
    while job.needs and job.needs[0] in job.workflow.jobs and job.needs[0] not in seen:
        job = job.workflow.jobs[job.needs[0]]
        seen.add(job.id)
    return job.id


@rule("workflow-deploy-despite-failure", CRITICAL, over=jobs)
def deploy_despite_failure(job: Job, plan: Plan) -> Iterator[Found]:
    """A job that deploys whatever became of the jobs before it."""
    text = job.condition
    ignores = re.search(r"\balways\s*\(|!\s*cancelled\s*\(", text) and not re.search(
        r"success\s*\(|\.result\b|failure\s*\(", text
    )
    if ignores and job.needs and (deploys(job, plan) or pushes(job)):
        yield (
            job.node.get("if"),
            f"runs although {' or '.join(job.needs)} failed: always() and !cancelled() do not look at what came before",
        )


@rule("workflow-tests-cannot-fail", MAJOR, over=jobs)
def tests_cannot_fail(job: Job, _plan: Plan) -> Iterator[Found]:
    """Tests whose failure changes nothing."""
    for step, command in test_commands(job):
        ignored = next(
            (node for node in (step.node.get("continue-on-error"), job.node.get("continue-on-error")) if node.flag),
            None,
        )
        if ignored is not None:
            yield ignored, f"continue-on-error: {short(command)} may fail, and what follows runs all the same"
            return
        why = _forgives(command)
        if why:
            yield command.place, f"{short(command)} cannot fail: {why}"


def _forgives(command: Command) -> str:
    """What hides the failure of a command; empty where nothing does."""
    for node in command.above():
        if (
            node.type == "list"
            and node.children[1].type == "||"
            and node.named_children[0].end_byte >= command.node.end_byte
        ):
            right = commands_in(command.script, [node.named_children[1]])
            if right and not any(fails(each) or is_test(each) for each in right) and right[-1].name in _SOFT:
                return f"|| {right[-1].name} makes it a success"
        if (
            node.type == "pipeline"
            and node.named_children[-1].start_byte > command.node.start_byte
            and not command.script.pipefail
        ):
            return f"the status of the pipe is that of {text_of(node.named_children[-1]).split()[0]}"
    after = afterwards(command.node)
    ignored = not command.tested and not errexit_at(command) and after
    used = any("$?" in text_of(each) or "PIPESTATUS" in text_of(each) for each in after[:1])
    return "set +e lets the step go on, and nothing looks at the status" if ignored and not used else ""


_SOFT = ("true", ":", "echo", "exit", "printf", "return")


@rule("workflow-job-never-runs", MAJOR, over=jobs)
def job_never_runs(job: Job, _plan: Plan) -> Iterator[Found]:
    """A condition that no event of the workflow fulfils."""
    node = job.node.get("if")
    found = events(job.workflow)
    if not node.text or not found or re.search(r"\bfalse\b", job.condition):  # switched off on purpose
        return
    values = [evaluate(job.condition, each.values) for each in found]
    if all(value is not UNKNOWN and not truthy(value) for value in values):
        has = f"{', '.join(job.workflow.triggers)}{_branches(job.workflow)}"
        yield node, f"no event of this workflow fulfils this, so {job.id} never runs: on has only {has}"


def _branches(workflow: Workflow) -> str:
    push = workflow.triggers.get("push")
    names = [*push.get("branches").texts(), *push.get("tags").texts()] if push is not None else []
    return f" (push to {', '.join(names)})" if names else ""


@rule("workflow-pull-request-pushes", MAJOR, over=jobs)
def pull_request_pushes(job: Job, plan: Plan) -> Iterator[Found]:
    """A pull request that pushes an image or deploys."""
    asked = [each for each in events(job.workflow) if each.name == "pull_request" and runs_on(job, each)]
    if not asked:
        return
    for push in pushes(job):
        if _step_runs(push.step, asked[0]) and _wants_push(push.step, asked[0]):
            node = push.step.inputs.get("push")
            where = node if node.written else push.node
            yield where, "pushes an image for each pull request, before anybody has looked at it"
            return
    for step in job.steps:
        changes = step.script is not None and any(
            call.verb in ("set image", "apply", "rollout restart") for call in kube_calls(step.script)
        )
        if (changes or step_runs(step, plan)) and deploys(job, plan) and _step_runs(step, asked[0]):
            yield job.node, f"{job.id} deploys for each pull request, before anybody has looked at it"
            return


def _step_runs(step: Step, event: Event) -> bool:
    text = step.node.get("if").text
    value = evaluate(condition(text), event.values) if text else True
    return value is not UNKNOWN and truthy(value)


def _wants_push(step: Step, event: Event) -> bool:
    text = step.input("push")
    if not text.strip().startswith("${{"):
        return text != "false"
    value = evaluate(condition(text), event.values)
    return value is not UNKNOWN and truthy(value)
