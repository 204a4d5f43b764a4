"""Rules about secrets that a job lets out of its hands."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.compose import normal
from seatrial.plan.ignored import ignore_file, is_ignored
from seatrial.plan.image_contents import copied
from seatrial.plan.written import Written, builds, removed, secrets_written
from seatrial.rules.script_images import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile, Instruction
    from seatrial.plan.workflow import Job


def _dockerfile(context: PurePosixPath, file: str, plan: Plan) -> Dockerfile | None:
    path = normal(PurePosixPath(file)) if file else context / "Dockerfile"
    return next((each for each in plan.dockerfiles if each.file == path), None)


def _taken(each: Written, job: Job, plan: Plan) -> tuple[Instruction, PurePosixPath | None] | None:
    """The instruction that copies a written file into an image that the job builds later, and the `.dockerignore`."""
    number = job.steps.index(each.step)
    for later, folder, file in builds(job):
        context = normal(PurePosixPath(folder or "."))
        dockerfile = _dockerfile(context, file, plan) if "$" not in folder + file else None
        if later < number or dockerfile is None or not each.file.is_relative_to(context):
            continue
        name = str(each.file.relative_to(context))
        ignored = ignore_file(dockerfile, context, plan)
        instruction = copied(name, dockerfile)
        if (
            instruction is not None
            and not is_ignored(name, ignored, plan)
            and not removed(each.file, job, number, later + 1)
        ):
            return instruction, ignored
    return None


@rule("workflow-secret-in-image", CRITICAL, over=jobs)
def secret_in_image(job: Job, plan: Plan) -> Iterator[Found]:
    """A secret that a step writes into a file which the image then gets."""
    if job.workflow.root != PurePosixPath():
        return
    told: dict[PurePosixPath, tuple[Written, list[str]]] = {}
    for each in secrets_written(job):
        told.setdefault(each.file, (each, []))[1].append(each.secret)
    for file, (first, names) in told.items():
        taken = _taken(first, job, plan)
        if taken is not None:
            instruction, ignored = taken
            why = f"{ignored} does not leave it out" if ignored else "there is no .dockerignore"
            where = f"{instruction.place.file}:{instruction.place.line}"
            said = f"writes {', '.join(dict.fromkeys(names))} into {file}, which {where}"
            yield first.place, f"{said} copies into the image ({why}): whoever can pull it has the secrets"
