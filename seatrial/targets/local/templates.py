"""`{port}`, `{cache.url}` and the like in commands, environments and URLs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_REFERENCE = re.compile(r"\{(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:\.(?P<field>[a-z]+))?\}")
_FIELDS = ("url", "host", "port")


def references(texts: Iterable[str]) -> set[str]:
    """Names of the components that the texts refer to."""
    return {match["name"] for text in texts for match in _REFERENCE.finditer(text) if match["field"]}


def mentions_port(texts: Iterable[str]) -> bool:
    """True if one of the texts has `{port}`."""
    return any("{port}" in text for text in texts)


def fill(text: str, values: Mapping[str, str], place: Path | str | None = None) -> str:
    """The text with every reference replaced. Raises InputError for one that `values` does not have."""

    def value(match: re.Match[str]) -> str:
        key = match[0][1:-1]
        if key not in values:
            raise InputError(f"a reference to one of {', '.join(sorted(values)) or 'nothing'}", match[0], place)
        return values[key]

    return _REFERENCE.sub(value, text)


def fields(name: str, url: str, host: str, port: int) -> dict[str, str]:
    """The references that others make to a component: `name.url`, `name.host`, `name.port`."""
    return dict(zip((f"{name}.{field}" for field in _FIELDS), (url, host, str(port)), strict=True))
