"""The packages of Python that a job has installed before it runs a command."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.compose import normal
from seatrial.plan.python_packages import requirements
from seatrial.plan.shell_values import filled

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.files import Source
    from seatrial.plan.shell import Command
    from seatrial.plan.workflow import Job, Step

_HARMLESS = re.compile(
    r"^(?:actions/(?:checkout|setup-python|cache|upload-artifact|download-artifact)|docker/[\w-]+|azure/setup-\w+|codecov/\S+)$"
)
_OTHERS = re.compile(
    r"\b(?:poetry|uv|uvx|pipenv|pipx|pdm|hatch|conda|mamba|micromamba|rye|make|just|task|nix|apt|apt-get|brew|tox|nox|source|curl|wget"
    r"|easy_install|setup\.py|docker|invoke|npm|GITHUB_PATH|activate)\b|(?m:^\s*\.\s)"
)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_VALUED = ("-i", "--index-url", "--extra-index-url", "-t", "--target", "--timeout", "--retries", "--find-links")
MOST_DEPTH = 4


def installed_by(job: Job, number: int, command: Command, plan: Plan) -> tuple[set[str], list[str]] | None:
    """The names of the packages and the lists that were read; None where something else may have installed more."""
    names: set[str] = set()
    lists: list[str] = []
    for place, step in enumerate(job.steps[: number + 1]):
        if step.node.get("uses").text and not _HARMLESS.match(step.uses):
            return None
        before = (
            [each for each in step.script.commands if place < number or each.node.start_byte < command.node.start_byte]
            if step.script
            else []
        )
        if step.run and step.script is None:
            return None
        for each in before:
            if _OTHERS.search(each.text) or re.search(r"\.(?:sh|py|bash)\b", " ".join(each.program[:2])):
                return None
            found = _installs(each, step, plan)
            if found is None:
                return None
            names |= found[0]
            lists += [file for file in found[1] if file not in lists]
    return (names, lists) if names or lists else None


def _installs(command: Command, step: Step, plan: Plan) -> tuple[set[str], list[str]] | None:
    words = [filled(command, word) for word in command.program]
    if "install" not in words or not re.match(r"(?:python[\d.]* -m )?pip[\d.]* ", " ".join(words)):
        return set(), []
    lists, others = _operands(words[words.index("install") + 1 :])
    found: list[set[str] | None] = [_listed(file, step, plan) for file in lists]
    found += [None if re.search(r"[$/*`]|\.whl$|\.gz$", word) else _name_in(word) for word in others]
    return None if None in found else (set().union(*(each for each in found if each)), lists)


def _operands(words: list[str]) -> tuple[list[str], list[str]]:
    """The lists and the packages that `pip install` is given."""
    lists, others, rest = [], [], list(words)
    while rest:
        word = rest.pop(0)
        given = re.fullmatch(r"(-r|--requirement|-c|--constraint)(?:=?(.+))?", word)
        if given:
            file = given[2] or (rest.pop(0) if rest else "")
            lists += [file] if "r" in given[1][:3] else []
        elif word in _VALUED:
            rest = rest[1:]
        elif not word.startswith("-") or word in ("-e", "--editable"):
            others.append(word)
    return lists, others


def _name_in(word: str) -> set[str] | None:
    """The package that a word names; None for a folder or a file, whose packages are its own."""
    match = _NAME.match(word.strip("\"'"))
    return {_plain(match[0])} if match else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def names_in(lists: list[Source], arguments: list[str], plan: Plan) -> set[str] | None:
    """The packages of some lists and of the other arguments of `pip install`; None where one is not told."""
    found = [_of_file(source.path, plan) for source in lists]
    found += [
        None if re.search(r"[$/*`]|^\\.|\\.whl$|\\.gz$", word) else _name_in(word) for word in _operands(arguments)[1]
    ]
    return None if None in found else set().union(*(each for each in found if each))


def _listed(file: str, step: Step, plan: Plan) -> set[str] | None:
    root = step.job.workflow.root
    if root is None or step.folder is None or "$" in file:
        return None
    return _of_file(normal(root / step.folder / file), plan)


def _of_file(path: PurePosixPath, plan: Plan, depth: int = 0) -> set[str] | None:
    """The packages of a list, and of those that it names; None where one is not here."""
    source = plan.sources.get(path)
    if source is None or depth > MOST_DEPTH:
        return None
    names: set[str] = set()
    for _, line in requirements(source):
        other = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line)
        if other:
            found = _of_file(normal(path.parent / other[1]), plan, depth + 1)
            if found is None:
                return None
            names |= found
        elif re.match(r"-e|\.|git\+|--editable|[\w.+-]+://|.*@\s*\w+\+?\w*://", line):
            return None
        elif match := _NAME.match(line):
            names.add(_plain(match[0]))
    return names
