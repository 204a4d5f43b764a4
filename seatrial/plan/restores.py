"""What brings a backup back: the restores of scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.backups import RUNS
from seatrial.plan.recovery_code import code_of
from seatrial.plan.shell import Command, Script
from seatrial.plan.shell_course import fill, option, statement_of
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from seatrial.plan import Plan

_SQL = re.compile(r"\.sql\b|\.dump\b|\bdump|backup", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Restore:
    """A command that brings a dump back."""

    command: Command
    tool: str  # pg_restore or psql
    unpacked: bool  # does it read what gunzip gives it?

    @property
    def script(self) -> Script:
        """Its script."""
        return self.command.script


@lru_cache(maxsize=2)
def restores_of(plan: Plan) -> list[Restore]:
    """Every restore of every script, and of the commands in recovery documents."""
    documented = [script for document in plan.recoveries for script in code_of(document)]
    scripts = [*plan.all_scripts, *documented]
    return [found for script in scripts if re.search("pg_restore|psql", script.text) for found in _restores(script)]


def _restores(script: Script) -> Iterator[Restore]:
    for command in script.commands:
        words = [word.rsplit("/", maxsplit=1)[-1] for word in command.program]
        tool = next((word for word in words if word in ("pg_restore", "psql")), "")
        direct = bool(words) and (words[0] == tool or bool(RUNS & set(words[: words.index(tool)]) if tool else False))
        if not tool or not direct or {"--list", "-l", "--version", "-V"} & set(words):
            continue
        whole = fill(script, text_of(statement_of(command)))
        unpacked = bool(
            re.search(r"\b(?:gunzip|zcat|gzip\s+-\w*d|pigz\s+-\w*d|zstd\s+-\w*d|xz\s+-\w*d|bunzip2)\b", whole)
        )
        if tool == "pg_restore" or (
            unpacked
            or "<" in whole.replace("<<", "")
            or (option(words, "-f", "--file") and _SQL.search(whole))
            or re.search(r"\bcat\b.*\|", whole)
        ):
            yield Restore(command, tool, unpacked)
