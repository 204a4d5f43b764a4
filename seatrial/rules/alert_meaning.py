"""Rules about thresholds: against the expression's unit and bounds, and against what the alert says it is about."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MINOR, Found, rule
from seatrial.plan import promql
from seatrial.plan.meaning import Value, value
from seatrial.plan.promql_forms import conditions
from seatrial.plan.scraped import scraped_of
from seatrial.rules.alerts import parsed_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.prometheus import PromRule

_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,4})?)\s?(?:%|percent|per cent|퍼센트|프로)", re.IGNORECASE)
_ON_PURPOSE = re.compile(
    r"idle|unused|under.?util|under.?us|over.?prov|wast|oversiz|downsiz|too (?:much|large)|recover|resolved|유휴|과다",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"down|fail|unreach|unavail|dead|lost|not respond|no answer|cannot|outage|missing|다운|중단|실패|불가|장애",
    re.IGNORECASE,
)
_NOUN = {"bool": "what is 0 or 1", "ratio": "a share between 0 and 1", "percent": "a percentage", "count": "a count",
         "bytes": "bytes", "seconds": "seconds", "absent": "absent(), which is 1 or nothing"}  # fmt: skip
_MIXED = {"1 less a percentage": "* binds tighter than -: 100 * (1 - share) is meant",
          "100 less a share": "* binds tighter than -: 100 * (1 - share) is meant"}  # fmt: skip
_SECONDS = r"\s?(?:s|sec|secs|second|seconds|초)(?![a-z])"
_MILLISECONDS = r"\s?(?:ms|msec|millis|milliseconds?|밀리초)"


@dataclass(frozen=True)
class Condition:
    """A comparison of an alert with a number."""

    value: Value
    op: str
    limit: float

    @property
    def text(self) -> str:
        """`> 80`."""
        return f"{self.op} {self.limit:g}"


def _conditions(rule: PromRule, plan: Plan) -> list[Condition]:
    found = (promql.threshold(each) for each in conditions(rule.expr))
    look = scraped_of(plan).series
    return [Condition(value(left, look), op, limit) for left, op, limit in filter(None, found)]


def alerts(plan: Plan) -> list[PromRule]:
    """The alerts whose expressions parse."""
    return [each for each in parsed_rules(plan) if each.alert]


def _words(rule: PromRule) -> str:
    """The alert's name and texts, as a person reads them."""
    return f"{re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', rule.alert)} {rule.words}"


def _never(one: Condition) -> bool:
    low, high, limit = one.value.low, one.value.high, one.limit
    return {
        ">": limit >= high,
        ">=": limit > high,
        "<": limit <= low,
        "<=": limit < low,
        "==": not low <= limit <= high,
    }.get(one.op, False)


def _always(one: Condition) -> bool:
    if one.value.unit in ("absent", "count"):  # where there is nothing, there is no count
        return False
    low, high, limit = one.value.low, one.value.high, one.limit
    return {">": limit < low, ">=": limit <= low, "<": limit > high, "<=": limit >= high}.get(one.op, False)


def _noun(known: Value) -> str:
    """What a value is, as far as it says why a threshold does not fit it."""
    if known.unit in _MIXED:
        return f"{known.unit} ({_MIXED[known.unit]})"
    if known.unit in _NOUN:
        return _NOUN[known.unit]
    if math.isinf(known.high):
        return f"what cannot be less than {known.low:g}"
    return (
        f"what lies between {known.low:g} and {known.high:g}"
        if math.isfinite(known.low)
        else f"what is at most {known.high:g}"
    )


