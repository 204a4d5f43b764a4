"""Rules about images: what the pipeline builds and pushes against what the scripts and manifests run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.datastores import repository
from seatrial.plan.images import (
    SetImage,
    all_pushes,
    all_set_images,
    parts,
    same,
    set_images,
    shown,
    tag_form,
    written_at,
)
from seatrial.plan.jobs import Run, pushes, scripts_of, step_runs
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.parameters import POSITIONAL, parameters
from seatrial.plan.shell_values import known
from seatrial.rules.script_flow import scripts
from seatrial.rules.script_names import workloads_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.files import Place
    from seatrial.plan.jobs import Push
    from seatrial.plan.nodes import Node
    from seatrial.plan.shell import Script
    from seatrial.plan.workflow import Job, Workflow

_RENAMES = re.compile(r"kustomize\s+edit|\bsed\b[^\n]*image|envsubst|\byq\b")
_VAGUE = re.compile(r"<(?!sha>|short sha>)")  # made from a branch or a tag: it may be any word
_RENDERS = re.compile(r"\b(?:sed|envsubst|yq|kustomize|helm|skaffold|perl|awk|set image|rollout restart)\b")


def workflows(plan: Plan) -> list[Workflow]:
    """Every workflow."""
    return plan.workflows


def jobs(plan: Plan) -> list[Job]:
    """Every job of every workflow."""
    return [job for workflow in plan.workflows for job in workflow.jobs.values()]


def renames(plan: Plan) -> bool:
    """Does something give the images of manifests other names before they are applied?"""
    return any(
        re.search(r"kustomize\s+edit|\bsed\b[^\n]*image|envsubst|\byq\b", each.text) for each in plan.all_scripts
    )


def _manifest_nodes(each: SetImage, plan: Plan) -> list[Node]:
    """The image in the manifests of the container that a script gives another one."""
    containers = [container for workload in workloads_of(each.call, plan) for container in workload.containers]
    nodes = [container.node.get("image") for container in containers if each.container in (container.name, "*")]
    return [node for node in nodes if node.text]


def _manifest_images(each: SetImage, plan: Plan) -> list[str]:
    return [node.text for node in _manifest_nodes(each, plan)]


@rule("script-image-not-pushed", CRITICAL, over=scripts)
def image_not_pushed(script: Script, plan: Plan) -> Iterator[Found]:
    """A script that deploys another image than the pipeline pushes."""
    pushed = [parts(push.image)[0] for push in all_pushes(plan)]
    for each in set_images(script):
        name = parts(each.image)[0]
        if not pushed or name.startswith("$") or any(same(name, other) for other in pushed):
            continue
        manifest = [parts(image)[0] for image in _manifest_images(each, plan)]
        agreed = any(same(name, image) for image in manifest)
        if not agreed or any(same(image, other) for image in manifest for other in pushed):
            yield (
                each.place,
                f"deploys {shown(name)}, and the pipeline pushes {shown(pushed[0])}: what was built never runs",
            )


@rule("script-image-not-of-manifest", MAJOR, over=scripts)
def image_not_of_manifest(script: Script, plan: Plan) -> Iterator[Found]:
    """A script that sets another image than the manifest has, where the pipeline pushes none, or that of the script."""
    pushed = [parts(push.image)[0] for push in all_pushes(plan)]
    if renames(plan) or any(each.node.get("images") for each in plan.kustomizations):
        return
    for each in set_images(script):
        name = parts(each.image)[0]
        odd = [node for node in _manifest_nodes(each, plan) if not same(name, parts(node.text)[0])]
        if name.startswith("$") or not odd or len(odd) < len(_manifest_nodes(each, plan)):
            continue
        if not pushed:
            said = f"sets {shown(name)}, and the manifest has {parts(odd[0].text)[0]}"
            yield each.place, f"{said}: the next apply goes back to another image"
        elif any(same(name, other) for other in pushed):
            said = f"runs {parts(odd[0].text)[0]}, and {shown(name)} is what the pipeline pushes and {script.file} sets"
            yield odd[0], f"{said}: each apply goes back to another image"


@rule("script-image-constant", MAJOR, over=scripts)
def image_constant(script: Script, _plan: Plan) -> Iterator[Found]:
    """`set image` with the same text every time."""
    if any(call.verb == "rollout restart" for call in kube_calls(script)):
        return
    for each in set_images(script):
        if known(each.image) and "@" not in each.image:
            yield each.place, f"sets {each.image} every time: when the text does not change, nothing is rolled out"


def _deployed(plan: Plan, pushed: list[str]) -> list[str]:
    """What is deployed of our own: set by scripts, built by Compose, or named like what is pushed."""
    own = [parts(each.image)[0] for each in all_set_images(plan)]
    own += [entry.get("newName").text for each in plan.kustomizations for entry in each.node.get("images")]
    own += [repository(image) for each in all_set_images(plan) for image in _manifest_images(each, plan)]
    own += [repository(service.image) for service in plan.services if service.builds and service.image]
    own = [name for name in own if name and not name.startswith("$")]
    if own:
        return own
    ends = {end for name in pushed for end in (name.rpartition("/")[2], *name.split("/")[-2:-1]) if "$" not in end}
    near = [repository(each.image) for each in plan.containers if each.image]
    found = [name for name in near if ends & {name.rpartition("/")[2], *name.split("/")[-2:-1]} and "/" in name]
    return found if all(same(found[0], other) for other in found) else []


@rule("workflow-image-not-deployed", CRITICAL, over=workflows)
def image_not_deployed(workflow: Workflow, plan: Plan) -> Iterator[Found]:
    """A pipeline that pushes another image than anything deploys."""
    found = [push for job in workflow.jobs.values() for push in pushes(job) if push.image]
    names = [parts(push.image)[0] for push in found]
    deployed = [] if renames(plan) else _deployed(plan, names)
    if not names or not deployed or any(same(name, other) for name in names for other in deployed):
        return
    said = f"pushes {shown(names[0])}, and {shown(deployed[0])} is deployed"
    yield written_at(found[0]), f"{said}: what is built here never runs"


def _tag_of(run: Run) -> str:
    """The tag of the image that a script sets, when it is called with these arguments."""
    if run.script is None:
        return ""
    numbers = {name: number for name, number, _, _ in parameters(run.script)}
    for each in set_images(run.script):
        tag = parts(each.image)[1]
        argument, variable = POSITIONAL.fullmatch(tag), re.fullmatch(r"\$\{?(\w+)\}?", tag)
        number = int(argument[1]) if argument else numbers.get(variable[1]) if variable else None
        if number is not None and number <= len(run.arguments):
            return run.arguments[number - 1]
    return ""


def _wanted_tags(job: Job, plan: Plan) -> Iterator[tuple[Place, str]]:
    """The tags that a job deploys, and where it says so."""
    for step in job.steps:
        for run in step_runs(step, plan):
            yield run.command.place, _tag_of(run)
        for each in set_images(step.script) if step.script else ():
            yield each.place, parts(each.image)[1]


@rule("workflow-tag-not-pushed", CRITICAL, over=jobs)
def tag_not_pushed(job: Job, plan: Plan) -> Iterator[Found]:
    """A job that deploys a tag which the jobs before it do not push."""
    before = [job.workflow.jobs[name] for name in [*job.needed(), job.id]]
    pushed = [push for each in before for push in pushes(each)]
    forms = [tag_form(parts(push.image)[1]) for push in pushed]
    if not forms or not all(forms):
        return
    for where, tag in _wanted_tags(job, plan):
        form = tag_form(tag)
        if form and form not in forms and not (form != "<sha>" and any(_VAGUE.search(each) for each in forms)):
            listed = ", ".join(dict.fromkeys(forms))
            yield where, f"deploys the tag {form}, and only {listed} is pushed: there is no such image"


@rule("workflow-built-not-deployed", CRITICAL, over=jobs)
def built_not_deployed(job: Job, plan: Plan) -> Iterator[Found]:
    """A job that applies manifests whose fixed tag is not the one that was just pushed."""
    pushed = [push for name in [*job.needed(), job.id] for push in pushes(job.workflow.jobs[name]) if push.image]
    inside = [script for step in job.steps for script in scripts_of(step, plan)]
    applies = [
        call for script in inside for call in kube_calls(script) if call.verb == "apply" and "-k" not in call.words
    ]
    if not pushed or not applies or any(_RENDERS.search(script.text) for script in inside):
        return
    image = _stuck(pushed, plan)
    if image:
        said = f"applies manifests that run {image} every time, and {shown(pushed[0].image)} was pushed"
        yield applies[0].place, f"{said}: what was built is not rolled out"


def _stuck(pushed: list[Push], plan: Plan) -> str:
    """The image of a manifest that is one of the pushed, by a tag that never changes."""
    for container in plan.containers:
        name, tag = parts(container.image)
        if any(same(name, parts(push.image)[0]) for push in pushed) and "$" not in container.image:
            return (
                container.image if tag in ("", "latest") or all(parts(push.image)[1] != tag for push in pushed) else ""
            )
    return ""
