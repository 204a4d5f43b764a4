"""What `pip install` puts into an image, as far as the lists of packages are here."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.built import contexts
from seatrial.plan.compose import normal
from seatrial.plan.image_contents import script_of
from seatrial.plan.shell import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile
    from seatrial.plan.files import Source

_BRINGS_SERVERS = re.compile(
    r"\[(?:standard|all|server)|gradio|chainlit|mlflow|prefect|bentoml|litellm|vllm|\bray\b|\bmcp\b|fastmcp|dagster|nicegui|"
    r"chromadb|fastapi-cli|^-e|^\.|^git\+|://|^--",
    re.IGNORECASE,
)


def _commands(dockerfile: Dockerfile) -> Iterator[list[str]]:
    for stage in dockerfile.stages:
        for each in stage.of("RUN"):
            yield from (command.program for command in Script(each.place.file, script_of(each)).commands)


def install_arguments(dockerfile: Dockerfile) -> list[str] | None:
    """What `pip install` is given; None if something else installs packages too."""
    found: list[str] = []
    for words in _commands(dockerfile):
        if words and words[0] in ("poetry", "uv", "pipenv", "pdm", "conda", "mamba", "make"):
            return None
        if "pip" in " ".join(words[:3]) and "install" in words:
            found += words[words.index("install") + 1 :]
    return found


def _lists(arguments: list[str]) -> list[str]:
    pairs = pairwise(arguments)
    return [after for before, after in pairs if before in ("-r", "--requirement")]


def package_lists(dockerfile: Dockerfile, plan: Plan) -> list[Source]:
    """The lists of packages that `pip install -r` is given; empty where one of them is not here, or others install."""
    arguments = install_arguments(dockerfile)
    found = []
    for file in _lists(arguments or []):
        paths = [
            normal(folder / each) for folder in contexts(dockerfile, plan) for each in (file, PurePosixPath(file).name)
        ]
        source = next((plan.sources[path] for path in paths if path in plan.sources), None)
        if source is None:
            return []
        found.append(source)
    return found


def requirements(source: Source) -> list[tuple[int, str]]:
    """The lines of a list that ask for something, with their numbers; comments and options of a line gone."""
    lines = (
        (number, re.split(r"\s+#|\s+--|;", line, maxsplit=1)[0].strip()) for number, line in enumerate(source.lines, 1)
    )
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def lacks_server(dockerfile: Dockerfile, name: str, plan: Plan) -> str:
    """The list of packages that lacks a server which nothing else installs either; empty where it may be there."""
    sources = package_lists(dockerfile, plan)
    arguments = install_arguments(dockerfile) or []
    others = [word for word in arguments if not word.startswith("-") and word not in _lists(arguments)]
    lines = [line for source in sources for _, line in requirements(source)]
    known = lines and not any(_BRINGS_SERVERS.search(line) or line.startswith("-") for line in lines)
    there = any(name in line.lower() for line in [*lines, *others]) or any("." in word for word in others)
    return "" if there or not known else ", ".join(_lists(arguments))
