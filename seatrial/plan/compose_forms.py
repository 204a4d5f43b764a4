"""The parts of a Compose service that have a short and a long form: ports, volumes, health checks, durations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.plan.nodes import Node

Fill = Callable[[str], str]  # replaces the variables of a text
_PORT = re.compile(
    r"^(?:(?P<ip>\[[^\]]+\]|\d+\.\d+\.\d+\.\d+|[A-Za-z][\w.-]*):)?"
    r"(?:(?P<published>[\d-]*):)?(?P<target>[\d-]+)(?:/(?P<protocol>\w+))?$"
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|h|m|s)")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Port:
    """A published port: `host:published -> target`; published is None where the engine chooses one."""

    node: Node
    host: str  # empty: every address of the machine
    published: int | None
    target: int
    protocol: str = "tcp"

    @property
    def everywhere(self) -> bool:
        """Can other machines reach it?"""
        return self.host in ("", "0.0.0.0", "::", "[::]")  # noqa: S104 - it is looked for, not bound


@dataclass(frozen=True)
class Mount:
    """A volume of a service."""

    node: Node
    kind: str  # volume (named, or anonymous if the source is empty), bind, tmpfs
    source: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class Healthcheck:
    """A service's healthcheck."""

    node: Node
    words: list[str]  # the command, without CMD or CMD-SHELL
    shell: bool
    disabled: bool
    interval_s: float
    timeout_s: float
    start_s: float
    retries: int


def ports_of(node: Node, filled: Fill) -> list[Port]:
    """The ports of an entry, in its short or its long form."""
    if node.is_map:
        target = node.get("target").integer
        published = filled(node.get("published").text)
        host = filled(node.get("host_ip").text)
        number = int(published) if published.isdigit() else None
        protocol = node.get("protocol").text or "tcp"
        return [Port(node, host, number, target, protocol)] if target is not None else []
    match = _PORT.match(filled(node.text))
    if not match:
        return []
    targets, outside = _range(match["target"]), _range(match["published"] or "")
    numbers: list[int | None] = [*outside] if len(outside) == len(targets) else [None] * len(targets)
    pairs = zip(targets, numbers, strict=True)
    return [Port(node, match["ip"] or "", outer, inner, match["protocol"] or "tcp") for inner, outer in pairs]


def mount_of(node: Node, filled: Fill) -> Mount | None:
    """The volume of an entry, in its short or its long form; None if it is none."""
    if node.is_map:
        source, target = (filled(node.get(key).text) for key in ("source", "target"))
        return Mount(node, node.get("type").text or "volume", source, target, node.get("read_only").flag is True)
    parts = filled(node.text).split(":")
    if len(parts) == 1:
        return Mount(node, "volume", "", parts[0], read_only=False) if parts[0] else None
    source, target, mode = parts[0], parts[1], ",".join(parts[2:])
    kind = "bind" if source.startswith((".", "/", "~")) or "/" in source else "volume"
    return Mount(node, kind, source, target, "ro" in mode.split(","))


def healthcheck_of(node: Node, filled: Fill) -> Healthcheck | None:
    """Its healthcheck, or None if it has none of its own."""
    if not node:
        return None
    test = node.get("test")
    words = [filled(word) for word in test.texts()] if test.is_list else ["CMD-SHELL", filled(test.text)]
    head = words[0] if words else ""
    disabled = node.get("disable").flag is True or head == "NONE"
    rest = words[1:] if head in ("CMD", "CMD-SHELL", "NONE") else words
    retries = node.get("retries").integer
    return Healthcheck(
        node, rest, head == "CMD-SHELL", disabled, seconds(node.get("interval").text, 30.0),
        seconds(node.get("timeout").text, 30.0), seconds(node.get("start_period").text, 0.0),
        3 if retries is None else retries,
    )  # fmt: skip


def seconds(text: str, otherwise: float) -> float:
    """A duration such as `1m30s` in seconds."""
    found = _DURATION.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in found) if found else otherwise


def _range(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    if not first.isdigit():
        return []
    end = int(last) if dash and last.isdigit() else int(first)
    return list(range(int(first), min(end, int(first) + 1000) + 1))
