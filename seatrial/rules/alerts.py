"""Rules about what alerts read: jobs, metrics and labels that there are not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan import promql
from seatrial.plan.exporters import BY_PROMETHEUS, GONE, OF_CLIENTS, known, owner
from seatrial.plan.reach import reach_of
from seatrial.plan.scraped import scraped_of
from seatrial.plan.series import of_selector
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.prometheus import PromRule
    from seatrial.plan.promql import Expr, Matcher, Selector

_PLAIN = re.compile(r"[\w|.*+:/-]+")


def parsed_rules(plan: Plan) -> list[PromRule]:
    """The alerting and recording rules whose expressions parse."""
    return [each for each in plan.rules if each.expr is not None]


def _reads(rule: PromRule) -> list[tuple[Selector, bool]]:
    """The selectors of a rule, and whether it asks if they are absent."""
    absent = [each for call in promql.walk(rule.expr) if _is_absent(call) for each in _selectors(call)]
    missed = {(each.name, each.matchers) for each in absent}
    return [(each, (each.name, each.matchers) in missed) for each in _selectors(rule.expr)]


def _selectors(expr: Expr) -> list[Selector]:
    return promql.selectors(expr) if expr is not None else []


def _is_absent(part: Expr) -> bool:
    return promql.kind(part) == "Call" and part.func.name in ("absent", "absent_over_time")


def _outcome(absent: bool) -> str:
    return "it always fires" if absent else "it never fires"


def _whole(rule: PromRule, absent: bool) -> str:
    return _outcome(absent) if rule.alert else "it records nothing"


def alternatives(matcher: Matcher) -> list[str]:
    """The values, or the patterns, that a matcher lets pass."""
    if matcher.op == "=":
        return [matcher.value]
    if matcher.op == "=~":
        return matcher.value.split("|") if _PLAIN.fullmatch(matcher.value) else [matcher.value]
    return []


def _unmatched(matcher: Matcher, names: set[str]) -> list[str]:
    """The alternatives of a matcher that match none of the names."""
    given = [each for each in alternatives(matcher) if each]
    kind = type(matcher)
    return [each for each in given if not any(kind("job", matcher.op, each).admits(name) for name in names)]


def _judged_jobs(rule: PromRule, plan: Plan) -> Iterator[tuple[Matcher, list[str], bool]]:
    """The matchers on `job` with their alternatives that no scrape job makes."""
    scraped = scraped_of(plan)
    seen: set[tuple[str, str]] = set()
    for selector, absent in _reads(rule) if scraped.job_names is not None else ():
        for matcher in selector.on("job"):
            if selector.name in scraped.recorded or (matcher.op, matcher.value) in seen:
                continue
            seen.add((matcher.op, matcher.value))
            missing = _unmatched(matcher, scraped.job_names or set())
            if missing:
                yield matcher, missing, absent


@rule("alert-job-unknown", CRITICAL, over=parsed_rules)
def job_unknown(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A matcher on `job` that no scrape job can produce."""
    for matcher, missing, absent in _judged_jobs(rule, plan):
        if len(missing) == len([each for each in alternatives(matcher) if each]):
            jobs = named(sorted(scraped_of(plan).job_names or ()), 12)
            asked = f'job{matcher.op}"{matcher.value}"'
            yield rule.place, f"asks for {asked}, but the scrape jobs are {jobs}: {_whole(rule, absent)}"


@rule("alert-job-partly-unknown", MAJOR, over=parsed_rules)
def job_partly_unknown(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """Some of the jobs that a matcher lists are no scrape jobs."""
    for matcher, missing, _ in _judged_jobs(rule, plan):
        if len(missing) < len([each for each in alternatives(matcher) if each]):
            yield rule.place, f"watches the job {named(missing)}, which no scrape job is called: nobody watches it"


@rule("alert-metric-not-exported", CRITICAL, over=parsed_rules)
def metric_not_exported(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """An alert reads a metric that nothing that is scraped exports."""
    seen: set[str] = set()
    for selector, absent in _reads(rule):
        if selector.name and selector.name not in seen and (why := _why_not(selector.name, plan)):
            seen.add(selector.name)
            yield rule.place, f"reads {selector.name}, {why}: {_whole(rule, absent)}"


def _misnamed(name: str) -> str:
    """An old name, or one that is only the beginning of an exporter's metric."""
    if name in GONE:
        return f"which node_exporter does not export (it is {GONE[name]})"
    if "_" not in name or name in known() or owner(name):
        return ""
    longer = [each for each in known() if each.startswith(f"{name}_") and owner(each)]
    whole = min(longer, key=lambda each: (len(each), each), default="")
    return f"which {owner(whole)[0].name} does not export (it has {whole})" if whole else ""


def _why_not(name: str, plan: Plan) -> str:
    scraped = scraped_of(plan)
    application = {series for metric in plan.application.metrics for series in metric.series}
    if ":" in name or name in BY_PROMETHEUS or name in scraped.recorded or name in application or scraped.written(name):
        return ""
    if said := _misnamed(name):
        return said
    owners = owner(name)
    if scraped.opaque or any(each.name in scraped.exporters for each in owners):
        return ""
    found = any("kubernetes_sd_configs" in job.discovers for job in scraped.jobs)
    if owners and (reach_of(plan).judged or not found):
        lacking = "no file deploys that" if found else "no scrape job asks that"
        return f"which only {' or '.join(each.name for each in owners)} exports, and {lacking}"
    if (
        not owners
        and scraped.bare
        and not scraped.foreign
        and not name.startswith(OF_CLIENTS)
        and name.startswith("http_")
    ):
        return "which neither the application's code nor any exporter that is scraped exports"
    return ""


@rule("alert-label-unknown", MAJOR, over=parsed_rules)
def label_unknown(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A matcher on a label that the metric does not have."""
    seen: set[tuple[str, str]] = set()
    for selector, _ in _reads(rule):
        shape = of_selector(selector, plan)
        for matcher in selector.matchers:
            empty = matcher.op in ("!=", "!~") or matcher.admits("")
            if empty or matcher.label == "__name__" or not shape.lacks(matcher.label):
                continue
            if (selector.name, matcher.label) not in seen:
                seen.add((selector.name, matcher.label))
                has = named(sorted((shape.may or frozenset()) - {"job", "instance"})) or "job and instance only"
                yield (
                    rule.place,
                    f"selects {selector.name} by {matcher.label}, which it does not have ({has}): nothing matches",
                )
