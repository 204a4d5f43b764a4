"""Rules about expressions whose two sides do not fit together, or that Prometheus does not take at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan import promql
from seatrial.plan.prometheus import seconds
from seatrial.plan.promql_forms import skeleton
from seatrial.plan.scraped import scraped_of
from seatrial.plan.series import Shape, compared, scalar, shape
from seatrial.rules.alerts import parsed_rules
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.prometheus import PromRule
    from seatrial.plan.promql import Expr, Selector

# Labels of which a metric that has them has several values at once.
_SEVERAL = frozenset({
    "datname", "datid", "cpu", "mode", "state", "mountpoint", "device", "phase", "le", "status", "code", "status_code",
    "method", "handler", "route", "path", "endpoint", "db", "cmd", "condition",
})  # fmt: skip


def all_rules_of(plan: Plan) -> list[PromRule]:
    """The alerting and recording rules."""
    return plan.rules


def _operations(rule: PromRule, *operators: str) -> list[Expr]:
    parts = [part for part in promql.walk(rule.expr) if promql.kind(part) == "BinaryExpr"]
    return [part for part in parts if promql.operator(part) in operators or not operators]


def _names(expr: Expr) -> str:
    return named([each.name for each in promql.selectors(expr) if each.name]) or "one side"


@rule("alert-expression-broken", CRITICAL, over=all_rules_of)
def expression_broken(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """An expression that does not parse: Prometheus refuses the whole file."""
    if rule.mistake:
        yield rule.place, f"does not parse ({rule.mistake}): Prometheus refuses the whole file"
    elif not rule.text.strip():
        yield rule.place, "has no expression: Prometheus refuses the whole file"


@rule("alert-duration-broken", CRITICAL, over=all_rules_of)
def duration_broken(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """A duration without a unit, or with an unknown one."""
    for key in ("for", "keep_firing_for"):
        node = rule.node.get(key)
        if node.text and node.text != "0" and seconds(node.text) is None:
            yield node, f"{key} is {node.text}, which is no duration such as 5m: Prometheus refuses the whole file"


def _only(expr: Expr) -> Selector | None:
    found = promql.selectors(expr)
    return found[0] if len(found) == 1 else None


def _bare(expr: Expr) -> Expr:
    """Without numbers that it is multiplied with."""
    expr = promql.inner(expr)
    while promql.kind(expr) == "BinaryExpr" and promql.operator(expr) == "*" and (scalar(expr.lhs) or scalar(expr.rhs)):
        expr = promql.inner(expr.rhs if scalar(expr.lhs) else expr.lhs)
    return expr


def _same_series(division: Expr, plan: Plan) -> tuple[str, bool] | None:
    """The metric of which each series is divided by itself, and whether the sides have no series in common."""
    left, right = _bare(division.lhs), _bare(division.rhs)
    one, other = _only(left), _only(right)
    if one is None or other is None or not one.name or one.name != other.name:
        return None
    if skeleton(left) != skeleton(right) or promql.matching(division)[0]:
        return None
    differing = {matcher.label for matcher in set(one.matchers) ^ set(other.matchers)}
    kept = shape(left, plan)
    if any(kept.lacks(label) for label in differing) or not _kept(left, differing):
        return None
    return one.name, _apart(one, other)


def _kept(expr: Expr, labels: set[str]) -> bool:
    """Do labels outlast every aggregation?"""
    for part in promql.walk(expr):
        if promql.kind(part) == "AggregateExpr":
            how, names = promql.grouping(part)
            if (labels - set(names)) if how == "by" else (labels & set(names)):
                return False
    return True


def _apart(one: Selector, other: Selector) -> bool:
    values = {matcher.label: matcher.value for matcher in one.matchers if matcher.op == "="}
    return any(each.op == "=" and values.get(each.label, each.value) != each.value for each in other.matchers)


@rule("alert-ratio-of-itself", CRITICAL, over=parsed_rules)
def ratio_of_itself(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """Each series is divided by itself."""
    for division in _operations(rule, "/"):
        found = None if scalar(division.lhs) or scalar(division.rhs) else _same_series(division, plan)
        if found and not found[1]:
            yield (
                rule.place,
                f"divides each series of {found[0]} by itself, which is always 1, and not the share in the whole",
            )


def _mismatch(left: Shape, right: Shape) -> str:
    """Why no series of both sides match; empty if they may."""
    for one, other, words in ((left, right, "only the left side has"), (right, left, "only the right side has")):
        lacking = sorted(label for label in one.sure if other.lacks(label))
        if lacking:
            return f"{words} {named(lacking)}"
    if "instance" in left.sure & right.sure and left.source and right.source and left.source != right.source:
        return f"{left.source} and {right.source} are different instances"
    return ""


@rule("alert-sides-never-match", CRITICAL, over=parsed_rules)
def sides_never_match(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """An operation between series whose labels cannot be equal."""
    for part in _operations(rule):
        sides = compared(part, plan)
        if sides is None:
            continue
        why = _mismatch(*sides)
        itself = _same_series(part, plan)
        if not why and itself and itself[1]:
            why = "they select different series"
        if why and not ("different instances" in why and _readdressed(plan)):
            both = f"{_names(part.lhs)} and {_names(part.rhs)}"
            yield rule.place, f"no series of {both} match, for {why}: there is never a result"


def _readdressed(plan: Plan) -> bool:
    rules = [each for job in scraped_of(plan).jobs for each in job.node.get("relabel_configs")]
    labelled = any(
        group.get("labels", "instance").written
        for job in scraped_of(plan).jobs
        for group in job.node.get("static_configs")
    )
    return labelled or any(each.get("target_label").text == "instance" for each in rules)


@rule("alert-many-to-one", CRITICAL, over=parsed_rules)
def many_to_one(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """Several series of one side fall on one match without group_left: Prometheus gives an error."""
    for part in _operations(rule):
        how, names = promql.matching(part)
        if not how or promql.operator(part) in promql.SETS or scalar(part.lhs) or scalar(part.rhs):
            continue
        many = promql.grouped(part)[0]
        for side, expr in (("left", part.lhs), ("right", part.rhs)):
            below = shape(expr, plan).many & _SEVERAL
            beyond = below - set(names) if how == "on" else below & set(names)
            if beyond and many != side:
                mend = "" if many else f" (group_{side} would allow it)"
                yield (
                    rule.place,
                    f"{_names(expr)} has several series for each match, by {named(sorted(beyond))}: an error{mend}",
                )


@rule("alert-grouped-by-lost-label", MAJOR, over=parsed_rules)
def grouped_by_lost_label(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """An aggregation by a label that what is inside does not have."""
    for part in promql.walk(rule.expr):
        if promql.kind(part) != "AggregateExpr" or promql.grouping(part)[0] != "by":
            continue
        below = shape(part.expr, plan)
        lost = [label for label in promql.grouping(part)[1] if below.lacks(label)]
        if lost:
            yield rule.place, f"groups {_names(part.expr)} by {named(lost)}, which it does not have: all is one group"


@rule("alert-filesystems-mixed", MINOR, over=parsed_rules)
def filesystems_mixed(rule: PromRule, _plan: Plan) -> Iterator[Found]:
    """Real disks are added up with file systems in memory."""
    for part in promql.walk(rule.expr):
        if promql.kind(part) != "AggregateExpr" or promql.operator(part) not in ("sum", "avg"):
            continue
        kept = set(promql.grouping(part)[1]) if promql.grouping(part)[0] == "by" else set()
        mixed = [each.name for each in promql.selectors(part.expr) if _unfiltered(each)]
        if mixed and not kept & {"mountpoint", "device", "fstype"}:
            yield rule.place, f"adds up {named(mixed)} of all file systems, tmpfs too: a full disk is hidden"
            return


def _unfiltered(selector: Selector) -> bool:
    filtered = any(matcher.label in ("fstype", "mountpoint", "device") for matcher in selector.matchers)
    return selector.name.startswith("node_filesystem_") and not filtered
