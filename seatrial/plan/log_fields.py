"""What a Logstash pipeline does to the fields of an event: which filters set, read and remove them, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.files import Place
from seatrial.plan.shipping import Plugin

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from seatrial.plan import Plan

# What Beats and Logstash put into an event by themselves.
GIVEN = frozenset({
    "message", "@timestamp", "@version", "@metadata", "host", "agent", "log", "container", "docker", "kubernetes",
    "input", "stream", "tags", "type", "fields", "ecs", "event", "path", "beat", "source", "offset", "prospector",
    "port", "headers", "cloud", "service", "error", "fileset", "process", "user", "url", "http", "syslog", "journald",
})  # fmt: skip
_OPEN = frozenset({
    "kv", "ruby", "csv", "xml", "translate", "aggregate", "elasticsearch", "jdbc_streaming", "jdbc_static", "http",
    "memcached", "clone", "split", "metrics", "elastic_integration", "de_dot", "syslog_pri", "cef", "prune", "dissect",
    "json_encode", "environment", "fingerprint", "anonymize", "range", "bytes", "i18n", "dns", "cidr", "throttle",
    "truncate", "urldecode", "uuid", "alter", "age", "extractnumbers", "metricize", "tld",
})  # fmt: skip
_NAMED = re.compile(r"%\{\w+:([^:}]+)(?::\w+)?\}|\(\?<([^>=!]+)>")
_REFERENCE = re.compile(r"(?:\[ [\w@.-]+ \] ?)+")
_STRINGS = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|/(?:\\.|[^/\\])+/""")


def field_name(text: str) -> str:
    """A field reference in one form: `[a][b]` and `[ a ] [ b ]` are `[a][b]`; `[a]` is `a`."""
    parts = re.findall(r"\[\s*([^\[\]]+?)\s*\]", text)
    return parts[0] if len(parts) == 1 else "".join(f"[{part}]" for part in parts) if parts else text.strip()


def root_of(field: str) -> str:
    """The outermost part of a field."""
    return field[1:].partition("]")[0] if field.startswith("[") else field


def captures(patterns: list[str]) -> list[str]:
    """The fields that grok patterns capture."""
    return [field_name(first or second) for text in patterns for first, second in _NAMED.findall(text)]


def patterns_of(plugin: Plugin) -> list[tuple[str, str]]:
    """Field and pattern of each match of a grok filter."""
    value = plugin.settings.get("match")
    if isinstance(value, list):
        return list(zip(value[::2], value[1::2], strict=False))
    return list(value.items()) if isinstance(value, dict) else []


def reads(plugin: Plugin) -> Iterator[tuple[str, str]]:
    """The fields that a filter reads, each with the setting that names it."""
    if plugin.name == "grok":
        yield from ((field_name(field), "match") for field, _ in patterns_of(plugin))
    elif plugin.name == "date":
        yield from ((field_name(text), "match") for text in plugin.texts("match")[:1])
    elif plugin.name in ("json", "geoip", "useragent", "kv", "urldecode", "dissect") and plugin.text("source"):
        yield field_name(plugin.text("source")), "source"
    elif plugin.name == "mutate":
        for key in ("rename", "copy"):
            yield from ((field_name(field), key) for field in plugin.pairs(key))
        for key in ("uppercase", "lowercase", "strip", "capitalize"):
            yield from ((field_name(text), key) for text in plugin.texts(key))
        yield from ((field_name(field), "convert") for field in plugin.pairs("convert"))
        yield from ((field_name(text), "gsub") for text in plugin.texts("gsub")[::3])


def sets(plugin: Plugin) -> set[str] | None:
    """The fields that a filter makes; None if nobody can tell."""
    added = {field_name(field) for field in plugin.pairs("add_field")}
    if plugin.name == "grok":
        return added | set(captures([pattern for _, pattern in patterns_of(plugin)]))
    if plugin.name == "date":
        return added | {field_name(plugin.text("target") or "@timestamp")}
    if plugin.name == "json":
        return added | {field_name(plugin.text("target"))} if plugin.text("target") else None
    if plugin.name in ("geoip", "useragent"):
        default = {"geoip": "geoip", "useragent": "user_agent"}[plugin.name]
        return added | {field_name(plugin.text("target") or default), "client", "source", "destination"}
    if plugin.name == "mutate":
        made = {field_name(value) for key in ("rename", "copy") for value in plugin.pairs(key).values()}
        made |= {field_name(field) for key in ("replace", "update", "merge") for field in plugin.pairs(key)}
        return added | made
    return added if plugin.name not in _OPEN else None


