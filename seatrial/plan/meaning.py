"""What the value of an expression means: its bounds, its unit, and whether it measures what is free or what is used."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seatrial.plan import promql
from seatrial.plan.exporters import Series
from seatrial.plan.promql_forms import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.plan.promql import Expr

Look = "Callable[[str], Series | None]"
_FREE = ("node_filesystem_avail_bytes", "node_filesystem_free_bytes", "node_filesystem_files_free",
         "node_memory_MemAvailable_bytes", "node_memory_MemFree_bytes", "node_memory_SwapFree_bytes")  # fmt: skip
_BESIDE = (
    "node_memory_Buffers_bytes",
    "node_memory_Cached_bytes",
    "node_memory_SReclaimable_bytes",
)  # free, if added to it
_TOTAL = (
    "node_filesystem_size_bytes",
    "node_filesystem_files",
    "node_memory_MemTotal_bytes",
    "node_memory_SwapTotal_bytes",
)
_USED = {
    "pg_stat_activity_count": "pg_settings_max_connections",
    "pg_stat_database_numbackends": "pg_settings_max_connections",
    "redis_memory_used_bytes": "redis_memory_max_bytes", "redis_connected_clients": "redis_config_maxclients",
    "container_memory_usage_bytes": "container_spec_memory_limit_bytes",
    "container_memory_working_set_bytes": "container_spec_memory_limit_bytes",
    "rabbitmq_process_resident_memory_bytes": "rabbitmq_resident_memory_limit_bytes",
}  # fmt: skip
_KEEPING = ("avg", "min", "max", "topk", "bottomk", "quantile")
_OVER_TIME = ("avg_over_time", "min_over_time", "max_over_time", "last_over_time", "quantile_over_time", "abs", "round",
              "ceil", "floor", "sort", "sort_desc")  # fmt: skip


@dataclass(frozen=True)
class Value:
    """What is known of a value."""

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""  # bool, ratio, percent, bytes, seconds, milliseconds, count, quantile, `1 less a percentage`
    side: str = ""  # free, used, total
    names: tuple[str, ...] = ()  # the metrics it is made of
    scale: float = 1.0  # what they are multiplied by


UNKNOWN = Value()
_FIXED = {"absent": Value(1.0, 1.0, "absent"), "absent_over_time": Value(1.0, 1.0, "absent")} | dict.fromkeys(
    ("increase", "count_over_time", "changes", "resets"), Value(0.0)
)


def value(expr: Expr, look: Callable[[str], Series | None]) -> Value:
    """What is known of an expression's value; `look` tells what is known of a metric."""
    expr = promql.inner(expr)
    constant = promql.number(expr)
    if constant is not None:
        return Value(constant, constant)
    kind = promql.kind(expr)
    if kind in ("VectorSelector", "MatrixSelector"):
        return _of_metric(promql.selectors(expr)[0].name, look)
    if kind == "AggregateExpr":
        return _of_aggregate(expr, look)
    if kind == "Call":
        return _of_call(expr, look)
    return _of_operation(expr, look) if kind == "BinaryExpr" else UNKNOWN


def _of_metric(name: str, look: Callable[[str], Series | None]) -> Value:
    series = look(name)
    if series is None:
        return UNKNOWN
    side = "free" if name in _FREE else "total" if name in _TOTAL else "used" if name in _USED else ""
    high = 1.0 if series.unit == "bool" else math.inf
    unit = "" if series.kind in ("counter", "bucket") else series.unit
    low = 0.0 if series.unit in ("bool", "bytes", "count") or series.kind in ("counter", "bucket") else -math.inf
    return Value(low, high, unit, side, (name,))


def _of_aggregate(expr: Expr, look: Callable[[str], Series | None]) -> Value:
    operator = promql.operator(expr)
    inside = value(expr.expr, look)
    if operator in _KEEPING:
        return inside
    if operator == "count":
        return Value(1.0, math.inf, "count")
    if operator == "sum":
        unit = inside.unit if inside.unit in ("bytes", "count") else ""
        return replace(inside, low=0.0 if inside.low >= 0 else -math.inf, high=math.inf, unit=unit)
    return UNKNOWN


def _of_call(expr: Expr, look: Callable[[str], Series | None]) -> Value:
    function = expr.func.name
    if function == "histogram_quantile":
        return _of_quantile(expr)
    if function in ("rate", "irate") and promql.selectors(expr):
        return _of_rate(promql.selectors(expr)[0])
    vectors = [each for each in expr.args if promql.number(each) is None]
    if function in _OVER_TIME and vectors:
        return value(vectors[0], look)
    if function == "predict_linear" and vectors:
        return replace(value(vectors[0], look), low=-math.inf, high=math.inf, unit="")
    return _FIXED.get(function, UNKNOWN)


