"""Rules about the texts and labels of alerts: templates, labels that are not there, and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan import promql
from seatrial.plan.series import shape
from seatrial.rules.alert_meaning import alerts
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.prometheus import PromRule

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([A-Za-z_]\w*)|index\s+\$labels\s+\"(\w+)\"")
_VALUE = re.compile(r"\$value\b|\.Value\b")
_ONE_BRACE = re.compile(r"(?<!\{)\{\s*\$(?:labels|value)[^{}]{0,200}\}(?!\})")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_SET = re.compile(r"\$([A-Za-z_]\w*)\s*(?::=|,)")
_PIPED = re.compile(r"(?:\||^-?)\s*([A-Za-z_]\w*)")
_GIVEN = frozenset({"labels", "value", "externalLabels", "externalURL"})
_NAMES = """
query first label value strvalue args reReplaceAll safeHtml match title toUpper toLower graphLink tableLink sortByLabel
stripPort stripDomain humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp toTime toDuration now
pathPrefix externalURL parseDuration tmpl printf print println len index html js urlquery and or not eq ne lt le gt ge
slice call if else end range with define template block break continue urlQueryEscape roundToNearest true false nil
"""
_FUNCTIONS = frozenset(_NAMES.split())


def _texts(rule: PromRule) -> list[Node]:
    """The templates of an alert: annotations and labels."""
    return [node for key in ("annotations", "labels") for _, node in rule.node.get(key).items() if node.text]


def _actions(text: str) -> list[str]:
    return [match[1] for match in _ACTION.finditer(text)]


@rule("alert-template-broken", CRITICAL, over=alerts)
def template_broken(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """A template that does not parse: Prometheus refuses the file."""
    for node in _texts(rule):
        if why := _broken(node.text):
            yield node, f"{why}: Prometheus refuses the whole file"


def _broken(text: str) -> str:
    rest = _ACTION.sub("", text)
    if "{{" in rest:
        return "opens {{ and never closes it"
    known = _GIVEN | set(_SET.findall(text))
    for action in _actions(text):
        bare = _STRING.sub('""', action).strip().strip("-").strip()
        unknown = [name for name in _VARIABLE.findall(bare) if name not in known]
        if unknown:
            return f"uses ${unknown[0]}, which templates do not have"
        functions = [name for name in _PIPED.findall(bare) if name not in _FUNCTIONS]
        if functions and not bare.startswith("/*"):
            return f"calls {functions[0]}, which templates do not have"
    return ""


@rule("alert-template-one-brace", MAJOR, over=alerts)
def template_one_brace(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """A template in single braces, which is shown as it stands."""
    for node in _texts(rule):
        match = _ONE_BRACE.search(node.text)
        if match:
            yield node, f"writes {match[0]} with one brace: it is shown as it stands"


@rule("alert-label-lost", MAJOR, over=alerts)
def label_lost(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A text shows a label that the result does not have."""
    result = shape(rule.expr, plan)
    lost: dict[str, Node] = {}
    for node in _texts(rule):
        for action in _actions(node.text):
            names = (first or second for first, second in _LABEL.findall(action))
            for name in names if not action.strip(" -").startswith(("if", "with", "else")) else ():
                if result.lacks(name) and name not in ("alertname", "alertstate"):
                    lost.setdefault(name, node)
    if lost:
        kept = named(sorted(result.may or ())) or "no label"
        yield (
            next(iter(lost.values())),
            f"shows the label {named(list(lost))}, but the result has {kept}: nothing is shown",
        )


@rule("alert-value-in-labels", MAJOR, over=alerts)
def value_in_labels(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """A label that has the value: each value is a new alert."""
    for key, node in rule.node.get("labels").items():
        if any(_VALUE.search(action) for action in _actions(node.text)):
            yield node, f"puts the value into the label {key}: each change is a new alert, whose `for` starts again"


@rule("alert-without-for", MINOR, over=alerts)
def without_for(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """An alert on one failed scrape."""
    if rule.for_s or (rule.node.get("for").text not in ("", "0", "0s", "0m")):
        return
    absent = any(promql.kind(part) == "Call" and part.func.name == "absent" for part in promql.walk(rule.expr))
    up = [each.name for each in promql.selectors(rule.expr) if each.range_s is None and _is_up(each.name)]
    if absent or up:
        what = "absent()" if absent else named(up)
        yield rule.place, f"watches {what} without a `for`: one scrape that fails wakes somebody"


def _is_up(name: str) -> bool:
    return name in ("up", "probe_success") or name.endswith("_up")


@dataclass(frozen=True)
class RuleFile:
    """The alerts of a file."""

    file: PurePosixPath
    alerts: tuple[PromRule, ...]

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"alerts of {self.file}"


def rule_files(plan: Plan) -> list[RuleFile]:
    """The files with alerts."""
    found: dict[PurePosixPath, list[PromRule]] = {}
    for each in plan.rules:
        if each.alert:
            found.setdefault(each.node.file, []).append(each)
    return [RuleFile(file, tuple(rules)) for file, rules in found.items()]


def _lacking(file: RuleFile, *keys: str) -> list[PromRule]:
    """The alerts that have none of these annotations or labels."""
    parts = [(part, key) for part in ("annotations", "labels") for key in keys]
    return [each for each in file.alerts if not any(each.node.get(*path).text for path in parts)]


def _report(lacking: list[PromRule], what: str) -> Iterator[Found]:
    if lacking:
        yield lacking[0].node, f"{named([each.alert for each in lacking], 20)} {what}"


@rule("alert-no-severity", MINOR, over=rule_files)
def no_severity(file: RuleFile, _plan: Plan) -> Iterator[Found]:
    """Alerts that do not say how bad they are."""
    yield from _report(_lacking(file, "severity", "priority", "level"), "without a label severity")


@rule("alert-no-summary", MINOR, over=rule_files)
def no_summary(file: RuleFile, _plan: Plan) -> Iterator[Found]:
    """Alerts that do not say what is wrong."""
    yield from _report(
        _lacking(file, "summary", "description", "message", "title"), "without a summary or a description"
    )


@rule("alert-no-runbook", MINOR, over=rule_files)
def no_runbook(file: RuleFile, _plan: Plan) -> Iterator[Found]:
    """Alerts that do not say what to do."""
    yield from _report(_lacking(file, "runbook_url", "runbook", "playbook", "runbookUrl"), "without a runbook_url")


@rule("alert-name-twice", MINOR, over=rule_files)
def name_twice(file: RuleFile, _plan: Plan) -> Iterator[Found]:
    """Two alerts of one name and one severity in one group."""
    seen: set[tuple[int, str, str]] = set()
    for each in file.alerts:
        key = (id(each.group), each.alert, each.severity)
        if key in seen:
            yield each.node, f"names a second alert {each.alert} of the same severity: nobody can tell which one fired"
        seen.add(key)


@rule("alert-group-twice", CRITICAL, over=rule_files)
def group_twice(file: RuleFile, _plan: Plan) -> Iterator[Found]:
    """Two groups of one name in one file: Prometheus refuses it."""
    groups = {id(each.group): each.group for each in file.alerts}
    seen: set[str] = set()
    for group in groups.values():
        name = group.get("name").text
        if name in seen:
            yield group.get("name"), f"names a second group {name}: Prometheus refuses the whole file"
        seen.add(name)
