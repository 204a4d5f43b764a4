"""Files that the steps of a job write, with secrets in them or without, and the images that it builds afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.compose import normal
from seatrial.plan.shell_values import filled
from seatrial.plan.shell_words import text_of, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.files import Place
    from seatrial.plan.shell import Command, Script
    from seatrial.plan.workflow import Job, Step

_SECRET = re.compile(r"expr_secrets_(?!GITHUB_TOKEN)\w+")
_USE = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True)
class Written:
    """A secret that a step writes into a file of its workspace."""

    file: PurePosixPath  # from the root of the repository
    secret: str  # its name
    place: Place
    step: Step


def _secret_in(text: str, step: Step) -> str:
    """The name of the secret that a text puts in; empty where there is none."""
    direct = _SECRET.search(text)
    if direct:
        return direct[0].removeprefix("expr_secrets_")
    given = step.variables
    for name in _USE.findall(text):
        found = re.search(r"secrets\.(?!GITHUB_TOKEN)(\w+)", given[name].text) if name in given else None
        if found:
            return found[1]
    return ""


def _targets(script: Script) -> Iterator[tuple[str, str, int]]:
    """What is written: the file, the text that comes into it, and where that stands, in bytes."""
    for node in script.of("redirected_statement"):
        for redirect in (each for each in _below(node) if each.type == "file_redirect"):
            word = redirect.named_children[-1] if redirect.named_children else None
            if word is not None and re.match(r"\d?>>?(?!&)|&>", text_of(redirect)):
                yield unquoted(word), text_of(node), node.start_byte
    for command in script.commands:
        words = command.program
        if command.name == "tee":
            pipe = next((node for node in command.above() if node.type == "pipeline"), command.node)
            yield from ((word, text_of(pipe), pipe.start_byte) for word in words[1:] if not word.startswith("-"))
        elif command.name in ("sed", "perl") and any(re.match(r"-i|--in-place", word) for word in words[1:]):
            yield words[-1], command.text, command.node.start_byte


def _below(node: object) -> list:  # type: ignore[type-arg]  # tree-sitter's
    found = list(node.named_children)  # type: ignore[attr-defined]
    return found + [each for child in found if child.type in ("heredoc_redirect",) for each in child.named_children]


def _in_workspace(word: str, step: Step) -> PurePosixPath | None:
    """A path from the root of the repository; None for another place, or one that nobody can tell."""
    text = re.sub(r"^\$\{?GITHUB_WORKSPACE\}?/", "", word)
    if step.folder is None or not text or re.search(r"[$~*`]|^/|^\.\./|^&", text):
        return None
    return normal(step.folder / text)


def secrets_written(job: Job) -> Iterator[Written]:
    """The secrets that the steps of a job write into files of the workspace, each file and line once."""
    for step in job.steps:
        if step.script is None or "cd " in step.run:
            continue
        starts = {command.node.start_byte: command for command in step.script.commands}
        for word, text, position in sorted(_targets(step.script), key=lambda each: each[2]):
            anchor = starts.get(position) or next((c for b, c in sorted(starts.items()) if b >= position), None)
            file = _in_workspace(filled(anchor, word) if anchor else word, step)
            secret = _secret_in(text, step)
            if file is not None and secret and anchor is not None:
                yield Written(file, secret, anchor.place, step)


def removed(file: PurePosixPath, job: Job, start: int, end: int) -> bool:
    """Does a step between two others take a file away?"""
    commands: list[Command] = [each for step in job.steps[start:end] if step.script for each in step.script.commands]
    return any(
        each.name in ("rm", "shred", "mv", "git")
        and any(file.name in word or word in ("clean", "-rf") for word in each.program[1:])
        for each in commands
    )


def builds(job: Job) -> Iterator[tuple[int, str, str]]:
    """The images that a job builds from its workspace: the step's number, the folder and the Dockerfile, as written."""
    for number, step in enumerate(job.steps):
        if step.uses == "docker/build-push-action" and step.input("context"):  # without one it takes the commit
            yield number, step.input("context"), step.input("file")
        for command in step.script.commands if step.script else ():
            words = command.program
            if command.name in ("docker", "podman") and (words[1:2] == ["build"] or words[1:3] == ["buildx", "build"]):
                yield number, words[-1], command.option("-f", "--file") or ""