@rule("alert-always-or-never", CRITICAL, over=alerts)
def always_or_never(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A threshold that lies outside what the value can be."""
    for one in _conditions(rule, plan):
        if one.value.low == one.value.high and one.value.unit != "absent":
            continue
        noun = _noun(one.value)
        if _never(one):
            yield rule.place, f"compares {noun} with {one.limit:g}: {one.text} is never true"
        elif _always(one) and len(list(conditions(rule.expr))) == 1:
            yield rule.place, f"compares {noun} with {one.limit:g}: {one.text} is always true"


@rule("alert-unit", CRITICAL, over=alerts)
def unit(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """A threshold in another unit than the value."""
    for one in _conditions(rule, plan):
        if not _never(one) and not _always(one):
            mixed = f"{_noun(one.value)} with {one.limit:g}" if one.value.unit in _MIXED else ""
            if why := mixed or _other_unit(one, _words(rule)):
                yield rule.place, f"compares {why}"


def _other_unit(one: Condition, words: str) -> str:
    known, limit = one.value, one.limit
    shown = f"{limit:g}"
    if known.unit == "ratio" and 2 <= limit <= 100:
        return f"a share, of which 1 is the whole, with {shown}, a percentage"
    if known.unit == "percent" and 0 < limit <= 1:
        meant = any(abs(float(number) - 100 * limit) < 0.001 for number in _PERCENT.findall(words))
        return f"a percentage with {shown}, a share: {100 * limit:g} is meant" if meant or known.side == "used" else ""
    if known.unit == "bytes" and known.scale == 1 and 0 < limit <= 100:
        return f"bytes with {shown}, which is no number of bytes"
    if known.unit == "seconds" and known.names and known.names[0].endswith("_bucket"):
        meant = re.search(rf"(?<![\d.]){re.escape(shown)}{_MILLISECONDS}", words, re.IGNORECASE) is not None
        return f"seconds with {shown}, which are milliseconds" if limit >= 100 or (meant and limit > 1) else ""
    if known.unit == "milliseconds" and re.search(rf"(?<![\d.]){re.escape(shown)}{_SECONDS}", words, re.IGNORECASE):
        return f"milliseconds with {shown}, which are seconds"
    return ""


@rule("alert-opposite", CRITICAL, over=alerts)
def opposite(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """An alert that fires when all is well."""
    found = _conditions(rule, plan)
    if len(found) != 1 or len(list(conditions(rule.expr))) != 1 or _ON_PURPOSE.search(_words(rule)):
        return
    one = found[0]
    rising = one.op in (">", ">=")
    if one.value.side == "free" and rising and not _never(one):
        yield rule.place, f"measures what is free and fires on {one.text}: it is silent when that runs out"
    elif one.value.side == "used" and one.op in ("<", "<=") and not _never(one):
        yield rule.place, f"measures what is used and fires on {one.text}: it is silent when that runs full"
    elif one.value.unit == "bool" and _on_one(one) and _is_up(one.value) and _DOWN.search(_words(rule)):
        yield rule.place, f"fires on {one.value.names[0]} {one.text}, which is while it is up"


def _on_one(one: Condition) -> bool:
    """Is it true of 1 and false of 0?"""
    limit = one.limit
    return {"==": limit == 1, "!=": limit == 0, ">": 0 <= limit < 1, ">=": 0 < limit <= 1}.get(one.op, False)


def _is_up(known: Value) -> bool:
    return bool(known.names) and (known.names[0] in ("up", "probe_success") or known.names[0].endswith("_up"))


@rule("alert-says-other-number", MINOR, over=alerts)
def says_other_number(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """The text names another percentage than the expression."""
    said = {float(number) for number in _PERCENT.findall(rule.words)}
    found = _conditions(rule, plan)
    if len(said) != 1 or len(found) != 1:
        return
    one, number = found[0], said.pop()
    factor = {"percent": 1, "ratio": 100}.get(one.value.unit, 0) if not (_never(one) or _always(one)) else 0
    meant = one.limit * factor
    differs = 1 < meant <= 100 and all(abs(number - each) > 0.001 for each in (meant, 100 - meant))
    if differs and not _other_unit(one, _words(rule)):
        yield rule.place, f"says {number:g} % and fires on {one.text}"
