"""Backups and restores: the dumps that scripts make, where they go, what runs them, and what brings them back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.plan.shell import Command, Script
from seatrial.plan.shell_course import fill, option, statement_of
from seatrial.plan.shell_words import Tree, text_of, unquoted

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.schedules import Schedule

_DEPLOYS = re.compile(r"kubectl.*\s(?:apply|set\s+image)\b|compose\s.*\bup\b|\brollout\b|alembic\s+upgrade")
_PACKERS = {
    "gzip": (".gz",), "pigz": (".gz",), "zstd": (".zst",), "xz": (".xz",), "bzip2": (".bz2",),
    "gpg": (".gpg", ".asc"), "openssl": (".enc",), "age": (".age",),
}  # fmt: skip
_DUMPERS = frozenset({"pg_dump", "pg_dumpall"})
RUNS = frozenset({"exec", "run", "--"})
_FORMATS = {"c": "custom", "d": "directory", "t": "tar", "p": "plain"}
_TIME = re.compile(r"\$\([^()]*\bdate\b[^()]*\)|`[^`]*\bdate\b[^`]*`")
_OPEN = re.compile(r"\$\([^()]*\)|`[^`]*`|\$\{[^}]*\}|\$\w+")
SAMPLE = "20260101_000000"
LONGEST_NAME = 255  # of a file
MOST_DUMPS = 20  # of a script: more are no backup, but a torn file


@dataclass(frozen=True, eq=False)
class Dump:
    """A pg_dump in a script."""

    command: Command
    words: list[str]  # of pg_dump itself
    elsewhere: bool  # in another container or on another machine, where it needs no password of ours

    @property
    def script(self) -> Script:
        """Its script."""
        return self.command.script

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"backup in {self.script.file}"

    @cached_property
    def statement(self) -> Tree:
        """With its pipe and its redirections."""
        return statement_of(self.command)

    @property
    def format(self) -> str:
        """custom, directory, tar or plain."""
        found = self.filled(option(self.words, "-F", "--format") or "p").strip()
        return _FORMATS.get(found[:1], "")

    @property
    def piped(self) -> list[Command]:
        """The commands that its output goes through."""
        inside = [
            each
            for each in self.script.commands
            if self.statement.start_byte <= each.node.start_byte < self.statement.end_byte
        ]
        return [each for each in inside if each.node.start_byte > self.command.node.start_byte]

    @property
    def gzipped(self) -> bool:
        """Is what is written packed by gzip or its like, whatever its format?"""
        return any(each.name in ("gzip", "pigz", "zstd", "xz", "bzip2") for each in self.piped)

    def filled(self, text: str) -> str:
        """A text with the script's variables."""
        return fill(self.script, text)

    def connection(self, letter: str, long: str, variable: str) -> str:
        """Host, user, database as far as the script tells; empty where it does not."""
        found = option(self.words, letter, long)
        return self.filled(found if found is not None else self.script.values.get(variable, ""))

    @property
    def database(self) -> str:
        """The database that it dumps."""
        named = self.connection("-d", "--dbname", "PGDATABASE")
        last = self.words[-1] if len(self.words) > 1 else ""
        before = self.words[-2] if len(self.words) > 2 else ""
        plain = not last.startswith(("-", ">")) and not (
            before.startswith("-") and "=" not in before and len(before) == 2
        )
        return named or (self.filled(last) if plain else "")

    @cached_property
    def paths(self) -> list[str]:
        """The paths that it leaves behind, as samples: what it writes, as it is renamed or packed to later."""
        found = [self.filled(text) for text in [option(self.words, "-f", "--file") or "", *self._redirected()] if text]
        for command in self.script.commands:
            if command.name in _PACKERS or command.name == "mv":
                words = [self.filled(word) for word in command.program]
                found = [path for each in found for path in _renamed(each, words)]
        return [sample(path) for path in found]

    def _redirected(self) -> Iterator[str]:
        for node in _descendants(self.statement):
            if node.type == "file_redirect" and not text_of(node).startswith(("2", "&", "<")):
                target = node.child_by_field_name("destination")
                if target is not None and not text_of(target).startswith(("/dev/", "&", "1", "2")):
                    yield unquoted(target)
        yield from (word for each in self.piped if each.name == "tee" for word in each.program[1:2])

    @property
    def folder(self) -> str:
        """The folder that it writes to, where the script tells."""
        return str(PurePosixPath(self.paths[-1]).parent) if self.paths else ""


