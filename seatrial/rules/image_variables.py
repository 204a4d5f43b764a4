"""Rules about names inside a Dockerfile: stages, ARG and ENV, and the arguments that a build is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import dockerfile_of
from seatrial.plan.dockerfile import split
from seatrial.plan.image_programs import OFFICIAL, public_name
from seatrial.rules.image_base import dockerfiles
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.dockerfile import Dockerfile, Instruction, Stage

_USE = re.compile(r"(?<!\\)\$(?:\{(\w+)(?::?[-+?][^}]*)?\}|([A-Za-z_]\w*))")
_GUARDED = re.compile(r"\$\{\w+:?[-+?]")
_PLATFORM = re.compile(
    r"(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)|(?:https?|ftp|no|all)_proxy|BUILDKIT_\w+|SOURCE_DATE_EPOCH", re.I
)
_OF_BASES = re.compile(
    r"PATH|HOME|LANG|GPG_KEY|PYTHON\w*|NODE_VERSION|YARN_VERSION|GO\w*|JAVA\w*|RUST\w*|CARGO\w*|GEM\w*|BUNDLE\w*|RUBY\w*|PWD|HOSTNAME|USER"
)
_IMAGES = OFFICIAL | {
    "busybox",
    "nginx",
    "composer",
    "httpd",
    "redis",
    "postgres",
    "maven",
    "gradle",
    "caddy",
    "traefik",
    "php",
}


def _unknown_stage(name: str, before: list[Stage], dockerfile: Dockerfile) -> bool:
    """Is it sure that a name is no stage before this one, and no image?"""
    if name.isdigit():
        return int(name) >= len(before)
    if re.search(r"[/:.@$]", name) or name.lower() in _IMAGES:
        return False
    named = {stage.name.lower() for stage in before}
    return name.lower() not in named and any(stage.name for stage in dockerfile.stages)


@rule("image-stage-unknown", CRITICAL, over=dockerfiles)
def stage_unknown(dockerfile: Dockerfile, _plan: Plan) -> Iterator[Found]:
    """COPY --from a stage that is not there, or comes later."""
    for number, stage in enumerate(dockerfile.stages):
        before = dockerfile.stages[:number]
        for instruction in stage.of("COPY", "ADD"):
            name = instruction.flags.get("from", "")
            if name and _unknown_stage(name, before, dockerfile):
                has = ", ".join(each.name or str(place) for place, each in enumerate(before)) or "none"
                yield (
                    instruction.place,
                    f"copies from the stage {name}, and the stages before it are {has}: the build fails",
                )


def _uses(text: str) -> list[str]:
    return [match[1] or match[2] for match in _USE.finditer(text) if not _GUARDED.match(match[0])]


def _declared(stages: list[Stage]) -> set[str]:
    """The names of ARG and ENV, those without a value too."""
    found = {name for stage in stages for name in stage.variables}
    for stage in stages:
        for each in stage.of("ARG"):
            found |= {word.partition("=")[0] for word in split(each.rest)}
    return found


@rule("image-variable-undefined", MAJOR, over=dockerfiles)
def variable_undefined(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A variable that no ARG and no ENV defines."""
    for stage in dockerfile.stages:
        first = re.sub(r"(?i)^\s*FROM\s+", "", plan.sources[dockerfile.file].line(stage.place.line))
        for name in _uses(first):
            if name not in _global_names(dockerfile, plan) and not _PLATFORM.fullmatch(name):
                yield stage.place, f"FROM uses ${name}, which no ARG before it defines: the build fails"
        known = _declared(dockerfile.lineage(stage))
        judged = public_name(dockerfile.lineage(stage)[0].base) in OFFICIAL
        for instruction in stage.of("COPY", "ADD", "WORKDIR", "EXPOSE", "USER", "ENV", "VOLUME") if judged else ():
            yield from _undefined(instruction, known, dockerfile)


def _global_names(dockerfile: Dockerfile, plan: Plan) -> set[str]:
    lines = plan.sources[dockerfile.file].lines[: dockerfile.stages[0].place.line]
    return {match[1] for line in lines if (match := re.match(r"\s*ARG\s+(\w+)", line, re.IGNORECASE))}


def _undefined(instruction: Instruction, known: set[str], dockerfile: Dockerfile) -> Iterator[Found]:
    for name in dict.fromkeys(_uses(instruction.rest)):
        of_others = _PLATFORM.fullmatch(name) or (_OF_BASES.fullmatch(name) and name not in dockerfile.arguments)
        if name in known or of_others:
            continue
        why = (
            "an ARG before FROM is known only to FROM"
            if name in dockerfile.arguments
            else "no ARG and no ENV defines it"
        )
        yield instruction.place, f"{instruction.word} uses ${name}, which is empty here: {why}"


@rule("compose-build-argument-unknown", MAJOR, over=services)
def build_argument_unknown(service: Service, plan: Plan) -> Iterator[Found]:
    """A build argument that the Dockerfile does not take."""
    dockerfile = dockerfile_of(service, plan)
    arguments = service.node.get("build", "args")
    pairs = dict(arguments.items()) or {node.text.partition("=")[0]: node for node in arguments}
    if dockerfile is None:
        return
    known = _declared(dockerfile.stages) | _global_names(dockerfile, plan)
    for name, node in pairs.items():
        if name not in known and not _PLATFORM.fullmatch(name):
            yield node, f"gives the build the argument {name}, and {dockerfile.file} has no such ARG: it does nothing"
