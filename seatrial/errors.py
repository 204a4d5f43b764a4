"""What can go wrong in Seatrial itself. What goes wrong in a deployment under trial is data, never one of these.

SeatrialError            every error that a user can mend; its text is one line, the exit status is 2
|- InputError            a file or an argument is wrong: place, expected, found
|- TargetError           a deployment could not be brought up, reached or taken down
|- MissingCapability     the target cannot do what a fault needs, or a program is not installed
`- Interrupted           Ctrl-C or SIGTERM; everything was healed on the way out
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SeatrialError(Exception):
    """The base: catch it to catch every error that Seatrial raises on purpose."""


@dataclass
class InputError(SeatrialError):
    """A file or an argument is wrong: where, what was expected, what was found."""

    expected: str
    found: str
    file: Path | str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """`file:line: expected ..., found ...`, on one line."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        text = f"expected {self.expected}, found {self.found}"
        return " ".join((f"{place}: {text}" if place else text).split())


class TargetError(SeatrialError):
    """A deployment could not be brought up, reached or taken down. The text may carry the last log lines."""


class MissingCapability(SeatrialError):
    """The target cannot do what a fault needs here; the text names what is missing and what gives it."""


class Interrupted(SeatrialError):
    """The run was stopped by Ctrl-C or SIGTERM and has healed what it broke."""


def in_one_line(error: BaseException) -> str:
    """What an error says, on one line; one that Seatrial does not raise on purpose with its type."""
    said = str(error) if isinstance(error, SeatrialError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split()) or type(error).__name__


def attempt(part: Callable[..., object], *arguments: object) -> str:
    """Try what must not stop what comes after it. What went wrong, on one line, or an empty string."""
    try:
        part(*arguments)
    except Exception as error:
        return in_one_line(error)
    return ""
