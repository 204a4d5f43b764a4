"""What a health check runs and asks: its programs, its URL, and whether a bad answer makes it fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath

from seatrial.plan.image_programs import PROBERS
from seatrial.plan.shell import Script

_URL = re.compile(r"(https?)://(\[?[\w.:$-]*?\]?)(?::(\d+))?(/[^\s\"'|;)]*)?(?=[\s\"'|;),]|$)")
_HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1"})  # noqa: S104 - looked for, not bound
_FAILS = re.compile(r"(?:^|\s)(?:-[A-Za-z]*f[A-Za-z]*|--fail\S*)(?=\s|$)")
_JUDGES = re.compile(r"-w\b|--write-out|\bgrep\b|\bjq\b|\btest\b|\[\s|-o\s*/dev/null\s+-w")


@dataclass(frozen=True)
class Check:
    """A health check's command."""

    words: tuple[str, ...]
    shell: bool

    @property
    def text(self) -> str:
        """The whole as one line."""
        return " ".join(self.words)

    @cached_property
    def commands(self) -> list[list[str]]:
        """The commands that it runs."""
        inside = self.text if self.shell else self._inner()
        if inside is None:
            return [list(self.words)]
        found = [command.program for command in Script(PurePosixPath(), inside).commands if command.program]
        return found if self.shell else [[self.words[0]], *found]

    def _inner(self) -> str | None:
        if len(self.words) > 2 and self.words[0].rsplit("/", maxsplit=1)[-1] in ("sh", "bash") and "c" in self.words[1]:
            return self.words[2]
        return None

    @property
    def programs(self) -> list[str]:
        """Those of its programs of which it can be known whether an image has them."""
        names = [words[0].rsplit("/", maxsplit=1)[-1] for words in self.commands if words]
        return [name for name in dict.fromkeys(names) if name in PROBERS]

    @property
    def address(self) -> tuple[int, str] | None:
        """Port and path that it asks of its own container over HTTP; None if it asks none, or another host."""
        match = _URL.search(self.text)
        if match is None or match[2].lower() not in _HERE:
            return None
        port = int(match[3]) if match[3] else 443 if match[1] == "https" else 80
        return port, (match[4] or "/").partition("?")[0]

    @property
    def port(self) -> int | None:
        """The port that it asks of its own container, in whichever way."""
        if self.address is not None:
            return self.address[0]
        for words in self.commands:
            number = _client_port(words)
            if number is not None:
                return number
        return None

    @property
    def ignores_errors(self) -> bool:
        """Does curl take an answer such as 500 for success, and nothing else looks at it?"""
        return any(words[:1] == ["curl"] for words in self.commands) and not (
            _FAILS.search(self.text) or _JUDGES.search(self.text)
        )


def _client_port(words: list[str]) -> int | None:
    name = words[0].rsplit("/", maxsplit=1)[-1] if words else ""
    if name in ("pg_isready", "redis-cli", "psql"):
        if "-h" in words and words[words.index("-h") + 1 :][:1] not in (["localhost"], ["127.0.0.1"]):
            return None
        text = next((after for before, after in pairwise(words) if before in ("-p", "--port")), "")
        return int(text) if text.isdigit() else None
    if name in ("nc", "netcat") and len(words) > 2 and words[-2] in _HERE:
        return int(words[-1]) if words[-1].isdigit() else None
    return None
