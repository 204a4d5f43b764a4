"""Log shipping: Logstash pipelines as plugins in their branches, Filebeat's inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from seatrial.plan.files import Place

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from seatrial.plan.nodes import Node


@dataclass
class Plugin:
    """A plugin of a pipeline: `grok { match => { ... } }`."""

    section: str  # input, filter, output
    name: str
    settings: dict[str, object]  # text, list of texts, or mapping of texts
    lines: dict[str, int]  # of each setting
    place: Place
    conditions: tuple[str, ...] = ()  # of the branches that it stands in, the outermost first
    condition_lines: tuple[int, ...] = ()  # where they are written

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"{self.section} {self.name}"

    def text(self, key: str) -> str:
        """A setting that is a text."""
        value = self.settings.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """A setting as texts: a list, or a single one."""
        value = self.settings.get(key)
        return value if isinstance(value, list) else [value] if isinstance(value, str) else []

    def pairs(self, key: str) -> dict[str, str]:
        """A setting that is a mapping, or a flat list of keys and values."""
        value = self.settings.get(key)
        if isinstance(value, dict):
            return value
        return dict(zip(value[::2], value[1::2], strict=False)) if isinstance(value, list) else {}

    def at(self, key: str) -> Place:
        """The line of a setting, or of the plugin."""
        return Place(self.place.file, self.lines.get(key, self.place.line))


@dataclass(eq=False)
class Pipeline:
    """A Logstash pipeline."""

    file: PurePosixPath
    plugins: list[Plugin] = field(default_factory=list)

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"pipeline {self.file}"

    @property
    def place(self) -> Place:
        """Its file."""
        return Place(self.file)

    def of(self, section: str, *names: str) -> list[Plugin]:
        """Its plugins of a section, of these names if any are given."""
        return [plugin for plugin in self.plugins if plugin.section == section and (not names or plugin.name in names)]


@dataclass(eq=False)
class Filebeat:
    """A Filebeat configuration; `output.logstash` and `output: {logstash: ...}` are the same."""

    node: Node

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"Filebeat configuration {self.node.file}"

    @property
    def place(self) -> Place:
        """Its file."""
        return Place(self.node.file, self.node.line)

    def setting(self, dotted: str) -> Node:
        """A setting, however its dots are written."""
        return _dotted(self.node, dotted)

    @cached_property
    def outputs(self) -> dict[str, Node]:
        """Its outputs by name: logstash, elasticsearch, ..."""
        found = {key.partition(".")[2]: node for key, node in self.node.items() if key.startswith("output.")}
        return {**dict(self.node.get("output").items()), **found}

    @property
    def inputs(self) -> list[Node]:
        """Its inputs."""
        return list(self.setting("filebeat.inputs"))


def _dotted(node: Node, dotted: str) -> Node:
    """The setting under a dotted path: any dot may be a level or a part of a key."""
    if node.get(dotted).written or "." not in dotted:
        return node.get(dotted)
    parts = dotted.split(".")
    for count in range(1, len(parts)):
        below = node.get(".".join(parts[:count]))
        if below.written:
            found = _dotted(below, ".".join(parts[count:]))
            if found.written:
                return found
    return node.get(dotted)
