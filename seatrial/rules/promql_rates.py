"""Rules about rates, counters and quantiles in expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan import promql
from seatrial.plan.promql_forms import conditions
from seatrial.plan.scraped import scraped_of
from seatrial.plan.series import shape
from seatrial.rules.alerts import parsed_rules
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.prometheus import PromRule, Target
    from seatrial.plan.promql import Expr, Selector

_OF_COUNTERS = ("rate", "irate", "increase")
_TWO_SAMPLES = (*_OF_COUNTERS, "delta", "idelta", "deriv")


def _calls(rule: PromRule, *names: str) -> list[Expr]:
    return [part for part in promql.walk(rule.expr) if promql.kind(part) == "Call" and part.func.name in names]


def _ranged(call: Expr) -> Selector | None:
    """The selector that a function looks at directly."""
    vectors = [promql.inner(each) for each in call.args if promql.kind(promql.inner(each)) == "MatrixSelector"]
    return promql.selectors(vectors[0])[0] if vectors else None


@rule("alert-window-too-short", CRITICAL, over=parsed_rules)
def window_too_short(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A rate over a window that holds fewer than two scrapes."""
    scraped = scraped_of(plan)
    for call in _calls(rule, *_TWO_SAMPLES):
        selector = _ranged(call)
        if selector is None or selector.range_s is None or selector.name in scraped.recorded or scraped.opaque:
            continue
        interval = min((job.interval_s for job in scraped.feeding(selector)), default=0.0)
        if selector.range_s < 2 * interval:
            window = f"the {call.func.name} of {selector.name} looks at {selector.range_s:g} s"
            yield (
                rule.place,
                f"{window}, and a scrape comes every {interval:g} s: it seldom or never has the two it needs",
            )


@rule("alert-rate-of-gauge", MAJOR, over=parsed_rules)
def rate_of_gauge(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A rate of what goes up and down."""
    for call in _calls(rule, *_OF_COUNTERS):
        selector = _ranged(call)
        series = scraped_of(plan).series(selector.name) if selector else None
        if selector and series and series.kind == "gauge":
            yield rule.place, f"takes the {call.func.name} of {selector.name}, a gauge: each fall counts as a restart"


@rule("alert-rate-of-sum", MAJOR, over=parsed_rules)
def rate_of_sum(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """A rate over a subquery of a sum."""
    for call in _calls(rule, *_OF_COUNTERS):
        below = [promql.inner(each.expr) for each in call.args if promql.kind(each) == "SubqueryExpr"]
        summed = [each for each in below if promql.kind(each) == "AggregateExpr" and promql.operator(each) == "sum"]
        for each in summed:
            names = named([selector.name for selector in promql.selectors(each)])
            if not any(promql.is_rate(part) for part in promql.walk(each)):
                yield rule.place, f"takes the {call.func.name} of a sum of {names}: one restart looks like a huge rise"


@rule("alert-counter-raw", CRITICAL, over=parsed_rules)
def counter_raw(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A counter itself is compared, which only ever grows."""
    for condition in conditions(rule.expr) if rule.alert else ():
        compared = promql.threshold(condition)
        if compared is None or compared[1] not in (">", ">="):
            continue
        selector = _plain(compared[0])
        if selector is not None and _counts(selector, plan):
            limit = f"{compared[2]:g}"
            yield (
                rule.place,
                f"compares the counter {selector.name} itself: once above {limit} it fires until a restart",
            )


def _plain(expr: Expr) -> Selector | None:
    """The selector of an expression that is nothing but one, or a sum or an extreme of one."""
    expr = promql.inner(expr)
    while promql.kind(expr) == "AggregateExpr" and promql.operator(expr) in ("sum", "max", "min", "avg"):
        expr = promql.inner(expr.expr)
    return promql.selectors(expr)[0] if promql.kind(expr) == "VectorSelector" else None


def _counts(selector: Selector, plan: Plan) -> bool:
    scraped = scraped_of(plan)
    series = scraped.series(selector.name)
    if selector.name in scraped.recorded:
        return False
    return series.kind == "counter" if series is not None else selector.name.endswith("_total")


@rule("alert-irate", MINOR, over=parsed_rules)
def irate(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """An alert on the last two samples only."""
    names = [each.name for call in _calls(rule, "irate") for each in promql.selectors(call)] if rule.alert else []
    if names:
        yield rule.place, f"takes the irate of {named(names)}: one quiet moment sets the `for` back to the start"


def _buckets(call: Expr) -> list[Selector]:
    return promql.selectors(call.args[1]) if len(call.args) > 1 else []


@rule("alert-quantile-without-le", CRITICAL, over=parsed_rules)
def quantile_without_le(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A quantile of something that has no buckets any more."""
    for call in _calls(rule, "histogram_quantile"):
        names = [each.name for each in _buckets(call)]
        parts = [each for each in names if each.endswith(("_sum", "_count"))]
        if parts:
            yield rule.place, f"takes a quantile of {named(parts)}, which has no buckets: there is never a result"
        elif any(name.endswith("_bucket") for name in names) and shape(call.args[1], plan).lacks("le"):
            yield rule.place, f"takes a quantile of {named(names)} without its label le: there is never a result"


@rule("alert-quantile-raw", MAJOR, over=parsed_rules)
def quantile_raw(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A quantile of everything since the start of the process."""
    for call in _calls(rule, "histogram_quantile"):
        raw = [each.name for each in _buckets(call) if each.range_s is None and each.name.endswith("_bucket")]
        if raw and raw[0] not in scraped_of(plan).recorded:
            yield rule.place, f"takes a quantile of {named(raw)} without a rate: it is that of all time since the start"


@rule("alert-quantile-per-series", MINOR, over=parsed_rules)
def quantile_per_series(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A quantile of each series by itself, where the alert speaks of the whole."""
    for call in _calls(rule, "histogram_quantile"):
        parts = [promql.kind(part) for part in promql.walk(call)]
        buckets = [each for each in _buckets(call) if each.name.endswith("_bucket")]
        if "AggregateExpr" in parts or len(buckets) != 1 or not rule.alert:
            continue
        own = set(shape(call.args[1], plan).many - {"le"})
        own |= {"instance"} if len(_targets(buckets[0], plan)) > 1 else set()
        if own and not any(f"$labels.{label}" in rule.words for label in own):
            yield (
                rule.place,
                f"takes a quantile for each {named(sorted(own))} by itself, not for the whole: a rare request fires",
            )


@rule("alert-quantile-above-buckets", CRITICAL, over=parsed_rules)
def quantile_above_buckets(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A quantile is asked to lie above the last bucket, where it never lies."""
    for condition in conditions(rule.expr) if rule.alert else ():
        compared = promql.threshold(condition)
        if compared is None:
            continue
        call = promql.inner(compared[0])
        if promql.kind(call) != "Call" or call.func.name != "histogram_quantile":
            continue
        names = {each.name for each in _buckets(call)}
        top = scraped_of(plan).top(next(iter(names))) if len(names) == 1 else None
        limit = compared[2]
        if top is not None and ((compared[1] == ">" and limit >= top) or (compared[1] == ">=" and limit > top)):
            name = next(iter(names)).removesuffix("_bucket")
            yield (
                rule.place,
                f"asks for a quantile above {limit:g}, but the last bucket of {name} ends at {top:g}: it never fires",
            )


def _targets(selector: Selector, plan: Plan) -> list[Target]:
    """The targets that a metric of the application comes from."""
    scraped = scraped_of(plan)
    asking = {id(job) for jobs in scraped.exporters.values() for job in jobs}
    return [target for job in scraped.feeding(selector) if id(job) not in asking for target in job.targets]
