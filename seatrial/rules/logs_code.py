"""Rules on the log that the application's code writes: where it goes, and what its fields are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.log_code import JsonFields, file_handler, json_fields
from seatrial.plan.log_fields import Flow, field_name, flows_of, reads, sets
from seatrial.plan.shipping import Filebeat
from seatrial.rules.logs_shipping import filebeats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.files import Place

# One thing under several names: a pipeline that asks for one of them gets none of the others.
_ONE_THING = (
    ("level", "levelname", "severity", "log_level", "loglevel", "lvl"),
    ("timestamp", "asctime", "time", "ts", "datetime"),
    ("message", "msg"),
    ("logger", "logger_name", "name"),
)


def _reads_containers_only(filebeat: Filebeat) -> bool:
    """Does it read the output of containers, and no files?"""
    if filebeat.setting("filebeat.autodiscover").written or filebeat.setting("filebeat.modules").written:
        return False
    kinds = [each.get("type").text for each in filebeat.inputs if each.get("enabled").flag is not False]
    paths = [path for each in filebeat.inputs for path in each.get("paths").texts()]
    return bool(kinds) and set(kinds) <= {"container", "docker"} and all("/containers/" in path for path in paths)


@rule("logs-application-file-only", MAJOR, over=filebeats)
def application_file_only(filebeat: Filebeat, plan: Plan) -> Iterator[Found]:
    """The application writes into a file, and the output of containers is collected."""
    place = file_handler(plan)
    if place is None or len(plan.filebeats) != 1 or not _reads_containers_only(filebeat) or _linked(plan):
        return
    where = f"{filebeat.node.file}:{filebeat.inputs[0].line}"
    said = f"the log goes only into a file, and Filebeat reads what containers print ({where})"
    yield place, f"{said}: none of it arrives, and it is gone with the container"


def _linked(plan: Plan) -> bool:
    """Does the image lead the file to its output, or does another program follow it?"""
    kinds = ("dockerfile", "shell", "compose", "kubernetes")
    texts = [source.text for path, source in plan.sources.items() if plan.kinds.get(path) in kinds]
    return any(
        re.search(r"/dev/std(?:out|err)|/proc/1/fd|\btail\b[^\n]*\s-[a-zA-Z]*[fF]|fluent|promtail|vector", text)
        for text in texts
    )


@rule("logs-field-called-otherwise", MAJOR, over=flows_of)
def field_called_otherwise(flow: Flow, plan: Plan) -> Iterator[Found]:
    """The pipeline asks for a field that the application's JSON calls otherwise."""
    fields = json_fields(plan)
    parses = [
        each
        for each in flow.of("filter", "json")
        if field_name(each.text("source")) == "message" and not each.text("target")
    ]
    if fields is None or not parses:
        return
    made = {name for plugin in flow.of("filter") if plugin.name != "json" for name in sets(plugin) or ()}
    asked = dict(reversed(list(_asked(flow))))
    for group in _ONE_THING:
        written = [name for name in group if name in fields.names]
        wanted = [name for name in group if name in asked and name not in made and name not in ("message", "name")]
        if written and wanted and not set(wanted) & set(written) and not any(name in asked for name in written):
            yield asked[wanted[0]], _said(wanted[0], written[0], fields)


def _said(wanted: str, written: str, fields: JsonFields) -> str:
    where = f"{fields.place.file}:{fields.place.line}"
    return f"asks for {wanted}, and the application's JSON calls it {written} ({where}): it is never there"


def _asked(flow: Flow) -> Iterator[tuple[str, Place]]:
    """The fields that conditions and filters ask for, with their places, in order."""
    found = [
        (condition.place.line, field, condition.place) for condition in flow.conditions for field in condition.fields
    ]
    for plugin in flow.of("filter"):
        found += [(plugin.at(key).line, field, plugin.at(key)) for field, key in reads(plugin)]
    yield from ((field, place) for _, field, place in sorted(found, key=lambda each: each[0]))
