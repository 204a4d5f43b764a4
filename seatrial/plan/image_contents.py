"""What the instructions of a Dockerfile put into its image: packages, programs, and what they take out again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.dockerfile import substitute
from seatrial.plan.image_programs import has_program
from seatrial.plan.shell import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile, Instruction, Stage
    from seatrial.plan.shell import Command

_MANAGERS = frozenset({"apt-get", "apt", "apk", "dnf", "yum", "microdnf", "zypper", "aptitude"})
_GIVES = {
    "nc": r"netcat|nmap|ncat|busybox", "netcat": r"netcat|nmap", "ncat": r"nmap|ncat",
    "pg_isready": r"postgresql|libpq5?-?utils", "psql": r"postgresql", "redis-cli": r"redis|valkey",
    "mysqladmin": r"mysql|mariadb|default-mysql", "mysql": r"mysql|mariadb|default-mysql", "http": r"httpie",
    "python": r"python", "python3": r"python", "node": r"node|npm", "ps": r"procps", "ping": r"iputils|inetutils",
    "netstat": r"net-tools", "ss": r"iproute", "mongosh": r"mongo", "mongo": r"mongo",
}  # fmt: skip
_OPENS = re.compile(r"(?:^|/)[^/]*\.sh$|^\./|^\$|^(?:make|ansible-playbook|nix|conda|brew|xargs)$")


@dataclass(frozen=True)
class Installed:
    """A package that an instruction installs and does not take out again."""

    name: str
    instruction: Instruction


class Contents:
    """What is in the image that a Dockerfile makes."""

    def __init__(self, dockerfile: Dockerfile) -> None:
        self.dockerfile = dockerfile
        self.stages = dockerfile.lineage(dockerfile.final)

    @property
    def base(self) -> str:
        """The image that it stands on."""
        return self.stages[0].base

    @cached_property
    def runs(self) -> list[tuple[Instruction, Script]]:
        """Its RUN instructions as scripts."""
        found = [each for stage in self.stages for each in stage.of("RUN")]
        return [(each, Script(each.place.file, script_of(each), each.place.line)) for each in found]

    @cached_property
    def packages(self) -> list[Installed]:
        """The packages of the system that are installed and stay."""
        return [Installed(name, each) for each, script in self.runs for name in _stay(script)]

    @cached_property
    def told(self) -> bool:
        """Do the instructions tell all that is installed?"""
        commands = [command for _, script in self.runs for command in script.commands]
        return not any(_OPENS.search(word) for command in commands for word in _what_runs(command))

    def has(self, program: str) -> bool | None:
        """Is a program in the image? None where nobody can tell."""
        pattern = re.compile(_GIVES.get(program, re.escape(program)), re.IGNORECASE)
        if any(pattern.match(each.name) for each in self.packages):
            return True
        if any(program in each.rest for stage in self.stages for each in stage.of("COPY", "ADD")):
            return True
        base = has_program(self.base, program)
        mentioned = any(
            re.search(rf"/{re.escape(program)}\b|\b{re.escape(program)}-static", s.text) for _, s in self.runs
        )
        return base if base or (self.told and not mentioned) else None


def copies(stage: Stage) -> Iterator[tuple[Instruction, list[str]]]:
    """What a stage copies out of the build context: instructions with their sources."""
    for instruction in stage.of("COPY", "ADD"):
        if "from" in instruction.flags or instruction.rest.startswith("<<"):
            continue
        words = [substitute(word, stage.variables) for word in instruction.words]
        yield instruction, [word for word in words[:-1] if "://" not in word and not word.startswith("git@")]


def copied(path: str, dockerfile: Dockerfile) -> Instruction | None:
    """The instruction that puts a file of the context into the final image, if it is there when the image is built."""
    for stage in dockerfile.lineage(dockerfile.final):
        for instruction, sources in copies(stage):
            for source in sources:
                plain = source.strip("/").removeprefix("./").rstrip("/")
                if plain in ("", ".") or path == plain or path.startswith(f"{plain}/") or fnmatch(path, plain):
                    return instruction
    return None


def script_of(instruction: Instruction) -> str:
    """What a RUN runs, as a script."""
    words = instruction.exec_form
    if words is not None:
        return words[-1] if "-c" in words else " ".join(words)
    return instruction.body if instruction.body and instruction.rest.startswith("<<") else instruction.rest


def _what_runs(command: Command) -> Iterator[str]:
    """A command's program, and the script that a shell is given."""
    program = command.program
    yield from program[:1]
    if program and program[0] in ("sh", "bash", "ash", "dash", "source", ".") and "-c" not in program:
        yield "$" if len(program) == 1 else program[-1] if program[-1].startswith("$") else f"/{program[-1]}.sh"
    if program and program[0] in _MANAGERS:
        values = command.script.values
        yield from (word for word in program[1:] if Script.filled(word, values).startswith("$"))


def _stay(script: Script) -> list[str]:
    found: dict[str, str] = {}  # package -> the name under which apk knows the group
    for command in script.commands:
        words = [word for text in command.program for word in Script.filled(text, script.values).split()]
        if not words or words[0] not in _MANAGERS:
            continue
        verb = next(
            (w for w in words[1:] if w in ("install", "add", "purge", "remove", "del", "erase", "autoremove")), ""
        )
        names, group = _names(words, verb)
        if verb in ("install", "add"):
            found |= dict.fromkeys(names, group)
        else:
            found = {name: of for name, of in found.items() if name not in names and (not of or of not in names)}
    return list(found)


def _names(words: list[str], verb: str) -> tuple[list[str], str]:
    rest = words[words.index(verb) + 1 :] if verb else []
    group = ""
    for flag in ("--virtual", "-t"):
        if words[0] == "apk" and flag in rest:
            place = rest.index(flag)
            group = rest[place + 1] if place + 1 < len(rest) else ""
            rest = rest[:place] + rest[place + 2 :]
    names = [re.split(r"[=<>~:]", word, maxsplit=1)[0] for word in rest if not word.startswith("-")]
    return [name for name in names if name], group


@lru_cache(maxsize=4)
def _all_contents(plan: Plan) -> dict[int, Contents]:
    return {id(each): Contents(each) for each in plan.dockerfiles}


def contents_of(dockerfile: Dockerfile, plan: Plan) -> Contents:
    """What is in the image of a Dockerfile of a plan."""
    return _all_contents(plan)[id(dockerfile)]
