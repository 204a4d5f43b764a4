"""Rules on what a Logstash pipeline does to fields: read into themselves, taken away too soon, never there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.log_fields import (
    GIVEN,
    Flow,
    captures,
    field_name,
    flows_of,
    patterns_of,
    reads,
    removes,
    root_of,
    sets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.log_fields import Condition
    from seatrial.plan.shipping import Plugin

_BY_LOGSTASH = re.compile(r"^_|^beats_input|^multiline$|^(?:json|grok|date|kv|csv|xml|dissect|ruby|geoip)parsefail")


def _covers(fields: set[str], field: str) -> bool:
    return field in fields or root_of(field) in fields


def _lost(flow: Flow, position: int, above: tuple[str, ...], field: str) -> Plugin | None:
    """The filter that has surely taken a field away, with none after it that may bring it back."""
    for number in range(position - 1, -1, -1):
        plugin = flow.plugins[number]
        made = sets(plugin) if plugin.section == "filter" else set()
        if made is None or _covers(made, field):
            return None
        if plugin.section == "filter" and field in removes(plugin):
            return plugin if above[: len(plugin.conditions)] == plugin.conditions else None
    return None


@rule("logs-field-removed", MAJOR, over=flows_of)
def field_removed(flow: Flow, _: Plan) -> Iterator[Found]:
    """A filter or a condition that reads what an earlier filter has renamed or removed."""
    for number, plugin in enumerate(flow.plugins):
        for field, key in reads(plugin) if plugin.section == "filter" else ():
            gone = _lost(flow, number, plugin.conditions, field)
            if gone is not None:
                yield plugin.at(key), f"reads {field}, which line {gone.place.line} has taken away"
    for condition in flow.conditions:
        for field in condition.fields:
            gone = _lost(flow, condition.position, condition.above, field)
            if gone is not None and not condition.text.startswith(("! ", "not ")):
                said = f"asks for {field}, which line {gone.place.line} has taken away: it never holds"
                yield condition.place, said


def _closed(flow: Flow, plan: Plan) -> set[str] | None:
    """The fields that can be there at all; None if anything may be."""
    inputs = flow.of("input")
    if not inputs or any(plugin.name != "beats" or plugin.text("codec") for plugin in inputs):
        return None
    if not plan.filebeats and not _parses_line(flow):
        return None
    if any(_decodes(each.node.file, plan) for each in plan.filebeats):
        return None
    made = [sets(plugin) for plugin in flow.of("filter")]
    extra = [{field_name(field) for field in plugin.pairs("add_field")} for plugin in inputs]
    if any(fields is None for fields in made):
        return None
    return set().union(GIVEN, *extra, *(fields or set() for fields in made))


def _parses_line(flow: Flow) -> bool:
    """Is the line itself JSON for Logstash, so that whoever ships it has not parsed it?"""
    return any(
        plugin.text("target") and field_name(plugin.text("source")) == "message" for plugin in flow.of("filter", "json")
    )


def _decodes(file: object, plan: Plan) -> bool:
    """May a Filebeat configuration make fields of its own?"""
    text = next((source.text for path, source in plan.sources.items() if path == file), "")
    return (
        re.search(r"json\b|decode_|script:|dissect|fields_under_root|add_fields|hints|modules|ndjson|rename", text)
        is not None
    )


@rule("logs-field-unknown", MAJOR, over=flows_of)
def field_unknown(flow: Flow, plan: Plan) -> Iterator[Found]:
    """A filter or a condition on a field that nothing makes."""
    known = _closed(flow, plan)
    if known is None:
        return
    for plugin in flow.of("filter"):
        for field, key in reads(plugin):
            if not _covers(known, field):
                yield plugin.at(key), f"reads {field}, which nothing before it makes: it never does anything"
    for condition in flow.conditions:
        for field in condition.fields:
            if not _covers(known, field):
                yield condition.place, f"asks for {field}, which nothing in the pipeline makes"


@rule("logs-field-later", MAJOR, over=flows_of)
def field_later(flow: Flow, _: Plan) -> Iterator[Found]:
    """A filter that reads a field which only a later one makes."""
    for number, plugin in enumerate(flow.plugins):
        for field, key in reads(plugin) if plugin.section == "filter" else ():
            later = next((other for other in flow.plugins[number + 1 :] if _makes(other, field)), None)
            before = [sets(other) for other in flow.plugins[:number] if other.section == "filter"]
            unknown = any(made is None or _covers(made, field) for made in before)
            if later is not None and not unknown and not _covers(set(GIVEN), field) and _plain_inputs(flow):
                yield plugin.at(key), f"reads {field}, which only line {later.place.line} makes: it is not there yet"


def _makes(plugin: Plugin, field: str) -> bool:
    made = sets(plugin) if plugin.section == "filter" and plugin.name in ("grok", "json", "mutate") else None
    return made is not None and field in made


def _plain_inputs(flow: Flow) -> bool:
    inputs = flow.of("input")
    return bool(inputs) and all(plugin.name == "beats" and not plugin.text("codec") for plugin in inputs)


@rule("logs-source-is-target", MAJOR, over=flows_of)
def source_is_target(flow: Flow, _: Plan) -> Iterator[Found]:
    """A lookup that writes its result over the text that it read."""
    for plugin in flow.of("filter", "useragent", "geoip"):
        default = "" if plugin.name == "geoip" else "user_agent"
        target = plugin.text("target") or default
        if plugin.text("source") and target and field_name(plugin.text("source")) == field_name(target):
            said = f"{plugin.name} reads {field_name(target)} and writes what it finds over it"
            key = "target" if plugin.text("target") else "source"
            yield (
                plugin.at(key),
                f"{said}: the text is lost, and one field is text in some documents and an object in others",
            )


@rule("logs-grok-doubles-field", MAJOR, over=flows_of)
def grok_doubles_field(flow: Flow, _: Plan) -> Iterator[Found]:
    """A grok that captures into the field that it reads, without `overwrite`."""
    for plugin in flow.of("filter", "grok"):
        kept = {field_name(text) for text in plugin.texts("overwrite")}
        for field, pattern in patterns_of(plugin):
            name = field_name(field)
            if name in captures([pattern]) and name not in kept and "target" not in plugin.settings:
                said = f"captures {name} out of {name} without overwrite: the field becomes a list of both texts"
                yield plugin.at("match"), said


def _case(flow: Flow, condition: Condition, field: str) -> str:
    """The case that a field surely has where a condition asks for it."""
    for number in range(condition.position - 1, -1, -1):
        plugin = flow.plugins[number]
        for case in ("uppercase", "lowercase"):
            if field in map(field_name, plugin.texts(case)):
                always = all(field in text for text in plugin.conditions)  # `if [level] { mutate { ... } }`
                return case if always or condition.above[: len(plugin.conditions)] == plugin.conditions else ""
        if plugin.section == "filter" and (sets(plugin) is None or field in (sets(plugin) or set())):
            return ""
    return ""


@rule("logs-value-never", MAJOR, over=flows_of)
def value_never(flow: Flow, _: Plan) -> Iterator[Found]:
    """A condition on a value in a case that the field no longer has."""
    for condition in flow.conditions:
        for field, texts in condition.told:
            case = _case(flow, condition, field)
            wrong = [text for text in texts if case and text != (text.upper() if case == "uppercase" else text.lower())]
            if wrong and len(wrong) == len(texts):
                changed = "upper" if case == "uppercase" else "lower"
                said = f"asks whether {field} is {' or '.join(wrong)}, after it was put into {changed} case"
                yield condition.place, f"{said}: it never holds"


@rule("logs-tag-never", MAJOR, over=flows_of)
def tag_never(flow: Flow, plan: Plan) -> Iterator[Found]:
    """A condition on a tag that nothing gives."""
    given = {
        tag for plugin in flow.plugins for key in ("add_tag", "tags", "tag_on_failure") for tag in plugin.texts(key)
    }
    open_ = any("%{" in tag for tag in given) or flow.of("filter", "ruby")
    elsewhere = [
        source.text for path, source in plan.sources.items() if path.suffix != ".md" and not _is_pipeline(plan, path)
    ]
    for condition in flow.conditions if given and not open_ else ():
        for tag in condition.tags:
            known = tag in given or _BY_LOGSTASH.search(tag)
            if not known and not any(re.search(rf"tags.*['\"\[ ]{re.escape(tag)}\b", text) for text in elsewhere):
                shown = ", ".join(sorted(given))
                yield condition.place, f"asks for the tag {tag}, which nothing gives (the pipeline gives {shown})"


def _is_pipeline(plan: Plan, path: object) -> bool:
    return any(pipeline.file == path for pipeline in plan.pipelines)
