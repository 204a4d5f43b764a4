"""Which Dockerfile makes which image, from which folder, and what that image starts."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.compose import normal
from seatrial.plan.datastores import repository
from seatrial.plan.server import Server, server_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.dockerfile import Dockerfile

_APPLICATION = re.compile(r"^app(?:lication)?\s*[:=]|\b(?:FastAPI|Flask|Starlette|APIRouter)\(|[aw]sgi", re.MULTILINE)
_CODE = (".py", ".go", ".rs", ".java", ".rb", ".ts", ".php")


def dockerfile_of(service: Service, plan: Plan) -> Dockerfile | None:
    """The Dockerfile that a service is built from, if it is here and its last stage is the one that is used."""
    build = service.node.get("build")
    if not service.builds or build.get("dockerfile_inline").text:
        return None
    found = next((each for each in plan.dockerfiles if each.file == service.dockerfile), None)
    target = service.text("build", "target")
    return found if found and (not target or target == found.final.name) else None


def services_of(dockerfile: Dockerfile, plan: Plan) -> list[Service]:
    """The services that are built from a Dockerfile."""
    return [each for each in plan.services if each.builds and each.dockerfile == dockerfile.file]


@lru_cache(maxsize=8)
def contexts(dockerfile: Dockerfile, plan: Plan) -> tuple[PurePosixPath, ...]:
    """The folders that it may be built from; its own where no file tells."""
    found = [each.build_context for each in services_of(dockerfile, plan)]
    for workflow in plan.workflows:
        for job in workflow.jobs.values():
            for step in job.steps:
                if step.uses.endswith("build-push-action"):
                    found += _of_action(step.inputs.get("context").text, step.inputs.get("file").text, dockerfile)
    for script in plan.all_scripts:
        for command in script.commands if "docker" in script.text else ():
            if command.name in ("docker", "podman") and {"build", "buildx"} & set(command.program[1:2]):
                file = command.option("-f", "--file") or ""
                found += _of_action(command.program[-1], file, dockerfile)
    return tuple(dict.fromkeys(found)) or (dockerfile.file.parent,)


def _of_action(context: str, file: str, dockerfile: Dockerfile) -> list[PurePosixPath]:
    folder = normal(PurePosixPath(context or "."))
    mine = normal(PurePosixPath(file)) if file else folder / "Dockerfile"
    return [folder] if mine == dockerfile.file and "$" not in context else []


def image_here(image: str, plan: Plan) -> Dockerfile | None:
    """The Dockerfile that makes an image which a manifest names; None where that is not sure."""
    known = _images(plan)
    if image not in known:
        known[image] = _image_here(image, plan)
    return known[image]


@lru_cache(maxsize=2)
def _images(_plan: Plan) -> dict[str, Dockerfile | None]:
    return {}


def _image_here(image: str, plan: Plan) -> Dockerfile | None:
    name = repository(image).lower()
    short = name.rpartition("/")[2]
    for service in plan.services:
        own = repository(service.image).lower().rpartition("/")[2] if service.image else service.name.lower()
        if service.builds and short in (own, service.name.lower()) and (found := dockerfile_of(service, plan)):
            return found
    if len(plan.dockerfiles) != 1 or not short:
        return None
    texts = [plan.sources[path].text.lower() for path, kind in plan.kinds.items() if kind in ("workflow", "shell")]
    before = r"[\s\"'=]" if "/" in name else r"(?:-t|--tag)[\s=]\"?"
    pattern = re.compile(rf"{before}{re.escape(name)}(?=$|[:@\s\"'])", re.MULTILINE)
    building = (text for text in texts if re.search(r"docker\s+(?:buildx\s+)?build|build-push-action", text))
    return plan.dockerfiles[0] if any(pattern.search(text) for text in building) else None


def has_code(folder: PurePosixPath, plan: Plan) -> bool:
    """Is the application's own code in a folder, so that what is missing there is really missing?"""
    return any(path.suffix in _CODE and path.is_relative_to(folder) and not is_test(path) for path in plan.sources)


def has_application(folder: PurePosixPath, plan: Plan) -> bool:
    """Is a web application of Python in a folder, and not only some script?"""
    inside = (source for path, source in plan.sources.items() if path.suffix == ".py" and path.is_relative_to(folder))
    return any(_APPLICATION.search(source.text) for source in inside if not is_test(source.path))


def is_test(path: PurePosixPath) -> bool:
    """Is it a file of tests?"""
    return bool({"test", "tests"} & set(path.parts)) or path.name.startswith("test_")


def start_words(dockerfile: Dockerfile) -> list[str]:
    """ENTRYPOINT and CMD of an image, in words."""
    found: list[str] = []
    for word in ("ENTRYPOINT", "CMD"):
        instruction = dockerfile.last(word)
        if instruction is not None:
            shell = instruction.exec_form is None
            found += ["sh", "-c", instruction.rest] if shell else instruction.words
    return found


def server_in(dockerfile: Dockerfile, plan: Plan, values: dict[str, str] | None = None) -> Server | None:
    """The server that an image starts, looked for in the script that it starts too."""
    words = start_words(dockerfile)
    known = {**dockerfile.variables, **(values or {})}
    return server_of(words, known) or next(_of_script(words, known, plan), None)


def _of_script(words: list[str], known: dict[str, str], plan: Plan) -> Iterator[Server]:
    names = {word.rsplit("/", maxsplit=1)[-1] for word in words if word.endswith(".sh")}
    for script in plan.scripts:
        if script.file.name in names:
            for command in script.commands:
                found = server_of(command.program, {**known, **script.values})
                if found is not None:
                    yield found


def server_of_service(service: Service, plan: Plan) -> Server | None:
    """The server that a service starts: by its own command, else by its image's."""
    if service.command:
        return server_of(service.command, service.values)
    dockerfile = dockerfile_of(service, plan)
    return server_in(dockerfile, plan, service.values) if dockerfile else None
