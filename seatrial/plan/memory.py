"""What servers are told to take of memory: Redis' maxmemory, PostgreSQL's shared_buffers, the heap of a JVM."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seatrial.plan.nodes import Node

_SIZE = re.compile(r"(\d{1,15})([a-zA-Z]{0,2})")
_REDIS = {"": 1, "b": 1, "k": 1000, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}
_POSTGRES = {"": 2**13, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}
_JAVA = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_HEAP = re.compile(r"(?<!\S)-Xmx(\d{1,9})([kKmMgG]?)(?!\S)")


@dataclass(frozen=True)
class Claim:
    """Memory that a setting lets a server take."""

    setting: str
    written: str
    bytes: float
    node: Node
    end: str  # what becomes of it in a container that may take less


def claims(words: Iterable[Node], values: Iterable[Node] = ()) -> Iterator[Claim]:
    """What the words of a command, and the values of variables, let a server take."""
    tokens = [(token.strip("\"'"), node) for node in words for token in node.text.replace("=", " ").split()]
    for (name, _), (written, node) in pairwise(tokens):
        if name == "--maxmemory" and (size := _size(written, _REDIS)):
            yield Claim("maxmemory", written, size, node, "it is killed before it evicts anything")
        elif name in ("shared_buffers", "--shared_buffers", "--shared-buffers") and (size := _size(written, _POSTGRES)):
            yield Claim("shared_buffers", written, size, node, "it does not start, or is killed as they fill")
    for node in [*words, *values]:
        if match := _HEAP.search(node.text):
            size = int(match[1]) * _JAVA[match[2].lower()]
            yield Claim("-Xmx", match[1] + match[2], size, node, "it is killed before its heap is full")


def _size(written: str, units: dict[str, int]) -> float | None:
    match = _SIZE.fullmatch(written)
    factor = units.get(match[2].lower()) if match else None
    return float(match[1]) * factor if match and factor else None
