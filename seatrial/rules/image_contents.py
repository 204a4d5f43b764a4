"""Rules about what comes into an image: build tools, secrets, files that are not there, and everything else."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.built import contexts, has_application, has_code, server_in
from seatrial.plan.compose import normal
from seatrial.plan.dockerfile import split
from seatrial.plan.ignored import ignore_file, is_ignored
from seatrial.plan.image_contents import contents_of, copies
from seatrial.rules.image_base import dockerfiles
from seatrial.rules.kube_secrets import is_secret, is_trivial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile, Instruction
    from seatrial.plan.files import Place

_BUILD_TOOLS = re.compile(
    r"gcc|g\+\+|cpp|clang|make|cmake|build-essential|build-base|gfortran|cargo|rustc|rust|autoconf|automake|"
    r"[\w.+-]+-(?:dev|devel|headers)"
)
_SECRET_ARGUMENT = re.compile(
    r"(?:.*_)?(?:PASSWORD|SECRET|SECRET_KEY|TOKEN|API_KEY|ACCESS_KEY|PRIVATE_KEY)", re.IGNORECASE
)
_SECRET_FILE = re.compile(
    r"(?:^|/)(?:\.env(?!\.(?:example|sample|template|dist))(?:\.\w+)?|id_rsa|id_ed25519|[^/]+\.pem|[^/]+\.p12)$"
)


@rule("image-build-tools", MINOR, over=dockerfiles)
def build_tools(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """Compilers and headers that stay in the final image."""
    found: dict[int, tuple[Instruction, list[str]]] = {}
    for each in contents_of(dockerfile, plan).packages:
        if _BUILD_TOOLS.fullmatch(each.name):
            found.setdefault(each.instruction.place.line, (each.instruction, []))[1].append(each.name)
    for instruction, names in found.values():
        said = f"installs {', '.join(names)} in the final stage"
        yield (
            _line_of(instruction, names[0], plan),
            f"{said}: only the build needs them, and whoever breaks in has them too",
        )


def _line_of(instruction: Instruction, word: str, plan: Plan) -> Place:
    """The line of a word of an instruction that goes over several."""
    lines = plan.sources[instruction.place.file].lines
    for number in range(instruction.place.line, len(lines) + 1):
        if re.search(rf"(?:^|\s){re.escape(word)}(?:[\s=]|$)", lines[number - 1]):
            return type(instruction.place)(instruction.place.file, number)
        if not lines[number - 1].rstrip().endswith("\\") and not lines[number - 1].lstrip().startswith("#"):
            break
    return instruction.place


@rule("image-secret", MAJOR, over=dockerfiles)
def secret(dockerfile: Dockerfile, _plan: Plan) -> Iterator[Found]:
    """A secret in ENV or ARG: whoever has the image has it."""
    for stage in dockerfile.stages:
        for instruction in stage.of("ENV", "ARG"):
            for name, value in _pairs(instruction.rest):
                if is_secret(name, value) and not value.startswith(("/", "$")) and not is_trivial(value):
                    yield (
                        instruction.place,
                        f"{instruction.word} {name} puts a secret into the image, for everybody who can pull it",
                    )
                elif instruction.word == "ARG" and not value and _SECRET_ARGUMENT.fullmatch(name):
                    yield instruction.place, f"ARG {name} takes a secret: it stays in the history of the image"


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    words = split(rest)
    if words and "=" not in words[0] and len(words) > 1:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        name, _, value = word.partition("=")
        yield name, value


def _there(source: str, context: PurePosixPath, plan: Plan) -> list[PurePosixPath]:
    """The paths of the context that a source means, from the root."""
    pattern = str(normal(context / source.lstrip("/")))
    if not re.search(r"[*?\[]", source):
        return [path for path in [PurePosixPath(pattern)] if path in plan.paths]
    return [path for path in plan.paths if path.is_relative_to(context) and fnmatch(str(path), pattern)]


def _all_ignored(source: str, context: PurePosixPath, dockerfile: Dockerfile, plan: Plan) -> bool:
    file = ignore_file(dockerfile, context, plan)
    paths = _there(source, context, plan)
    files = [path for path in plan.sources if any(path == each or path.is_relative_to(each) for each in paths)]
    others = [path for path in plan.others if any(path == each or path.is_relative_to(each) for each in paths)]
    names = [str(path.relative_to(context)) for path in [*files, *others]]
    return bool(names) and all(is_ignored(name, file, plan) for name in names)


@rule("image-pipe-unchecked", MINOR, over=dockerfiles)
def pipe_unchecked(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A download that is piped on, and whose failure nobody sees."""
    contents = contents_of(dockerfile, plan)
    if any("pipefail" in each.rest for stage in contents.stages for each in stage.of("SHELL")):
        return
    for instruction, script in contents.runs:
        for pipe in script.of("pipeline") if "pipefail" not in script.text else ():
            first = next((command for command in script.commands if command.node.start_byte == pipe.start_byte), None)
            if first is not None and first.name in ("curl", "wget"):
                said = f"pipes what {first.name} gets into another program"
                yield instruction.place, f"{said}: where the download breaks off, the build goes on with a part of it"


@rule("image-copy-missing", CRITICAL, over=dockerfiles)
def copy_missing(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """COPY of something that the build context does not have, or that .dockerignore leaves out."""
    folders = contexts(dockerfile, plan)
    server = server_in(dockerfile, plan)
    whole = has_application if server and server.module else has_code
    if not all(whole(folder, plan) for folder in folders):
        return  # the application itself is somewhere else
    for stage in dockerfile.stages:
        for instruction, sources in copies(stage):
            for source in sources:
                if "$" in source or not PurePosixPath(source).name.strip("."):
                    continue
                if not any(_there(source, folder, plan) for folder in folders) and not _is_made(source):
                    yield instruction.place, f"copies {source}, which the build context does not have: the build fails"
                elif all(_all_ignored(source, folder, dockerfile, plan) for folder in folders):
                    yield instruction.place, f"copies {source}, which .dockerignore leaves out: the build fails"


def _is_made(source: str) -> bool:
    """Is it the kind of thing that a build makes before the image is built?"""
    return bool(
        re.search(
            r"(?:^|/)(?:dist|build|target|out|bin|node_modules|wheels?|\.next|public|static)(?:/|$)|\.(?:jar|whl)$",
            source,
        )
    )


@rule("image-copies-everything", MAJOR, over=dockerfiles)
def copies_everything(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """COPY of the whole context without a .dockerignore."""
    folders = contexts(dockerfile, plan)
    if len(plan.sources) < 2 or any(ignore_file(dockerfile, folder, plan) for folder in folders):
        return
    for stage in dockerfile.lineage(dockerfile.final):
        for instruction, sources in copies(stage):
            if any(normal(PurePosixPath(source.lstrip("/"))) == PurePosixPath() for source in sources):
                said = "copies the whole folder, and there is no .dockerignore"
                yield instruction.place, f"{said}: .git, .env and whatever else lies there come into the image"
                return


@rule("image-copies-secret", CRITICAL, over=dockerfiles)
def copies_secret(dockerfile: Dockerfile, _plan: Plan) -> Iterator[Found]:
    """A file of secrets that is copied by its name."""
    for stage in dockerfile.lineage(dockerfile.final):
        for instruction, sources in copies(stage):
            for source in sources:
                if _SECRET_FILE.search(source):
                    yield instruction.place, f"copies {source} into the image: whoever can pull it has the secrets"