def _of_quantile(expr: Expr) -> Value:
    names = tuple(each.name for each in promql.selectors(expr))
    for ending, unit in (
        ("_milliseconds_bucket", "milliseconds"),
        ("_ms_bucket", "milliseconds"),
        ("_seconds_bucket", "seconds"),
    ):
        if names and all(name.endswith(ending) for name in names):
            return Value(0.0, math.inf, unit, "", names)
    return Value(names=names)


def _of_rate(selector: promql.Selector) -> Value:
    if selector.name != "node_cpu_seconds_total":
        return Value(0.0, math.inf, "", "", (selector.name,))
    modes = selector.on("mode")
    idle = any(matcher.op == "=" and matcher.value == "idle" for matcher in modes)
    return Value(0.0, 1.0, "ratio", "free" if idle else "", (selector.name,))


def _of_operation(expr: Expr, look: Callable[[str], Series | None]) -> Value:
    operator = promql.operator(expr)
    left, right = value(expr.lhs, look), value(expr.rhs, look)
    if operator == "/":
        return _divided(expr, left, right)
    if operator == "*":
        number, other = (left, right) if left.low == left.high else (right, left)
        return _times(other, number.low) if number.low == number.high else UNKNOWN
    if operator == "-":
        return _less(left, right)
    if operator == "+" and left.side == "free" and set(right.names) <= {*_BESIDE, *_FREE}:
        return replace(left, high=math.inf, names=(*left.names, *right.names))
    if operator == "+":
        return Value(*_told(left.low + right.low, left.high + right.high), names=(*left.names, *right.names))
    return UNKNOWN


def _times(known: Value, number: float) -> Value:
    if number <= 0:
        return UNKNOWN
    percent = number == 100 and known.unit == "ratio"
    same = number == 1 or known.unit in ("bytes", "count", "seconds")
    unit = "percent" if percent else known.unit if same else ""
    scale = 1.0 if percent else known.scale * number
    return Value(known.low * number, known.high * number, unit, known.side, known.names, scale)


def _less(left: Value, right: Value) -> Value:
    other = {"free": "used", "used": "free"}.get(right.side, "")
    if (
        left.low == left.high
        and right.unit in ("ratio", "percent")
        and left.low == {"ratio": 1, "percent": 100}[right.unit]
    ):
        return Value(left.low - right.high, left.low - right.low, right.unit, other, right.names)
    if left.side == "total" and right.side == "free":
        return Value(0.0, math.inf, left.unit, "used", (*left.names, *right.names))
    if left.side == "used" and set(right.names) <= set(_BESIDE):
        return replace(left, low=-math.inf)
    bounds = left.low - right.high, left.high - right.low
    return Value(*_told(*bounds), _mixed(left, right), "", (*left.names, *right.names))


def _told(low: float, high: float) -> tuple[float, float]:
    """Bounds, of which the difference of two infinities is none."""
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def _mixed(left: Value, right: Value) -> str:
    """The whole of one unit less a part of another: `1 - a / b * 100`, where brackets are forgotten."""
    given = (left.low, right.unit) if left.low == left.high else (0.0, "")
    return {(1.0, "percent"): "1 less a percentage", (100.0, "ratio"): "100 less a share"}.get(given, "")


def _divided(expr: Expr, left: Value, right: Value) -> Value:
    if right.low == right.high and right.low > 0:
        return _times(left, 1 / right.low)
    names = (*left.names, *right.names)
    ratio = UNKNOWN
    if right.side == "total" and left.side in ("free", "used"):
        ratio = Value(0.0, 1.0, "ratio", left.side, names)
    elif right.names and any(_USED.get(name) in right.names for name in left.names):
        ratio = Value(0.0, math.inf, "ratio", "used", names)
    elif _part_of(_bare(expr.lhs), _bare(expr.rhs)):
        ratio = Value(0.0, 1.0, "ratio", "", names)
    return _times(ratio, left.scale / right.scale) if ratio is not UNKNOWN else UNKNOWN


def _bare(expr: Expr) -> Expr:
    """Without the numbers that it is multiplied by."""
    expr = promql.inner(expr)
    while promql.kind(expr) == "BinaryExpr" and promql.operator(expr) == "*":
        if promql.number(expr.lhs) is None and promql.number(expr.rhs) is None:
            break
        expr = promql.inner(expr.rhs if promql.number(expr.lhs) is not None else expr.lhs)
    return expr


def _part_of(left: Expr, right: Expr) -> bool:
    """Is the left side the sum of some of the series that the right side is the sum of?"""
    left, right = promql.inner(left), promql.inner(right)
    ones, others = promql.selectors(left), promql.selectors(right)
    if len(ones) != 1 or len(others) != 1 or promql.kind(left) != promql.kind(right):
        return False
    one, other = ones[0], others[0]
    if promql.kind(left) == "AggregateExpr" and promql.operator(left) not in ("sum", "count"):
        return False
    same = one.name == other.name and one.range_s == other.range_s and bool(one.name)
    return same and set(other.matchers) <= set(one.matchers) and skeleton(left) == skeleton(right)
