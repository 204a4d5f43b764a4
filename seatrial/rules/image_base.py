"""Rules about what an image stands on and under which user it runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import image_here, services_of, start_words
from seatrial.plan.datastores import repository, tag
from seatrial.plan.dockerfile import Dockerfile
from seatrial.plan.image_contents import contents_of
from seatrial.plan.image_programs import OFFICIAL, public_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.dockerfile import Instruction, Stage
    from seatrial.plan.files import Place

_STEPS_DOWN = re.compile(r"\b(?:gosu|su-exec|setpriv|runuser|sudo\s+-u|chroot\s+--userspec|supervisord|s6-setuidgid)\b")
_ROOT = re.compile(r"(?:root|0)(?::\S*)?")
_RUNS_AS_ROOT = OFFICIAL | {"php", "perl", "maven", "gradle", "amazonlinux", "fedora", "centos", "rockylinux"}


def dockerfiles(plan: Plan) -> list[Dockerfile]:
    """The Dockerfiles."""
    return plan.dockerfiles


def base_place(stage: Stage, dockerfile: Dockerfile, plan: Plan) -> Place:
    """Where the base of a stage is written: at the ARG that its FROM is nothing but a reference to."""
    source = plan.sources[dockerfile.file]
    match = re.search(r"\$\{?(\w+)", source.line(stage.place.line))
    if match and match[1] in dockerfile.arguments:
        for number, line in enumerate(source.lines[: stage.place.line], start=1):
            if re.match(rf"\s*ARG\s+{match[1]}\s*=", line, re.IGNORECASE):
                return type(stage.place)(dockerfile.file, number)
    return stage.place


@rule("image-base-tag", MAJOR, over=dockerfiles)
def base_tag(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A base image without a tag, or with one that moves."""
    for stage in dockerfile.stages:
        base = stage.base
        if dockerfile.stage(base) or base == "scratch" or "$" in base or "@" in base or not repository(base):
            continue
        if tag(base) in ("", "latest"):
            what = f"{base}, which has no tag" if not tag(base) else base
            yield (
                base_place(stage, dockerfile, plan),
                f"is built from {what}: the next build may stand on another release",
            )


def _given_user(dockerfile: Dockerfile, plan: Plan) -> bool:
    """Does everything that runs the image give it a user of its own?"""
    users = [each.text("user") for each in services_of(dockerfile, plan)]
    for container in _pods(dockerfile, plan):
        pod, own = container.workload.pod.get("securityContext"), container.node.get("securityContext")
        users.append(own.get("runAsUser").text or pod.get("runAsUser").text)
    return bool(users) and all(user and not _ROOT.fullmatch(user) for user in users)


def _pods(dockerfile: Dockerfile, plan: Plan) -> list[Container]:
    return [each for each in plan.containers if image_here(each.image, plan) is dockerfile]


def _steps_down(dockerfile: Dockerfile, plan: Plan) -> bool:
    """Does its entry point change to another user by itself?"""
    words = start_words(dockerfile)
    names = {word.rsplit("/", maxsplit=1)[-1] for each in words for word in each.split() if word.endswith(".sh")}
    scripts = [script.text for script in plan.scripts if script.file.name in names]
    unknown = len(scripts) < len(names)
    return unknown or any(_STEPS_DOWN.search(text) for text in [" ".join(words), *scripts])


@rule("image-runs-as-root", MAJOR, over=dockerfiles)
def runs_as_root(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """An image without USER, or whose last USER is root."""
    user = dockerfile.last("USER")
    if _given_user(dockerfile, plan) or _steps_down(dockerfile, plan):
        return
    tail = "whoever breaks into it is root in the container"
    if user is not None and _ROOT.fullmatch(user.rest.strip()):
        yield user.place, f"its last USER is {user.rest.strip()}: {tail}"
    elif user is None and public_name(contents_of(dockerfile, plan).base) in _RUNS_AS_ROOT:
        yield dockerfile.final.place, f"has no USER, so it runs as root: {tail}"


@rule("image-user-has-no-number", CRITICAL, over=dockerfiles)
def user_has_no_number(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A USER by name in an image that Kubernetes must see not to be root."""
    user = dockerfile.last("USER")
    if user is None or re.match(r"\d|\$", user.rest) or _ROOT.fullmatch(user.rest.strip()):
        return
    for container in _pods(dockerfile, plan):
        pod, own = container.workload.pod.get("securityContext"), container.node.get("securityContext")
        demanded = own.get("runAsNonRoot") if own.get("runAsNonRoot").written else pod.get("runAsNonRoot")
        if demanded.flag is True and not (own.get("runAsUser").text or pod.get("runAsUser").text):
            said = f"demands runAsNonRoot, and the USER of {dockerfile.file} is the name {user.rest.strip()}"
            yield demanded, f"{said}: without a number (runAsUser) nobody can tell, and the pod is not started"


@rule("image-root-refused", CRITICAL, over=dockerfiles)
def root_refused(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """An image that runs as root in a pod that must not."""
    user = dockerfile.last("USER")
    plain = public_name(contents_of(dockerfile, plan).base) in _RUNS_AS_ROOT
    if (user is None and not plain) or (user is not None and not _ROOT.fullmatch(user.rest.strip())):
        return
    for container in _pods(dockerfile, plan):
        pod, own = container.workload.pod.get("securityContext"), container.node.get("securityContext")
        demanded = own.get("runAsNonRoot") if own.get("runAsNonRoot").written else pod.get("runAsNonRoot")
        if demanded.flag is True and not (own.get("runAsUser").text or pod.get("runAsUser").text):
            yield (
                demanded,
                f"demands runAsNonRoot, and the image of {dockerfile.file} runs as root: the pod is not started",
            )


@rule("image-instruction-twice", MAJOR, over=dockerfiles)
def instruction_twice(dockerfile: Dockerfile, _plan: Plan) -> Iterator[Found]:
    """CMD, ENTRYPOINT or HEALTHCHECK more than once in a stage."""
    for stage in dockerfile.stages:
        for word in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            several: list[Instruction] = stage.of(word)
            for each in several[:-1]:
                yield each.place, f"{word} is written again in line {several[-1].place.line}: this one does nothing"
