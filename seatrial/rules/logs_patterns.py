"""Rules on what a Logstash pipeline parses: grok patterns, dates, names of indices, output for debugging."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.log_fields import Flow, field_name, flows_of, patterns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shipping import Plugin

# Names that people expect, with the one that Logstash has. A name that is in neither list is left alone.
_NO_PATTERN = {
    "IPADDRESS": "IP", "IPADDR": "IP", "IP_ADDRESS": "IP", "IPADRESS": "IP", "CLIENTIP": "IP",
    "TIMESTAMP": "TIMESTAMP_ISO8601",
    "ISO8601": "TIMESTAMP_ISO8601", "ISO8601_TIMESTAMP": "TIMESTAMP_ISO8601", "ISOTIMESTAMP": "TIMESTAMP_ISO8601",
    "DATETIME": "TIMESTAMP_ISO8601", "USERAGENT": "DATA", "USER_AGENT": "DATA", "STRING": "DATA", "TEXT": "GREEDYDATA",
    "ANY": "GREEDYDATA", "ALL": "GREEDYDATA", "GREEDY_DATA": "GREEDYDATA", "INTEGER": "INT",
    "FLOAT": "NUMBER", "DIGIT": "INT",
    "LEVEL": "LOGLEVEL", "LOG_LEVEL": "LOGLEVEL", "SEVERITY": "LOGLEVEL", "REQUEST_ID": "NOTSPACE",
    "REQUESTID": "NOTSPACE",
    "URL": "URI", "METHOD": "WORD", "HTTPMETHOD": "WORD", "EMAIL": "EMAILADDRESS", "GUID": "UUID", "PORT": "POSINT",
    "HOST": "IPORHOST", "STATUS": "INT", "JSON": "GREEDYDATA",
}  # fmt: skip
_USE = re.compile(r"%\{(\w+)(?::[^}]*)?\}")
_DATED = re.compile(r"%\{\+([^}]*)\}")
_ROUTE = ("tag_on_failure", "skip_on_invalid_json")


def _guarded(plugin: Plugin, field: str) -> bool:
    """Does a condition around a filter look at what stands in the field, or another field at its being there?"""
    for text in plugin.conditions:
        looked = (
            re.search(rf"\[ {re.escape(field)} \]", text)
            if not field.startswith("[")
            else field in text.replace(" ", "")
        )
        if looked and (field != "message" or re.search(r"=~|==| in ", text)):
            return True
        if not looked:
            return True  # a type, a tag, a source of its own: whoever wrote it knows what these lines are
    return False


@rule("logs-parse-unguarded", MINOR, over=flows_of)
def parse_unguarded(flow: Flow, _: Plan) -> Iterator[Found]:
    """A parser that marks every line that it does not fit as a failure, and nobody looks at the mark."""
    words = " ".join(text for plugin in flow.plugins for text in plugin.conditions)
    for plugin in flow.of("filter", "grok", "json", "dissect"):
        fields = [field_name(field) for field, _ in patterns_of(plugin)] or [
            field_name(plugin.text("source") or "message")
        ]
        mark = f"_{plugin.name}parsefailure" if plugin.name != "dissect" else "_dissectfailure"
        routed = mark in words or any(plugin.texts(key) or key in plugin.settings for key in _ROUTE)
        if not routed and not all(_guarded(plugin, field) for field in fields):
            said = f"{plugin.name} reads {', '.join(fields)} of every event without a condition"
            yield plugin.place, f"{said}: whatever does not fit is marked {mark}, and nothing looks at that mark"


@rule("logs-grok-pattern-unknown", CRITICAL, over=flows_of)
def grok_pattern_unknown(flow: Flow, _: Plan) -> Iterator[Found]:
    """A grok pattern by a name that Logstash does not have: the pipeline does not start."""
    for plugin in flow.of("filter", "grok"):
        if "patterns_dir" in plugin.settings or "pattern_definitions" in plugin.settings:
            continue
        used = [name for _, pattern in patterns_of(plugin) for name in _USE.findall(pattern)]
        for name in dict.fromkeys(name for name in used if name in _NO_PATTERN):
            said = f"uses the pattern {name}, which Logstash does not have (it has {_NO_PATTERN[name]})"
            yield plugin.at("match"), f"{said}: the pipeline does not start"


@rule("logs-grok-captures-nothing", MAJOR, over=flows_of)
def grok_captures_nothing(flow: Flow, _: Plan) -> Iterator[Found]:
    """A pattern that ends with DATA, which is satisfied with nothing."""
    for plugin in flow.of("filter", "grok"):
        for pattern in (text for _, text in patterns_of(plugin)):
            match = re.search(r"%\{DATA:([^}:]+)[^}]*\}\s*$", pattern)
            if match:
                said = f"ends with DATA:{match[1]}, which takes as little as it can, and at the end that is nothing"
                yield plugin.at("match"), f"{said}: {match[1]} is never there"


@rule("logs-grok-matches-anything", MINOR, over=flows_of)
def grok_matches_anything(flow: Flow, _: Plan) -> Iterator[Found]:
    """A pattern that fits every line and so parses none."""
    for plugin in flow.of("filter", "grok"):
        patterns = patterns_of(plugin)
        if len(patterns) == 1 and re.fullmatch(r"\^?%\{(?:GREEDYDATA|DATA)(?::[^}]*)?\}\$?", patterns[0][1]):
            yield plugin.at("match"), f"matches every line with {patterns[0][1]}, and so parses nothing"


@rule("logs-date-format", MAJOR, over=flows_of)
def date_format(flow: Flow, _: Plan) -> Iterator[Found]:
    """A date format whose letters mean something else."""
    for plugin in flow.of("filter", "date"):
        for text in plugin.texts("match")[1:]:
            if why := _wrong_letters(text):
                yield plugin.at("match"), f"reads the time as {text}, but {why}"


def _wrong_letters(text: str) -> str:
    bare = re.sub(r"'[^']*'", "", text)
    if re.search(r"M{2,3}[-/. ]?DD", bare) or re.search(r"DD[-/. ]?M{2,3}", bare):
        return "DD is the day of the year (dd is that of the month)"
    if re.search(r"[yY]{2,4}[-/.]?mm[-/.]?[dD]{2}", bare):
        return "mm is the minute (MM is the month)"
    if re.search(r"[hH]{1,2}:MM", bare):
        return "MM is the month (mm is the minute)"
    if re.search(r"\bhh?:mm", bare) and "a" not in bare:
        return "hh goes from 1 to 12 and there is no half of the day: nothing after noon fits (HH goes to 23)"
    return (
        "xxxx is the year of the week, which differs at the turn of the year"
        if "xxxx" in bare and "ww" not in bare
        else ""
    )


@rule("logs-date-elsewhere", MAJOR, over=flows_of)
def date_elsewhere(flow: Flow, _: Plan) -> Iterator[Found]:
    """The time of the event is read and not used as the event's time."""
    dates = flow.of("filter", "date")
    targets = {field_name(plugin.text("target") or "@timestamp") for plugin in dates}
    if dates and "@timestamp" not in targets:
        first = next(plugin for plugin in dates if plugin.text("target"))
        said = f"writes the time of the event to {field_name(first.text('target'))}"
        yield (
            first.at("target"),
            f"{said}: @timestamp, by which indices are named and searched, stays that of its arrival",
        )


