"""The commands that a recovery document tells to run: its blocks of code, as scripts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.shell import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.recovery import RecoveryPlan

_FENCE = re.compile(r"^\s*(?P<marks>`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
_SHELLS = frozenset({"", "bash", "sh", "shell", "console", "zsh", "shell-session", "terminal"})


@lru_cache(maxsize=16)
def code_of(document: RecoveryPlan) -> tuple[Script, ...]:
    """The blocks of shell commands of a document, in its order."""
    return tuple(_blocks(document))


def _blocks(document: RecoveryPlan) -> Iterator[Script]:
    opened: re.Match[str] | None = None
    block: list[str] = []
    for number, line in enumerate(document.lines, start=1):
        fence = _FENCE.match(line)
        if opened is None:
            opened, block = fence, []
        elif fence is None or fence["marks"][0] != opened["marks"][0] or fence["language"]:
            block.append(re.sub(r"^\s*\$ ", "", line))
        else:
            if opened["language"].lower() in _SHELLS and block:
                yield Script(document.file, "\n".join(block), number - len(block))
            opened = None
