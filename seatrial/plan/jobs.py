"""What the jobs of workflows do: test, push an image, run a script of the plan, deploy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.compose import normal
from seatrial.plan.kubectl import kube_calls
from seatrial.plan.shell_values import filled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.workflow import Job, Step

SHELLS = frozenset({"bash", "sh", "dash", "zsh", "source", "."})
_TESTS = frozenset({"pytest", "py.test", "tox", "nox", "nosetests", "ctest", "jest", "vitest", "phpunit", "rspec"})
_RUN_TESTS = re.compile(
    r"^(?:python[\d.]* -m (?:pytest|unittest|nose2|tox)|coverage run|(?:npm|yarn|pnpm|bun)(?: run)? test"
    r"|npx (?:jest|vitest)|go test|cargo test|(?:\./)?(?:mvnw?|gradlew?)\b.*\b(?:test|verify|check|build)\b"
    r"|make \S*(?:test|check)|(?:poetry|uv|pipenv|pdm|hatch) run (?:\S+ )*?(?:pytest|tox|nox|python -m pytest)"
    r"|docker[ -]compose\b.*\brun\b.*\btests?\b|dotnet test|bundle exec rspec|rake test|manage\.py test)"
)
_DEPLOYING = frozenset(
    {"set image", "set env", "apply", "rollout restart", "patch", "replace", "create", "run", "scale"}
)
# Commands that change what runs somewhere else.
_SHIPPING = re.compile(
    r"^(?:helm (?:\S+ )*?(?:upgrade|install)|ssh |scp |rsync |sshpass |terraform (?:\S+ )*?apply|ansible-playbook "
    r"|argocd app (?:sync|set)|skaffold (?:run|deploy)|flyctl deploy|fly deploy|kamal deploy|cap \S+ deploy"
    r"|aws (?:ecs update-service|lambda update-function-code|s3 sync|deploy |cloudformation deploy)"
    r"|gcloud (?:run|app|functions) deploy|az (?:webapp|containerapp|aks) |heroku |serverless deploy|pulumi up)"
)


@dataclass(frozen=True)
class Push:
    """An image that a step pushes."""

    image: str  # as written, with the variables that are told
    node: Node  # where it is written, or the step
    step: Step


@dataclass(frozen=True)
class Run:
    """A script of the plan that a command runs."""

    command: Command
    path: str  # as written
    script: Script | None  # None if it is not there
    arguments: list[str]  # filled


def is_test(command: Command) -> bool:
    """Does a command run tests?"""
    text = " ".join(command.program)
    return command.name in _TESTS or bool(_RUN_TESTS.match(text)) or "manage.py test" in text


def test_commands(job: Job) -> Iterator[tuple[Step, Command]]:
    """The commands that run its tests."""
    for step in job.steps:
        for command in step.script.commands if step.script else ():
            if is_test(command):
                yield step, command


def runs_in(script: Script, plan: Plan, folder: PurePosixPath | None) -> Iterator[Run]:
    """The scripts that a script runs: `./x.sh`, `bash x.sh`."""
    for command in script.commands:
        words = [filled(command, word) for word in command.program]
        if words and words[0] in SHELLS:
            words = words[1:]
            while words and words[0].startswith("-"):
                words = [] if "c" in words[0] else words[1:]
        elif words and (command.words[0] if not command.program else _path(command)).count("/"):
            words = [_path(command), *words[1:]]
        else:
            continue
        if words and re.fullmatch(r"(?:\./)?[\w./-]+\.(?:sh|bash)", words[0]):
            yield Run(command, words[0], _script_at(words[0], script, plan, folder), words[1:])


def _path(command: Command) -> str:
    """The program with its folder."""
    name = command.name
    full = next((word for word in command.words if word.rsplit("/", maxsplit=1)[-1] == name), name)
    return filled(command, full)


def _script_at(path: str, script: Script, plan: Plan, folder: PurePosixPath | None) -> Script | None:
    places = [folder / path] if folder is not None else [PurePosixPath(path), script.file.parent / path]
    wanted = {normal(place) for place in places}
    return next((each for each in plan.scripts if each.file in wanted), None)


def step_runs(step: Step, plan: Plan) -> list[Run]:
    """The scripts of the repository that a step runs."""
    root, folder = step.job.workflow.root, step.folder
    if step.script is None or root is None or folder is None:
        return []
    return list(runs_in(step.script, plan, root / folder))


def deploying(script: Script) -> bool:
    """Does a script change what runs somewhere else?"""
    if any(call.verb in _DEPLOYING for call in kube_calls(script)):
        return True
    return any(_SHIPPING.match(" ".join(command.program) + " ") for command in script.commands)


def deploys(job: Job, plan: Plan) -> bool:
    """Does a job change what runs somewhere else, itself or by a script of the plan?"""
    return any(deploying(script) for step in job.steps for script in scripts_of(step, plan))


def kube_deploys(job: Job, plan: Plan) -> bool:
    """Does it change what runs in a cluster, itself or by a script of the plan?"""
    scripts = [script for step in job.steps for script in scripts_of(step, plan)]
    return any(call.verb in _DEPLOYING for script in scripts for call in kube_calls(script))


def scripts_of(step: Step, plan: Plan) -> list[Script]:
    """What a step runs: its own commands, and the scripts of the plan that they run."""
    own = [step.script] if step.script else []
    return own + [run.script for run in step_runs(step, plan) if run.script is not None]


@lru_cache(maxsize=256)
def pushes(job: Job) -> list[Push]:
    """The images that a job pushes, one for each name and tag."""
    found: list[Push] = []
    for step in job.steps:
        if step.uses == "docker/build-push-action":
            outputs = step.input("outputs")
            if step.input("push") not in ("", "false") or "push=true" in outputs or "type=registry" in outputs:
                node = step.inputs.get("tags")
                found += [Push(image, node, step) for image in _tags(step, node.text)] or [Push("", step.node, step)]
        elif step.script is not None:
            found += [Push(image, step.node.get("run"), step) for image in _pushed_by_hand(step.script)]
    return found


def _tags(step: Step, text: str) -> list[str]:
    found = []
    for line in re.split(r"[\n,]", step.filled(text)):
        meta = re.fullmatch(r"\$\{\{\s*steps\.([\w-]+)\.outputs\.tags\s*\}\}", line.strip())
        if meta:
            found += metadata_tags(step.job, meta[1])
        elif line.strip():
            found.append(line.strip())
    return found


def metadata_step(job: Job, name: str) -> Step | None:
    """The step of docker/metadata-action with this id."""
    steps = (step for step in job.steps if step.node.get("id").text == name)
    return next((step for step in steps if step.uses == "docker/metadata-action"), None)


def metadata_tags(job: Job, name: str) -> list[str]:
    """The images that docker/metadata-action names, with a tag in `${{ }}` where the run makes it."""
    step = metadata_step(job, name)
    if step is None:
        return [f"${{{{ steps.{name}.outputs.tags }}}}"]
    images = [line.strip().lower() if "$" not in line else line.strip() for line in step.input("images").split("\n")]
    kinds = [line.strip() for line in step.input("tags").split("\n") if line.strip() and not line.startswith("#")]
    tags = [tag for kind in kinds or ["type=ref,event=branch", "type=ref,event=tag"] for tag in _metadata(kind)]
    return [f"{image}:{tag}" for image in images if image for tag in tags]


def _metadata(text: str) -> list[str]:
    """A line of `tags` of docker/metadata-action -> the tags that it makes."""
    entries = dict(part.partition("=")[::2] for part in text.split(","))
    kind, prefix, suffix = entries.get("type", "raw"), entries.get("prefix"), entries.get("suffix", "")
    if "type" not in entries:
        return [text]
    made = {
        "sha": "${{ github.sha }}" if entries.get("format") == "long" else "${{ short sha }}",
        "ref": "<number>" if entries.get("event") == "pr" else "${{ github.ref_name }}",
        "raw": entries.get("value", ""),
    }.get(kind, f"<{kind}>")
    own = "sha-" if kind == "sha" else "pr-" if made == "<number>" else ""
    start = own if prefix is None else prefix
    return [f"{start}{made}{suffix}"]


def _pushed_by_hand(script: Script) -> Iterator[str]:
    for command in script.commands:
        words = [filled(command, word) for word in command.program]
        if command.name not in ("docker", "podman", "buildah", "nerdctl"):
            continue
        if words[1:2] == ["push"] or words[1:3] == ["image", "push"]:
            yield from (word for word in words[2:] if not word.startswith("-") and word != "push")
        elif "build" in words[1:3] and "--push" in words:
            for number, word in enumerate(words):
                if word in ("-t", "--tag") and number + 1 < len(words):
                    yield words[number + 1]