def removes(plugin: Plugin) -> set[str]:
    """The fields that a filter takes away."""
    gone = {field_name(text) for text in plugin.texts("remove_field")}
    if plugin.name == "mutate":
        gone |= {field_name(field) for field in plugin.pairs("rename")}
    return {field for field in gone if "*" not in field and "%" not in field}


@dataclass(frozen=True)
class Condition:
    """A condition of a pipeline, and where it stands among the plugins."""

    text: str  # its tokens with spaces between them
    place: Place
    position: int  # of the first plugin behind it
    above: tuple[str, ...]  # the conditions around it

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"if {self.text}"

    @property
    def fields(self) -> list[str]:
        """The fields that it looks at."""
        bare = _STRINGS.sub('""', self.text)
        return [field_name(text) for text in _REFERENCE.findall(bare)]

    @property
    def told(self) -> Iterator[tuple[str, list[str]]]:
        """Fields with the texts that they are compared with: `[level] == "ERROR"`, `[level] in ["A", "B"]`."""
        for match in re.finditer(r"""((?:\[ [\w@.-]+ \] ?)+)(?:== ("[^"]*"|'[^']*')|in \[ ([^\]]*) \])""", self.text):
            texts = re.findall(r"""["']([^"']*)["']""", match[2] or match[3] or "")
            yield field_name(match[1]), texts

    @property
    def tags(self) -> list[str]:
        """The tags that it asks for."""
        return re.findall(r"""(?<!not )["']([^"']+)["'] in \[ tags \]""", self.text)


@dataclass(eq=False)
class Flow:
    """What one Logstash does with an event: all files of a folder are one pipeline, one after the other."""

    file: PurePosixPath
    plugins: list[Plugin]

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"pipeline {self.file}"

    def of(self, section: str, *names: str) -> list[Plugin]:
        """Its plugins of a section, of these names if any are given."""
        return [plugin for plugin in self.plugins if plugin.section == section and (not names or plugin.name in names)]

    @cached_property
    def conditions(self) -> list[Condition]:
        """Its conditions, each once."""
        found: dict[tuple[PurePosixPath, int, str], Condition] = {}
        for position, plugin in enumerate(self.plugins):
            pairs = zip(plugin.conditions, plugin.condition_lines, strict=False)
            for depth, (text, line) in enumerate(pairs):
                key = (plugin.place.file, line, text)
                place = Place(plugin.place.file, line)
                found.setdefault(key, Condition(text, place, position, plugin.conditions[:depth]))
        return list(found.values())

    def sure_before(self, position: int, above: tuple[str, ...]) -> Iterator[Plugin]:
        """The filters that every event that comes here has passed, the last first."""
        for plugin in reversed(self.plugins[:position]):
            if plugin.section == "filter" and above[: len(plugin.conditions)] == plugin.conditions:
                yield plugin


@lru_cache(maxsize=2)
def flows_of(plan: Plan) -> list[Flow]:
    """The pipelines as Logstash runs them; with a pipelines.yml each file is one of its own."""
    apart = any(path.name in ("pipelines.yml", "pipelines.yaml") for path in plan.sources)
    together: dict[object, list[Plugin]] = {}
    first: dict[object, PurePosixPath] = {}
    for pipeline in sorted(plan.pipelines, key=lambda each: each.file):
        key = pipeline.file if apart else pipeline.file.parent
        together.setdefault(key, []).extend(pipeline.plugins)
        first.setdefault(key, pipeline.file)
    order = {"input": 0, "filter": 1, "output": 2}
    return [
        Flow(first[key], sorted(plugins, key=lambda plugin: order.get(plugin.section, 3)))
        for key, plugins in together.items()
    ]
