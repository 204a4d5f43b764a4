"""What a script asks over HTTP: with curl or wget, here or inside a pod, and which answers count as failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.plan.rollouts import call_of
from seatrial.plan.shell_values import filled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.kubectl import Call
    from seatrial.plan.shell import Command, Script

_URL = re.compile(r"(?:(https?)://)?([\w.$\{\}()-]+|\[[^]]+\])(?::(\d+|\$\{?\w+\}?))?(/[^\s'\"?#]*)?")
_FAIL = re.compile(r"-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body)?")
_VALUED = frozenset({
    "-o", "-w", "-H", "-X", "-d", "-m", "-u", "-T", "--max-time", "--retry", "--retry-delay", "--connect-timeout",
    "--output", "--write-out", "--header", "--request", "--data", "--user", "--retry-max-time", "-O", "--timeout",
    "--tries", "-A", "--resolve", "--cacert", "--cert", "--key",
})  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """A request of a script."""

    command: Command
    words: list[str]  # the program and its words, filled
    written: str  # the URL as it is written
    host: str
    port: int | None
    path: str
    call: Call | None  # of kubectl exec, where it asks inside a pod

    @property
    def fails_on_errors(self) -> bool:
        """Does an answer like 500 count as a failure?"""
        if self.words[0] == "wget":
            return True
        return any(_FAIL.fullmatch(word) for word in self.words[1:])

    @property
    def shows_status(self) -> bool:
        """Is the answer itself looked at: its status written out, piped on or kept?"""
        told = any("http_code" in word or "response_code" in word for word in self.words)
        return told or self.command.inside("pipeline", "command_substitution", "herestring_redirect")


def asks(script: Script) -> Iterator[Ask]:
    """The requests of a script, in the order of the text."""
    if "curl" not in script.text and "wget" not in script.text:
        return
    for command in script.commands:
        call = call_of(command)
        words = call.inner if call is not None else command.program
        if words[:2] and words[0] in ("sh", "bash") and len(words) > 2:
            words = words[2].split()
        if words and words[0].rsplit("/", maxsplit=1)[-1] in ("curl", "wget"):
            ask = _ask(command, [words[0].rsplit("/", maxsplit=1)[-1], *words[1:]], call)
            if ask is not None:
                yield ask


def _ask(command: Command, words: list[str], call: Call | None) -> Ask | None:
    operands = [word for before, word in pairwise(words) if before not in _VALUED and not word.startswith("-")]
    for word in operands:
        match = _URL.match(filled(command, word))
        if match and ("://" in filled(command, word) or match[3] or "/" in word or "localhost" in word):
            port = match[3] or {"https": "443", "http": "80"}.get(match[1] or "http", "80")
            number = int(port) if port.isdigit() and len(port) < 6 else None
            full = [filled(command, each) for each in words]
            return Ask(command, full, word, match[2], number, match[4] or "/", call)
    return None


def comes_from(command: Command, variable: str, pattern: str) -> bool:
    """Does a variable (or the one that it loops over) hold what a command with this text answers?"""
    script = command.script
    texts = [value for name, value, _ in script.assignments if name == variable]
    for node in script.of("for_statement"):
        name = node.child_by_field_name("variable")
        if name is not None and name.text.decode(errors="replace") == variable:
            texts += [each.text.decode(errors="replace") for each in node.children_by_field_name("value")]
    if any(re.search(pattern, text) for text in texts):
        return True
    inner = {name for text in texts for name in re.findall(r"\$\{?(\w+)", text)} - {variable}
    return any(re.search(pattern, value) for name, value, _ in script.assignments if name in inner)
