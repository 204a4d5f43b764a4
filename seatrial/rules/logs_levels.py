"""Rules on what Logstash 8 does by itself, and on levels that no output of their own takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import is_test
from seatrial.plan.log_fields import Flow, flows_of
from seatrial.plan.log_stack import logstash_majors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.log_fields import Condition

_ECS = re.compile(
    r"pipeline[._]ecs_compatibility[\"']?\s*[:=]+>?\s*[\"']?(\S+?)[\"']?\s*$", re.IGNORECASE | re.MULTILINE
)
_LEVEL = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b", re.IGNORECASE)
_NEGATED = re.compile(r"!|\bnot\b")
_FIRST_WITH_ECS = 8


def _by_schema(flow: Flow, plan: Plan) -> bool:
    """Does Logstash put fields where the Elastic Common Schema has them? Version 8 does unless it is told not to."""
    told = {value.lower() for source in plan.sources.values() for value in _ECS.findall(source.text)}
    majors = logstash_majors(flow, plan)
    if told:
        return told <= {"v1", "v8"} and bool(majors)
    return bool(majors) and min(majors) >= _FIRST_WITH_ECS


@rule("logs-geoip-target", CRITICAL, over=flows_of)
def geoip_target(flow: Flow, plan: Plan) -> Iterator[Found]:
    """A geoip filter that is not told where to write, and cannot tell by itself."""
    for plugin in flow.of("filter", "geoip"):
        source, own = plugin.text("source"), plugin.text("ecs_compatibility")
        schema = own in ("v1", "v8") if own else _by_schema(flow, plan)
        named = source.endswith("[ip]") and source != "[ip]"
        if schema and source and not named and not plugin.text("target"):
            said = f"geoip reads {source} and has no target, which Logstash 8 demands unless the field ends with [ip]"
            yield plugin.at("source"), f"{said}: the whole pipeline does not start"


def _levels(text: str) -> set[str]:
    """The levels that a condition names; none where it says what is not to be."""
    bare = text.replace("=~", "")
    return (
        set()
        if _NEGATED.search(bare)
        else {word.upper() for word in _LEVEL.findall(re.sub(r".\S+ in \[ tags \]", "", text))}
    )


def _tags(flow: Flow) -> dict[str, set[str]] | None:
    """The tags that each level gets; None where nobody can tell."""
    found: dict[str, set[str]] = {}
    for plugin in flow.of("filter"):
        tags = set(plugin.texts("add_tag"))
        if any("%{" in tag for tag in tags) or plugin.name == "ruby":
            return None
        for level in _levels(plugin.conditions[-1]) if tags and plugin.conditions else ():
            found.setdefault(level, set()).update(tags)
    return found


def _routes(flow: Flow) -> list[Condition]:
    """The conditions by which outputs take events."""
    outputs = {text for plugin in flow.of("output") for text in plugin.conditions}
    first = next((number for number, each in enumerate(flow.plugins) if each.section == "output"), 0)
    return [each for each in flow.conditions if each.text in outputs and each.position >= first]


def _expected(flow: Flow, plan: Plan) -> set[str]:
    """The levels of errors that come at all: those that the pipeline names, and Python's own."""
    named = {level for condition in flow.conditions for level in _levels(condition.text)}
    code = any(path.suffix == ".py" and not is_test(path) for path in plan.sources)
    return named | ({"CRITICAL"} if code else set())


@rule("logs-level-left-out", MAJOR, over=flows_of)
def level_left_out(flow: Flow, plan: Plan) -> Iterator[Found]:
    """An output for errors that the worst of them do not come to."""
    tags, routes = _tags(flow), _routes(flow)
    if tags is None:
        return
    asked = {tag for route in routes for tag in route.tags}
    onward = {tag for each in flow.conditions if each not in routes for tag in each.tags}
    taken = {level for route in routes for level in _levels(route.text)}
    taken |= {level for level, given in tags.items() if given & asked}
    for level in sorted(_expected(flow, plan) - taken) if "ERROR" in taken else ():
        own = tags.get(level, set())
        route = next(
            (each for each in routes if "ERROR" in _levels(each.text) or set(each.tags) & tags.get("ERROR", set())),
            None,
        )
        if route is not None and not own & onward:
            gets = f"gets only the tag {', '.join(sorted(own))}" if own else "is named nowhere before it"
            yield route.place, f"takes ERROR, and {level} {gets}: the worst lines do not come to this output"
