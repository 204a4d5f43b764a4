"""Which labels the series of a PromQL expression can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.plan.promql import children, grouping, inner, kind, matching, number, operator

if TYPE_CHECKING:
    from seatrial.plan.promql import Expr


@dataclass(frozen=True)
class Labels:
    """What is known of the labels of a result: all of `only` and no others, or any but those of `lost`."""

    only: frozenset[str] | None = None
    lost: frozenset[str] = frozenset()

    def surely_without(self, label: str) -> bool:
        """Is it sure that the label is gone?"""
        return label in self.lost if self.only is None else label not in self.only


def labels(expr: Expr) -> Labels:
    """The labels that the series of a result can have."""
    expr = inner(expr)
    name = kind(expr)
    if name == "AggregateExpr":
        return _of_aggregation(expr)
    if name == "Call":
        return _of_call(expr)
    if name == "BinaryExpr":
        return _of_operation(expr)
    return labels(children(expr)[0]) if name in ("UnaryExpr", "SubqueryExpr") else Labels()


def _of_aggregation(expr: Expr) -> Labels:
    how, names = grouping(expr)
    below = labels(expr.expr)
    if operator(expr) in ("topk", "bottomk", "limitk", "limit_ratio"):
        return below
    if how == "by":
        return Labels(frozenset(label for label in names if not below.surely_without(label)))
    return Labels(None, below.lost | set(names)) if below.only is None else Labels(below.only - set(names))


def _of_call(expr: Expr) -> Labels:
    function = expr.func.name
    if function in ("vector", "scalar", "time"):
        return Labels(frozenset())
    if function in ("absent", "absent_over_time", "label_replace", "label_join"):
        return Labels()
    if function == "histogram_quantile" and len(expr.args) > 1:
        below = labels(expr.args[1])
        return Labels(below.only - {"le"}) if below.only is not None else Labels(None, below.lost | {"le"})
    vectors = [argument for argument in expr.args if number(argument) is None and kind(argument) != "StringLiteral"]
    return labels(vectors[0]) if vectors else Labels(frozenset())


def _of_operation(expr: Expr) -> Labels:
    if number(expr.rhs) is not None or operator(expr) in ("and", "unless"):
        return labels(expr.lhs)
    if number(expr.lhs) is not None:
        return labels(expr.rhs)
    how, names = matching(expr)
    left = labels(expr.lhs)
    if how == "on" and "group" not in str(expr.modifier).lower():
        return Labels(frozenset(names))
    if how == "ignoring" and left.only is not None:
        return Labels(left.only - set(names))
    return left if operator(expr) != "or" else Labels()
