"""The form of an expression: what it is without its matchers, and the comparisons by which an alert fires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.plan import promql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan.promql import Expr


def skeleton(expr: Expr) -> str:
    """An expression without what its selectors match."""
    expr = promql.inner(expr)
    kind = promql.kind(expr)
    below = ",".join(skeleton(child) for child in promql.children(expr))
    if kind == "AggregateExpr":
        how, names = promql.grouping(expr)
        return f"{promql.operator(expr)} {how} {sorted(names)} ({below})"
    if kind == "Call":
        return f"{expr.func.name}({below})"
    if kind == "BinaryExpr":
        return f"({below} {promql.operator(expr)} {expr.modifier})"
    if kind in ("VectorSelector", "MatrixSelector"):
        selector = promql.selectors(expr)[0]
        vector: Expr = getattr(expr, "vector_selector", expr)
        return f"{selector.name}[{selector.range_s}] {vector.offset} {vector.at}"
    if kind == "SubqueryExpr":
        return f"{below}[{expr.range}:{expr.step}] {expr.offset} {expr.at}"
    return f"{kind}({below})" if below else str(expr)


def conditions(expr: Expr) -> Iterator[Expr]:
    """The comparisons of which each, by itself or with the others, makes an alert fire."""
    expr = promql.inner(expr)
    if promql.kind(expr) != "BinaryExpr":
        return
    if promql.operator(expr) in ("and", "or"):
        yield from conditions(expr.lhs)
        yield from conditions(expr.rhs)
    elif promql.operator(expr) == "unless":
        yield from conditions(expr.lhs)
    elif promql.operator(expr) in promql.COMPARISONS:
        yield expr
