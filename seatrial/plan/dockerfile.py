"""Dockerfile -> stages and instructions, with continued lines, here-documents, ARG and ENV."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.plan.files import Place

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from seatrial.plan.files import Source

_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_FLAG = re.compile(r"^--([a-z-]+)(?:=(\S*))?\s*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?([-+?])([^}]*))?\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    """An instruction: its word in capitals, its flags (`--from=build`), the rest as text."""

    word: str
    flags: dict[str, str]
    rest: str
    place: Place
    body: str = ""  # of a here-document

    @property
    def exec_form(self) -> list[str] | None:
        """The words of `["a", "b"]`, or None for the shell form."""
        if not self.rest.startswith("["):
            return None
        try:
            words = json.loads(self.rest)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None

    @property
    def words(self) -> list[str]:
        """The command's words, whatever the form."""
        found = self.exec_form
        return split(self.rest) if found is None else found


@dataclass(eq=False)
class Stage:
    """A stage: from a FROM to the next."""

    base: str  # the image, or the name of an earlier stage, with ARG replaced where the file gives a default
    name: str
    place: Place
    instructions: list[Instruction] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)  # ENV, and ARG with its default

    def of(self, *words: str) -> list[Instruction]:
        """Its instructions of these words."""
        return [instruction for instruction in self.instructions if instruction.word in words]

    def last(self, word: str) -> Instruction | None:
        """The last instruction of a word: for USER, CMD, HEALTHCHECK the one that holds."""
        return next(iter(reversed(self.of(word))), None)


@dataclass(eq=False)
class Dockerfile:
    """A Dockerfile."""

    file: PurePosixPath
    stages: list[Stage]
    arguments: dict[str, str]  # ARG before the first FROM

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"image of {self.file}"

    @property
    def final(self) -> Stage:
        """The stage that becomes the image."""
        return self.stages[-1]

    def stage(self, name: str) -> Stage | None:
        """The stage of this name or number."""
        named = [
            stage
            for number, stage in enumerate(self.stages)
            if name.lower() in (stage.name.lower(), str(number)) and name
        ]
        return named[-1] if named else None

    def lineage(self, stage: Stage) -> list[Stage]:
        """The stage and those that it is built upon, the oldest first."""
        found = [stage]
        while (parent := self.stage(found[0].base)) is not None and parent not in found:
            found.insert(0, parent)
        return found

    def last(self, word: str) -> Instruction | None:
        """The instruction that holds in the final image, inherited from the stages below it."""
        lasts = (stage.last(word) for stage in reversed(self.lineage(self.final)))
        return next((instruction for instruction in lasts if instruction), None)

    @property
    def ports(self) -> dict[int, Instruction]:
        """The ports that it exposes."""
        found: dict[int, Instruction] = {}
        for stage in self.lineage(self.final):
            for instruction in stage.of("EXPOSE"):
                for word in substitute(instruction.rest, self.variables).split():
                    number = word.partition("/")[0]
                    if number.isdigit():
                        found[int(number)] = instruction
        return found

    @property
    def variables(self) -> dict[str, str]:
        """ENV and ARG that hold in the final image."""
        return {key: value for stage in self.lineage(self.final) for key, value in stage.variables.items()}


def read_dockerfile(source: Source) -> Dockerfile | None:
    """The Dockerfile of a source; None if it has no FROM."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for instruction in _instructions(source):
        if instruction.word == "FROM":
            stages.append(_stage(instruction, arguments))
        elif not stages:
            if instruction.word == "ARG":
                arguments |= _assignments(instruction.rest, arguments)
        else:
            stages[-1].instructions.append(instruction)
            if instruction.word in ("ENV", "ARG"):
                known = {**arguments, **stages[-1].variables} if instruction.word == "ARG" else stages[-1].variables
                stages[-1].variables |= _assignments(instruction.rest, known)
    return Dockerfile(source.path, stages, arguments) if stages else None


def substitute(text: str, values: dict[str, str]) -> str:
    """`$NAME`, `${NAME}`, `${NAME:-default}` replaced; what is not known stays."""

    def value(match: re.Match[str]) -> str:
        name, operator, other = match[1] or match[4], match[2], match[3] or ""
        if operator == "-":
            return values.get(name) or other
        if operator == "+":
            return other if values.get(name) else ""
        return values.get(name, match[0])

    return _VARIABLE.sub(value, text)


def split(text: str) -> list[str]:
    """A command line's words, as well as quotes allow."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _stage(instruction: Instruction, arguments: dict[str, str]) -> Stage:
    words = substitute(instruction.rest, arguments).split()
    named = len(words) >= 3 and words[1].lower() == "as"
    return Stage(words[0] if words else "", words[2] if named else "", instruction.place)


def _assignments(rest: str, known: dict[str, str]) -> dict[str, str]:
    words = split(rest)
    if words and "=" not in words[0]:  # ENV NAME the rest; ARG NAME
        return {words[0]: substitute(" ".join(words[1:]), known)} if len(words) > 1 else {}
    pairs = (word.partition("=") for word in words if "=" in word)
    return {name: substitute(value, known) for name, _, value in pairs}


def _instructions(source: Source) -> list[Instruction]:
    escape = "`" if re.match(r"\s*#\s*escape\s*=\s*`", source.text, re.IGNORECASE) else "\\"
    found: list[Instruction] = []
    lines, number = source.lines, 0
    while number < len(lines):
        start, logical = number, ""
        while number < len(lines):
            line = lines[number].strip() if not logical else lines[number].rstrip()
            number += 1
            if line.lstrip().startswith("#") or (not line.strip() and logical):
                if logical:
                    continue
                break
            if line.endswith(escape):
                logical += line[:-1] + " "
                continue
            logical += line
            break
        word, rest = ([*logical.split(None, 1), "", ""])[:2]
        if not word.isalpha():
            continue
        body, number = _heredocs(rest, lines, number) if word.upper() in ("RUN", "COPY", "ADD") else ("", number)
        flags: dict[str, str] = {}
        rest = rest.strip()
        while match := _FLAG.match(rest):
            flags[match[1]] = match[2] or "true"
            rest = rest[match.end() :]
        found.append(Instruction(word.upper(), flags, rest, Place(source.path, start + 1), body))
    return found


def _heredocs(rest: str, lines: list[str], number: int) -> tuple[str, int]:
    body: list[str] = []
    for mark in _HEREDOC.findall(rest):
        while number < len(lines) and lines[number].strip() != mark:
            body.append(lines[number])
            number += 1
        number += 1
    return "\n".join(body), number
