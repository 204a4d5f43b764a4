"""Numbers as a person reads them: three digits that matter, and the unit that keeps them short. ASCII only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seatrial.verdict import Outcome

if TYPE_CHECKING:
    from seatrial.verdict import Promise

NOTHING = "-"
_SCALES = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


def seconds(value: float | None) -> str:
    """`812 ms`, `1.23 s`, `15 min`, `1 h 5 min`; `never` for infinite ones."""
    if value is None:
        return NOTHING
    if math.isinf(value):
        return "never"
    if abs(value) < 59.95:
        factor, name = _scale(value)
        return f"{digits(value / factor)} {name}"
    sign, total = ("-" if value < 0 else ""), round(abs(value))
    hours, minutes, rest = total // 3600, total % 3600 // 60, total % 60
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return sign + " ".join([f"{number} {name}" for number, name in parts if number][:2])


def ratio(value: float | None) -> str:
    """`0.8 %`."""
    return NOTHING if value is None else f"{digits(100 * value)} %"


def size(count: int) -> str:
    """Bytes as `3.4 kB`, in powers of 1000."""
    for factor, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return f"{digits(count / factor)} {name}"
    return f"{count} B"


def digits(value: float) -> str:
    """Three significant digits, without zeros at the end that say nothing; never an exponent."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "inf"
    decimals = min(max(2 - math.floor(math.log10(abs(value))), 0), 3)
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit of a promise: `s`, `ratio`, `count` or nothing."""
    if unit == "s":
        return seconds(value)
    if unit == "ratio":
        return ratio(value)
    return NOTHING if value is None else digits(value)


def objective(promise: Promise) -> str:
    """`<= 1 h`, `< 5 %`; shares and percentiles must stay below, times may reach it."""
    if promise.objective is None:
        return NOTHING
    if promise.unit == "count" and not promise.objective:
        return "0"
    sign = "<" if promise.unit == "ratio" or promise.promise.startswith("p95") else "<="
    return f"{sign} {quantity(promise.objective, promise.unit)}"


def measured(promise: Promise) -> str:
    """`1.23 s [1.21, 1.25]`; one-sided where there is no upper bound; without brackets where it is certain."""
    value, lower, upper = promise.measured, promise.lower, promise.upper
    if value is None:
        return _unbounded(promise)
    if lower is None and upper is None:
        return quantity(value, promise.unit)
    if lower == upper == value:
        return quantity(value, promise.unit)
    factor, name = (0.01, "%") if promise.unit == "ratio" else _scale(value or upper or 0.0)
    numbers = [None if bound is None else bound / factor for bound in (value, lower, upper)]
    decimals = _decimals(*numbers)
    shown, low, high = ("inf" if number is None else f"{number:.{decimals}f}" for number in numbers)
    return f"{shown} {name if promise.unit in ('s', 'ratio') else ''} [{low}, {high}]".replace("  ", " ")


def margin(promise: Promise, *, share: bool = True) -> str:
    """What is left of the objective, in its unit and as its share in per cent; negative if it is broken."""
    if promise.objective is None:
        return NOTHING
    if promise.measured is None or promise.margin is None:
        over = promise.lower is not None and promise.lower > promise.objective
        return f"< {quantity(promise.objective - (promise.lower or 0.0), promise.unit)}" if over else NOTHING
    left = quantity(promise.margin, promise.unit)
    if not share or not promise.objective:
        return left
    part = 100 * promise.margin / promise.objective
    return f"{left} (> 99 %)" if 99 < part < 100 else f"{left} ({part:.0f} %)"


def _unbounded(promise: Promise) -> str:
    if promise.lower:
        return f"> {quantity(promise.lower, promise.unit)}"
    failed = promise.promise.startswith("p95") and promise.outcome is Outcome.FAIL
    return "failed" if failed else NOTHING


def _scale(value: float) -> tuple[float, str]:
    if value == 0:
        return 1.0, "s"
    return next((scale for scale in _SCALES if abs(value) >= scale[0] * 0.9995), _SCALES[-1])


def _decimals(value: float | None, lower: float | None, upper: float | None) -> int:
    """Three significant digits of the value; more where the bounds would look equal."""
    largest = max(abs(number) for number in (value, lower, upper) if number is not None)
    decimals = min(max(2 - math.floor(math.log10(largest)), 0), 2) if largest else 0
    if lower is None or upper is None or lower == upper:
        return decimals
    while decimals < 3 and f"{lower:.{decimals}f}" == f"{upper:.{decimals}f}":
        decimals += 1
    return decimals
