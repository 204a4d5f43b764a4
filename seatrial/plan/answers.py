"""Words that a check looks for in an answer, and whether the answer that says the opposite has them too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.plan.shell_values import filled

if TYPE_CHECKING:
    from seatrial.plan.shell import Command

# What says that all is well, and what says the opposite and has the same letters in it.
OPPOSITES = {
    "healthy": "unhealthy", "connected": "disconnected", "available": "unavailable", "active": "inactive",
    "ready": "notready", "reachable": "unreachable", "operational": "nonoperational", "stable": "unstable",
    "successful": "unsuccessful", "valid": "invalid", "complete": "incomplete", "Healthy": "Unhealthy",
    "Ready": "NotReady", "HEALTHY": "UNHEALTHY", "CONNECTED": "DISCONNECTED", "AVAILABLE": "UNAVAILABLE",
}  # fmt: skip
_FORMS = ("{}", '"{}"', '{{"status":"{}"}}', '{{"status": "{}"}}', "status: {}", "status={}", "Up 2 minutes ({})")
_VALUED = ("-e", "-f", "-m", "-A", "-B", "-C", "--regexp", "--max-count")
MOST_LETTERS = 200


def grep_pattern(command: Command) -> str:
    """The pattern of a grep that is satisfied by a part of a line, as Python has it; empty for others."""
    if command.name not in ("grep", "egrep", "fgrep"):
        return ""
    flags = [word for word in command.program[1:] if re.fullmatch(r"-[A-Za-z]+", word)]
    long = {word for word in command.program[1:] if word.startswith("--")}
    letters = "".join(flags)
    if set("vwxfL") & set(letters) or long & {"--invert-match", "--word-regexp", "--line-regexp"}:
        return ""
    given = command.option("-e", "--regexp") or _first_operand(command.program[1:])
    text = filled(command, given)
    if not text or "$" in text.rstrip("$") or len(text) > MOST_LETTERS:
        return ""
    fixed = "F" in letters or command.name == "fgrep" or "--fixed-strings" in long
    pattern = re.escape(text) if fixed else text
    if not fixed and not set("EP") & set(letters) and command.name == "grep":  # basic: these are letters, with a \\ not
        pattern = re.sub(r"\\\\([|+?(){}])|([|+?(){}])", lambda m: m[1] or "\\" + m[2], text)
    return f"(?i){pattern}" if "i" in letters or "--ignore-case" in long else pattern


def _first_operand(words: list[str]) -> str:
    number = 0
    while number < len(words):
        if words[number] in _VALUED:
            number += 2
        elif words[number].startswith("-"):
            number += 1
        else:
            return words[number]
    return ""


def opposite(pattern: str) -> str:
    """The word for the opposite that a pattern finds as well as the word itself; empty if there is none."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError):
        return ""
    for good, bad in OPPOSITES.items():
        if good.lower() not in pattern.lower() or bad.lower() in pattern.lower():
            continue
        both = [form for form in _FORMS if compiled.search(form.format(good)) and compiled.search(form.format(bad))]
        if both and not any(compiled.search(form.format("")) for form in both):
            return bad
    return ""