def _renamed(path: str, words: list[str]) -> list[str]:
    """What becomes of a path by a command that renames or packs it."""
    plain = [word for word in words[1:] if not word.startswith("-")]
    if path not in plain:
        return [path]
    if words[0] == "mv":
        return [plain[1]] if len(plain) == 2 and plain[0] == path else [path]
    kept = [path] if words[0] in ("gpg", "openssl", "age", "zstd") or {"-k", "--keep", "-c"} & set(words) else []
    return [*kept, *(f"{path}{ending}" for ending in _PACKERS[words[0]])]


def _descendants(node: Tree) -> Iterator[Tree]:
    yield node
    for child in node.named_children:
        yield from _descendants(child)


def sample(text: str) -> str:
    """A name as it may really be: a time for `$(date ...)`, an x for what nobody knows."""
    return _OPEN.sub("x", _TIME.sub(SAMPLE, text))


def matches(path: str, pattern: str) -> bool:
    """May a pattern of find, ls or a copying program take in a file?"""
    name = PurePosixPath(path).name
    bare = PurePosixPath(sample(pattern)).name
    return (len(bare) <= LONGEST_NAME and fnmatchcase(name, bare)) or bare in ("x", "*")


@lru_cache(maxsize=2)
def dumps_of(plan: Plan) -> list[Dump]:
    """Every pg_dump of every script."""
    return [
        found for script in plan.all_scripts if "pg_dump" in script.text for found in islice(_dumps(script), MOST_DUMPS)
    ]


@lru_cache(maxsize=2)
def backups_of(plan: Plan) -> list[Dump]:
    """The first dump of each script that is there for backups; a dump before a deployment is none of those."""
    workflows = {each.node.file for each in plan.workflows}
    first = {id(dump.script): dump for dump in reversed(dumps_of(plan))}
    return [
        dump for dump in first.values() if not _DEPLOYS.search(dump.script.text) and dump.script.file not in workflows
    ]


def _dumps(script: Script) -> Iterator[Dump]:
    for command in script.commands:
        words = command.program
        number = next((place for place, word in enumerate(words) if word.rsplit("/", maxsplit=1)[-1] in _DUMPERS), None)
        if number is None:
            number, words = _quoted(words)
        if number is None or {"--version", "-V", "--help"} & set(words[number + 1 :]):
            continue
        before = words[:number]
        if number == 0 or RUNS & set(before) or before[0] in ("ssh", "sh", "bash"):
            yield Dump(command, words[number:], number > 0)


def _quoted(words: list[str]) -> tuple[int | None, list[str]]:
    """`docker exec db sh -c 'pg_dump ...'`: the words of the text."""
    text = words[-1] if len(words) > 2 and re.search(r"\bpg_dump\b", words[-1]) and words[-2].endswith("c") else ""
    inner = text[text.index("pg_dump") :].split("|")[0].split(">")[0].split() if text else []
    return (len(words) - 1, [*words[:-1], *inner]) if inner else (None, words)


def names_of(script: Script, plan: Plan) -> set[str]:
    """The names under which a script is run: its file's, and the key of a ConfigMap that has it."""
    if any(script is each for each in plan.scripts):
        return {script.file.name}
    return {
        key
        for (kind, _, _), data in plan.configs.items()
        for key, text in data.items()
        if kind == "ConfigMap" and text and text.strip() == script.text.strip()
    }


@lru_cache(maxsize=64)
def callers_of(script: Script, plan: Plan) -> set[str]:
    """Names of the script and of those that run it, however often removed."""
    names = names_of(script, plan)
    for _ in range(3):
        texts = [each for each in plan.scripts if any(_called(name, each) for name in names)]
        names |= {each.file.name for each in texts}
    return names


def _called(name: str, script: Script) -> bool:
    return any(name in " ".join(command.words) for command in script.commands if command.name not in ("echo", "printf"))


@lru_cache(maxsize=64)
def schedules_of(script: Script, plan: Plan) -> list[Schedule]:
    """What runs a script again and again."""
    names = callers_of(script, plan)
    own = (
        []
        if names
        else [
            each
            for each in plan.schedules
            if each.place.file == script.file and script.text.strip()[:200] in each.command
        ]
    )
    return own + [
        each
        for each in plan.schedules
        if any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", each.command) for name in names)
    ]