@rule("logs-index-name", CRITICAL, over=flows_of)
def index_name(flow: Flow, _: Plan) -> Iterator[Found]:
    """A name of an index that Elasticsearch refuses, or that is not a day's."""
    for plugin in flow.of("output", "elasticsearch"):
        name = plugin.text("index")
        if why := _bad_index(name, flow):
            yield plugin.at("index"), f"writes to {name}, but {why}"


def _bad_index(name: str, flow: Flow) -> str:
    bare = re.sub(r"%\{[^}]*\}", "", name)
    if re.search(r"[A-Z]", re.sub(r"\$\{[^}]*\}", "", bare)):
        return "Elasticsearch refuses names with capital letters: nothing is kept"
    if re.search(r"%\{[yYxM.d-]+\}", name):
        return "without the + that is the name of a field, not the date, and Elasticsearch refuses the name"
    upper = {field_name(text) for plugin in flow.of("filter", "mutate") for text in plugin.texts("uppercase")}
    for field in re.findall(r"%\{\[?(\w+)\]?\}", name):
        if field in upper:
            return f"{field} was put into capital letters, and Elasticsearch refuses them in names"
    for text in _DATED.findall(name):
        if why := _wrong_date(text):
            return why
    return ""


def _wrong_date(text: str) -> str:
    if "mm" in text and "MM" not in text:
        return "mm is the minute: there is a new index every minute (MM is the month)"
    if "DD" in text:
        return "DD is the day of the year (dd is that of the month)"
    if "xxxx" in text and "ww" not in text:
        return "xxxx is the year of the week: at the turn of the year the documents go to the wrong year (YYYY)"
    return "there is a new index every hour or minute" if re.search(r"HH|hh|mm|ss", text) else ""


@rule("logs-debug-output", MAJOR, over=flows_of)
def debug_output(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Every event is written to the console beside its real output."""
    others = [plugin for plugin in flow.of("output") if plugin.name != "stdout"]
    for plugin in flow.of("output", "stdout") if others else ():
        if not plugin.conditions:
            reads_itself = any(
                "containers" in each.node.file.name or _all_containers(each.node) for each in plan.filebeats
            )
            loop = ", which Filebeat reads and sends here again, without end" if reads_itself else ""
            yield plugin.place, f"writes every event to the console of Logstash{loop}"


def _all_containers(node: object) -> bool:
    return any("/containers/*" in getattr(each, "text", "") for each in node.walk())  # type: ignore[attr-defined]
