"""`${NAME}` in Compose files: replaced from `.env` as Compose does it, and what happens where it is not set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VARIABLE = re.compile(
    r"\$(?:(?P<escape>\$)|(?P<plain>[A-Za-z_]\w*)|"
    r"\{(?P<braced>[A-Za-z_]\w*)(?:(?P<operator>:?[-?+])(?P<other>(?:[^{}]|\{[^{}]*\})*))?\})"
)


@dataclass(frozen=True)
class Use:
    """A variable that a text uses."""

    name: str
    operator: str  # "", "-", ":-", "?", ":?", "+", ":+"
    other: str  # the default, or the message

    @property
    def may_be_unset(self) -> bool:
        """Does the text have a meaning of its own, or an error, where the variable is not set?"""
        return bool(self.operator)


def uses(text: str) -> list[Use]:
    """The variables of a text, in order."""
    matches = (match for match in _VARIABLE.finditer(text) if not match["escape"])
    return [Use(match["braced"] or match["plain"], match["operator"] or "", match["other"] or "") for match in matches]


def interpolate(text: str, values: Mapping[str, str], unset: Callable[[str], str] = lambda _: "") -> str:
    """The text as Compose reads it; what is not set becomes nothing, or what `unset` makes of its name."""

    def value(match: re.Match[str]) -> str:
        if match["escape"]:
            return "$"
        name, operator, other = match["braced"] or match["plain"], match["operator"] or "", match["other"] or ""
        present = name in values and (values[name] != "" or not operator.startswith(":"))
        if operator.endswith("-") and not present:
            return interpolate(other, values, unset)
        if operator.endswith("+"):
            return interpolate(other, values, unset) if present else ""
        return values[name] if name in values else unset(name)

    return _VARIABLE.sub(value, text) if "$" in text else text


def read_env_file(text: str) -> dict[str, str]:
    """The assignments of a `.env` file."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#") or not re.fullmatch(r"[A-Za-z_]\w*", name.strip()):
            continue
        value = re.sub(r"""^(["'])(.*?)\1\s+#.*$""", r"\1\2\1", value.strip())
        if value[:1] in "\"'" and value[:1] and value.endswith(value[0]) and len(value) > 1:
            value = value[1:-1]
        else:
            value = re.split(r"\s+#", value, maxsplit=1)[0]
        found[name.strip()] = value
    return found
