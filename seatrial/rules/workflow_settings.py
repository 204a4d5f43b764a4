"""Rules about how jobs are set up: machines, actions and commands that are gone, versions, time, concurrency."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.images import parts, shown, written_at
from seatrial.plan.jobs import deploys, kube_deploys, pushes
from seatrial.plan.shell_values import may_set, values_of
from seatrial.rules.script_arguments import plain_uses
from seatrial.rules.script_images import jobs, workflows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.workflow import Job, Step, Workflow

_GONE_LABELS = frozenset({
    "ubuntu-16.04", "ubuntu-18.04", "ubuntu-20.04", "macos-10.15", "macos-11", "macos-12", "macos-13", "windows-2016",
    "windows-2019",
})  # fmt: skip
_LABEL = re.compile(
    r"(?:ubuntu-(?:latest|slim|\d\d\.\d\d)|windows-(?:latest|\d{4}|11-arm)|macos-(?:latest|\d\d))(?:-\S+)?"
)
_GONE_ACTIONS = {
    "actions/upload-artifact": ("v1", "v2", "v3"), "actions/download-artifact": ("v1", "v2", "v3"),
    "actions/cache": ("v1", "v2"),
}  # fmt: skip
# Actions that set no variable that a script would use.
_QUIET = re.compile(
    r"actions/(?:checkout|setup-python|setup-node|cache|(?:up|down)load-artifact)|docker/|azure/(?:setup-|k8s-deploy)|codecov/"
)
_VERSIONS = re.compile(r"(python|go|node|ruby|php|dotnet)-version")
_ALWAYS = frozenset({
    "HOME", "PATH", "USER", "SHELL", "PWD", "OLDPWD", "LANG", "LC_ALL", "TMPDIR", "HOSTNAME", "CI", "RANDOM", "SECONDS",
    "LINENO", "BASH_SOURCE", "IFS", "UID", "EUID", "PPID", "OPTARG", "OPTIND", "PIPESTATUS", "BASHPID", "FUNCNAME",
    "REPLY", "TERM", "LOGNAME", "ImageOS", "ImageVersion", "JAVA_HOME", "ANDROID_HOME", "pythonLocation", "GOROOT",
    "GOPATH", "CONDA", "DEBIAN_FRONTEND", "BASH_VERSION", "OSTYPE", "EDITOR", "DISPLAY",
})  # fmt: skip
_GIVEN = re.compile(
    r"(?:GITHUB|RUNNER|ACTIONS|INPUT|BASH|expr|XDG|CARGO|RUST|NVM|DOTNET|AZURE|VCPKG|SWIFT|JAVA_HOME|ANDROID)_\w*"
)


@rule("workflow-runner-gone", CRITICAL, over=jobs)
def runner_gone(job: Job, _plan: Plan) -> Iterator[Found]:
    """A machine that GitHub does not have (any more)."""
    node = job.node.get("runs-on")
    matrix = job.node.get("strategy", "matrix")
    labels = [(each, each.text) for each in (node if node.is_list else [node])]
    used = re.findall(r"matrix\.(\w+)", node.text)
    labels += [(each, each.text) for name in used for each in matrix.get(name)]
    for where, text in labels:
        if text in _GONE_LABELS:
            yield where, f"runs on {text}, which GitHub has taken away: the job waits and never starts"
        elif re.match(r"(?:ubuntu|windows|macos)-", text) and not _LABEL.fullmatch(text):
            yield where, f"runs on {text}, which is no machine of GitHub: the job waits and never starts"


def steps(plan: Plan) -> list[Step]:
    """Every step of every job."""
    return [step for job in jobs(plan) for step in job.steps]


@rule("workflow-action-gone", CRITICAL, over=jobs)
def action_gone(job: Job, _plan: Plan) -> Iterator[Found]:
    """An action in a version that GitHub has switched off."""
    for step in job.steps:
        if step.version.split(".")[0] in _GONE_ACTIONS.get(step.uses, ()):
            yield step.node.get("uses"), f"{step.uses}@{step.version} is switched off: the job fails at this step"


@rule("workflow-action-branch", MINOR, over=jobs)
def action_branch(job: Job, _plan: Plan) -> Iterator[Found]:
    """An action from a branch that anybody of its owners may change at any time."""
    for step in job.steps:
        if step.version in ("main", "master", "develop", "dev", "latest", "HEAD", "trunk") and not step.uses.startswith(
            "."
        ):
            yield (
                step.node.get("uses"),
                f"takes {step.uses} from {step.version}: tomorrow it may be another program, with this job's secrets",
            )


@rule("workflow-command-gone", MAJOR, over=jobs)
def command_gone(job: Job, _plan: Plan) -> Iterator[Found]:
    """A workflow command that GitHub has taken away or is about to."""
    for step in job.steps:
        for command in step.script.commands if step.script else ():
            match = re.search(r"::(set-env|add-path|set-output|save-state)\s+name=|::(add-path)::", command.text)
            if match and command.name in ("echo", "printf"):
                name = match[1] or match[2]
                how = "is refused" if name in ("set-env", "add-path") else "is deprecated, and will be refused"
                file = {"set-env": "GITHUB_ENV", "add-path": "GITHUB_PATH", "save-state": "GITHUB_STATE"}.get(
                    name, "GITHUB_OUTPUT"
                )
                yield command.place, f"::{name} {how}: write to ${file}"


@rule("workflow-version-number", MAJOR, over=jobs)
def version_number(job: Job, _plan: Plan) -> Iterator[Found]:
    """A version without quotes that YAML reads as another number."""
    matrix = job.node.get("strategy", "matrix")
    places = [(key, node) for step in job.steps for key, node in step.inputs.items() if _VERSIONS.fullmatch(key)]
    places += [(key, node) for key, node in matrix.items() if "version" in key or key in ("python", "go", "node")]
    for key, node in places:
        for each in node if node.is_list else [node]:
            if each.tag == "float" and re.fullmatch(r"\d+\.\d*0", each.text):
                yield (
                    each,
                    f"{key}: {each.text} without quotes is the number {each.text.rstrip('0')}: write '{each.text}'",
                )


@rule("workflow-python-differs", MINOR, over=jobs)
def python_differs(job: Job, plan: Plan) -> Iterator[Found]:
    """Tests on another Python than the image runs."""
    bases = [match[1] for each in plan.dockerfiles for stage in each.lineage(each.final)
             if (match := re.match(r"(?:docker\.io/)?(?:library/)?python:(\d+\.\d+)", stage.base))]  # fmt: skip
    for step in job.steps:
        node = step.inputs.get("python-version")
        text = step.input("python-version")
        told = step.uses == "actions/setup-python" and bases and re.fullmatch(r"\d+\.\d+(\.\d+)?", text)
        if told and ".".join(text.split(".")[:2]) not in bases:
            runs = ", ".join(sorted(set(bases)))
            yield node, f"tests on Python {text}, and the image runs {runs}: another is tested than runs"


def _concurrency(job: Job) -> Node:
    own = job.node.get("concurrency")
    return own if own.written else job.workflow.node.get("concurrency")


@rule("workflow-deploys-at-once", MAJOR, over=workflows)
def deploys_at_once(workflow: Workflow, plan: Plan) -> Iterator[Found]:
    """Two pushes in a row whose deployments run beside each other."""
    found = [job for job in workflow.jobs.values() if kube_deploys(job, plan) and not _concurrency(job).written]
    if found and "push" in workflow.triggers:
        names = " and ".join(job.id for job in found)
        has = "has" if len(found) == 1 else "have"
        yield found[0].node, f"{names} {has} no concurrency: of two pushes in a row the older may come last"


@rule("workflow-deploy-cancelled", MAJOR, over=workflows)
def deploy_cancelled(workflow: Workflow, plan: Plan) -> Iterator[Found]:
    """Deployments that the next push breaks off in the middle; one finding for the jobs of one setting."""
    found: dict[int, tuple[Node, list[str]]] = {}
    for job in workflow.jobs.values():
        node = _concurrency(job).get("cancel-in-progress")
        if node.flag and deploys(job, plan) and kube_deploys(job, plan):
            found.setdefault(node.line, (node, []))[1].append(job.id)
    for node, names in found.values():
        said = f"the next push breaks {' and '.join(names)} off in the middle"
        yield node, f"{said}: a rollout stays half done, and no rollback runs"


@rule("workflow-deploy-unlimited", MINOR, over=jobs)
def deploy_unlimited(job: Job, plan: Plan) -> Iterator[Found]:
    """A job that deploys or pushes, and may hang for six hours."""
    limited = job.node.get("timeout-minutes").written or all(
        step.node.get("timeout-minutes").written for step in job.steps
    )
    if not limited and kube_deploys(job, plan):
        yield (
            job.node,
            f"{job.id} has no timeout-minutes: one that hangs is stopped after 6 hours, and blocks those behind it",
        )


@rule("workflow-deploy-no-environment", MINOR, over=jobs)
def deploy_no_environment(job: Job, plan: Plan) -> Iterator[Found]:
    """A deployment to production that belongs to no environment of GitHub."""
    said = f"{job.id} {job.node.get('name').text}"
    if kube_deploys(job, plan) and not job.node.get("environment").written and re.search(r"(?i)prod|live|운영", said):
        yield job.node, f"{job.id} has no environment: nobody has to approve it, and its secrets are open to every job"


@rule("workflow-variable-undefined", MAJOR, over=jobs)
def variable_undefined(job: Job, _plan: Plan) -> Iterator[Found]:
    """A variable in the commands of a step that nothing sets."""
    kept = "\n".join(step.run for step in job.steps if "GITHUB_ENV" in step.run)
    if any("${{" in name for step in job.steps for name in step.variables):
        return  # names that only the run tells
    for step in job.steps:
        if step.node.get("uses").text and not _QUIET.match(step.uses):
            return  # it may set anything
        if step.script is None or re.search(r"(?m)^\s*(?:source|\.)\s|\beval\b|\bread\b", step.run):
            continue
        known = values_of(step.script).assigned | set(step.variables) | _ALWAYS
        told: set[str] = set()
        for name, node in plain_uses(step.script):
            if name in known | told or _GIVEN.fullmatch(name) or may_set(step.run + kept, name):
                continue
            told.add(name)
            yield step.script.place(node), f"uses {name}, which neither this step nor its job sets: it is empty"


@rule("workflow-image-uppercase", CRITICAL, over=jobs)
def image_uppercase(job: Job, _plan: Plan) -> Iterator[Found]:
    """A pushed image whose name has capitals, which no registry takes."""
    for push in pushes(job):
        name = shown(parts(push.image)[0])
        told_parts = re.sub(r"<[^>]*>", "", name)
        if re.search(r"[A-Z]", told_parts):
            yield written_at(push), f"pushes {name}: the name of an image may have no capitals, so the build fails"
            return
