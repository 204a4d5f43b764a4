"""PromQL by its syntax tree: which series an expression reads, which labels its result has, in which unit it counts.

The parser is the package `promql-parser` (the grammar of Prometheus itself); here is what the rules ask of its trees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Expr = Any  # an expression of promql_parser
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
SETS = ("and", "or", "unless")
MOST_LETTERS, MOST_PARTS = (
    10_000,
    200,
)  # the parser is native code that calls itself for each level, and ends the process at some thousands
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_NESTED = re.compile(r"\)[*+{]")
_PART = re.compile(r"[-+*/%^(\[{<>=!]|\b(?:and|or|unless)\b", re.IGNORECASE)
_RANGED = frozenset({"rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets"})


@dataclass(frozen=True)
class Matcher:
    """A label matcher."""

    label: str
    op: str  # =, !=, =~, !~
    value: str

    def admits(self, value: str) -> bool:
        """Does a series with this value of the label pass?"""
        if self.op in ("=", "!="):
            return (self.value == value) is (self.op == "=")
        if _NESTED.search(self.value):  # it may take for ever
            return True
        try:
            return (re.fullmatch(self.value, value) is not None) is (self.op == "=~")
        except re.error:
            return True


@dataclass(frozen=True)
class Selector:
    """A selection of series: `name{label="value"}[range]`."""

    name: str  # empty where the name itself is matched by a pattern
    matchers: tuple[Matcher, ...]
    range_s: float | None
    offset: bool
    expr: Expr

    def on(self, label: str) -> list[Matcher]:
        """Its matchers on a label."""
        return [matcher for matcher in self.matchers if matcher.label == label]


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Expr | None, str]:
    """The tree of an expression, and why there is none; neither for one that is too large to look at."""
    import promql_parser

    if len(text) > MOST_LETTERS or len(_PART.findall(_STRING.sub("", text))) > MOST_PARTS:
        return None, ""
    try:
        return promql_parser.parse(text), ""
    except (ValueError, RecursionError) as error:
        return None, str(error).split("\n", maxsplit=1)[0]


def kind(expr: Expr) -> str:
    """BinaryExpr, AggregateExpr, Call, VectorSelector, MatrixSelector, ParenExpr, UnaryExpr, NumberLiteral, ..."""
    return type(expr).__name__


def inner(expr: Expr) -> Expr:
    """Without parentheses around it."""
    while kind(expr) == "ParenExpr":
        expr = expr.expr
    return expr


def children(expr: Expr) -> list[Expr]:
    """The expressions directly inside."""
    name = kind(expr)
    if name == "BinaryExpr":
        return [expr.lhs, expr.rhs]
    if name == "Call":
        return list(expr.args)
    if name == "AggregateExpr":
        return [expr.expr] + ([expr.param] if expr.param is not None else [])
    if name in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return [expr.expr]
    return []


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all inside it."""
    waiting = [expr]
    while waiting:
        expr = waiting.pop()
        yield expr
        waiting += reversed(children(expr))


def selectors(expr: Expr) -> list[Selector]:
    """All selections of series."""
    found, ranged = [], set()
    for part in walk(expr):
        if kind(part) == "MatrixSelector":
            found.append(_selector(part.vector_selector, part.range.total_seconds(), part))
            ranged.add(id(part.vector_selector))
        elif kind(part) == "VectorSelector":
            found.append(_selector(part, None, part))
    return found


def _selector(vector: Any, range_s: float | None, expr: Expr) -> Selector:  # noqa: ANN401 - promql_parser's
    matchers = [Matcher(m.name, _OPS.get(str(m.op).rpartition(".")[2], "="), m.value) for m in vector.matchers.matchers]
    name = vector.name or next((m.value for m in matchers if m.label == "__name__" and m.op == "="), "")
    return Selector(name, tuple(matchers), range_s, vector.offset is not None, expr)


_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def operator(expr: Expr) -> str:
    """The operator of a BinaryExpr or an aggregation, as it is written."""
    return str(expr.op)


def number(expr: Expr) -> float | None:
    """The value of a constant expression; None if it reads a series."""
    expr = inner(expr)
    name = kind(expr)
    if name == "NumberLiteral":
        return float(expr.val)
    if name == "UnaryExpr":
        value = number(expr.expr)
        return None if value is None else -value
    if name == "BinaryExpr":
        left, right = number(expr.lhs), number(expr.rhs)
        if left is None or right is None:
            return None
        return _reckoned(operator(expr), left, right)
    return None


def _reckoned(op: str, left: float, right: float) -> float | None:
    try:
        return {
            "+": left + right,
            "-": left - right,
            "*": left * right,
            "/": left / right if right else float("nan"),
        }.get(op)
    except OverflowError:
        return None


def threshold(expr: Expr) -> tuple[Expr, str, float] | None:
    """`left > 0.9` as (left, ">", 0.9), whichever side the number stands on; None if it compares with no number."""
    expr = inner(expr)
    if kind(expr) != "BinaryExpr" or operator(expr) not in COMPARISONS:
        return None
    right, left = number(expr.rhs), number(expr.lhs)
    if right is not None:
        return expr.lhs, operator(expr), right
    turned = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
    return (expr.rhs, turned.get(operator(expr), operator(expr)), left) if left is not None else None


def grouping(expr: Expr) -> tuple[str, tuple[str, ...]]:
    """Of an aggregation: ("by" or "without", labels); ("by", ()) where it has none."""
    modifier = expr.modifier
    if modifier is None:
        return "by", ()
    how = "without" if "without" in str(modifier.type).lower() else "by"
    return how, tuple(modifier.labels)


def matching(expr: Expr) -> tuple[str, tuple[str, ...]]:
    """Of a BinaryExpr: ("on", labels), ("ignoring", labels), or ("", ()) where all labels have to be equal."""
    modifier = expr.modifier
    if modifier is None or modifier.matching is None:
        return "", ()
    how = "on" if str(modifier.matching).strip().lower().startswith("on") else "ignoring"
    return how, tuple(modifier.matching.labels)


def grouped(expr: Expr) -> tuple[str, frozenset[str]]:
    """Of a BinaryExpr with group_left or group_right: the many side, and the labels that it takes over."""
    card = getattr(expr.modifier, "card", None)
    side = {"ManyToOne": "left", "OneToMany": "right"}.get(str(card).rpartition(".")[2], "")
    return side, frozenset(getattr(expr.modifier, "group_labels", None) or ())


def is_rate(expr: Expr) -> bool:
    """Is it a function that makes a rate or a difference of a counter?"""
    return kind(expr) == "Call" and expr.func.name in _RANGED
