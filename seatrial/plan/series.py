"""The labels of an expression's result, as far as the files tell which labels its series have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seatrial.plan import promql
from seatrial.plan.exporters import Series
from seatrial.plan.scraped import Scraped, scraped_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.plan import Plan
    from seatrial.plan.promql import Expr, Selector

_NONE: frozenset[str] = frozenset()
_OF_TARGET = frozenset({"job", "instance"})
_NO_LABELS = ("vector", "scalar", "time", "pi")


@dataclass(frozen=True)
class Shape:
    """Labels of a result: those that it surely has, those that it may have (None: any), those with several values."""

    sure: frozenset[str] = _NONE
    may: frozenset[str] | None = None
    many: frozenset[str] = _NONE
    source: str = ""  # the exporter whose `instance` the result still has

    def without(self, names: frozenset[str]) -> Shape:
        """Less some labels."""
        may = None if self.may is None else self.may - names
        return Shape(self.sure - names, may, self.many - names, "" if "instance" in names else self.source)

    def only(self, names: frozenset[str]) -> Shape:
        """No labels but some."""
        may = names if self.may is None else self.may & names
        source = self.source if "instance" in names else ""
        return Shape(self.sure & names, may, self.many & names, source)

    def lacks(self, label: str) -> bool:
        """Is it sure that it does not have a label?"""
        return self.may is not None and label not in self.may


def shape(expr: Expr, plan: Plan) -> Shape:
    """The labels of an expression's result."""
    expr = promql.inner(expr)
    kind = promql.kind(expr)
    if kind in ("VectorSelector", "MatrixSelector"):
        return of_selector(promql.selectors(expr)[0], plan)
    if kind == "AggregateExpr":
        return _of_aggregate(expr, plan)
    if kind == "Call":
        return _of_call(expr, plan)
    if kind == "BinaryExpr":
        return _of_operation(expr, plan)
    return shape(expr.expr, plan) if kind in ("UnaryExpr", "SubqueryExpr") else Shape(_NONE, _NONE)


def of_selector(selector: Selector, plan: Plan) -> Shape:
    """The labels of the series that a selector selects."""
    scraped = scraped_of(plan)
    if not selector.name or selector.name in scraped.recorded:
        return Shape()
    series = scraped.series(selector.name)
    own, maybe = _own(series, scraped)
    added = scraped.added(selector)
    may = None if own is None or added is None else own | maybe | added
    pinned = {matcher.label for matcher in selector.matchers if matcher.op == "=" and matcher.value}
    many = (own or _NONE) - pinned
    return Shape((own or _NONE) | _OF_TARGET, may, many, series.exporter if series else "")


def _own(series: Series | None, scraped: Scraped) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The labels that an exporter gives: always, and perhaps."""
    if series is None or series.labels is None:
        return None, _NONE
    if series.name.startswith("rabbitmq_queue_") and _aggregated(scraped):
        return series.labels, _NONE
    return series.labels, series.maybe


def _aggregated(scraped: Scraped) -> bool:
    """Does RabbitMQ's plug-in give the sum of all queues, as it does where nothing else is said?"""
    jobs = [job for name, jobs in scraped.exporters.items() if "rabbitmq" in name for job in jobs]
    by_plugin = all(target.port == 15692 for job in jobs for target in job.targets)
    paths = all(job.node.get("metrics_path").text in ("", "/metrics") and not job.discovers for job in jobs)
    told = any("return_per_object_metrics" in source.text for source in scraped.plan.sources.values())
    images = [each.image for each in scraped.plan.services] + [each.image for each in scraped.plan.containers]
    old = any("rabbitmq:3.8" in image for image in images)
    return bool(jobs) and by_plugin and paths and not told and not old


def _of_aggregate(expr: Expr, plan: Plan) -> Shape:
    below = shape(expr.expr, plan)
    how, names = promql.grouping(expr)
    operator = promql.operator(expr)
    if operator in ("topk", "bottomk", "limitk", "limit_ratio"):
        return below
    found = below.only(frozenset(names)) if how == "by" else below.without(frozenset(names))
    if how == "by":  # who groups by a label knows that it is there
        found = replace(found, sure=frozenset(name for name in names if not below.lacks(name)))
    if operator == "count_values":
        return Shape(found.sure, None, found.many)
    return found


def _of_call(expr: Expr, plan: Plan) -> Shape:
    function = expr.func.name
    if function in _NO_LABELS or not expr.args:
        return Shape(_NONE, _NONE)
    if function in ("absent", "absent_over_time"):
        return Shape(_NONE, _of_absent(expr.args[0]))
    if function in ("label_replace", "label_join", "info"):
        return Shape(shape(expr.args[0], plan).sure)
    if function == "histogram_quantile" and len(expr.args) > 1:
        return shape(expr.args[1], plan).without(frozenset({"le"}))
    vectors = [each for each in expr.args if not scalar(each)]
    return shape(vectors[0], plan) if vectors else Shape(_NONE, _NONE)


def _of_absent(argument: Expr) -> frozenset[str]:
    argument = promql.inner(argument)
    if promql.kind(argument) not in ("VectorSelector", "MatrixSelector"):
        return _NONE
    return frozenset(each.label for each in promql.selectors(argument)[0].matchers if each.op == "=")


def scalar(expr: Expr) -> bool:
    """Is it a number, a text or a call that gives a scalar?"""
    expr = promql.inner(expr)
    kind = promql.kind(expr)
    if kind == "BinaryExpr":
        return scalar(expr.lhs) and scalar(expr.rhs)
    if kind == "UnaryExpr":
        return scalar(expr.expr)
    return kind in ("NumberLiteral", "StringLiteral") or (kind == "Call" and expr.func.name in ("scalar", "time", "pi"))


def _of_operation(expr: Expr, plan: Plan) -> Shape:
    if scalar(expr.lhs) or scalar(expr.rhs):
        return shape(expr.lhs if scalar(expr.rhs) else expr.rhs, plan)
    left, right = shape(expr.lhs, plan), shape(expr.rhs, plan)
    operator = promql.operator(expr)
    if operator in ("and", "unless"):
        return left
    if operator == "or":
        return Shape(left.sure & right.sure, None if left.may is None or right.may is None else left.may | right.may)
    side, added = promql.grouped(expr)
    if side:
        many = left if side == "left" else right
        return Shape(many.sure - added, None if many.may is None else many.may | added, many.many, many.source)
    both = _both(left, right)
    how, names = promql.matching(expr)
    if how == "on":
        return both.only(frozenset(names))
    return Shape(left.sure, left.may, left.many, left.source).without(frozenset(names)) if names else both


def _both(left: Shape, right: Shape) -> Shape:
    """Of an operation between series with the same labels."""
    may = right.may if left.may is None else left.may if right.may is None else left.may & right.may
    return Shape(left.sure | right.sure, may, left.many | right.many, left.source or right.source)


def compared(expr: Expr, plan: Plan) -> tuple[Shape, Shape] | None:
    """The labels by which both sides of an operation have to be equal; None where it is not between series."""
    if promql.kind(expr) != "BinaryExpr" or promql.operator(expr) in ("or", "unless"):
        return None
    if scalar(expr.lhs) or scalar(expr.rhs):
        return None
    how, names = promql.matching(expr)
    cut: Callable[[Shape], Shape] = lambda side: (  # noqa: E731
        side.only(frozenset(names)) if how == "on" else side.without(frozenset(names))
    )
    return cut(shape(expr.lhs, plan)), cut(shape(expr.rhs, plan))
