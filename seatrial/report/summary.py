"""What the terminal and other programs are told: the table of promises, and the JSON contract."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from seatrial.verdict import Outcome, Promise, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 118
_HEAD = ("promise", "objective", "measured", "margin", "verdict")
_COLOURS = {Outcome.PASS: "32", Outcome.FAIL: "31", Outcome.INCONCLUSIVE: "33"}


def table(promises: Sequence[Promise], *, colour: bool = False) -> str:
    """All promises by scenario, a reason below each that was not shown to be kept, and the verdict at the end."""
    rows = [_cells(promise) for promise in promises]
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    lines = [_line(_HEAD, widths), _line(tuple("-" * width for width in widths), widths)]
    scenario = ""
    for promise, row in zip(promises, rows, strict=True):
        if promise.scenario != scenario:
            scenario = promise.scenario
            lines += [*([""] if len(lines) > 2 else []), f"{scenario} on {promise.target}"]  # noqa: PLR2004 - the head
        lines.append(_line(row, widths, promise.outcome if colour else None))
        lines += _reason(promise)
    outcome = worst(promise.outcome for promise in promises)
    return "\n".join([*lines, "", f"verdict: {_painted(str(outcome), outcome if colour else None)}"])


def document(promises: Sequence[Promise], runs: Sequence[str], report: str) -> dict[str, Any]:
    """The JSON of `verify`, `run`, `drill` and `judge`."""
    return {
        "verdict": str(worst(promise.outcome for promise in promises)),
        "promises": [promise.as_json() for promise in promises],
        "runs": list(runs),
        "report": report,
    }


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit, as people write it: `1.23 s`, `0.8 %`, `45 min`, `-` if there is none."""
    if value is None:
        return "-"
    if unit == "ratio":
        return f"{100 * value:.2f} %"
    if unit == "s":
        return _seconds(value)
    return f"{value:g}"


def measured(promise: Promise) -> str:
    """The measured value with its interval: `0.38 s [0.34, 0.43]`; `> 5.10 s` where no end was seen."""
    if promise.measured is None:
        return f"> {quantity(promise.lower, promise.unit)}" if promise.lower is not None else "-"
    value = quantity(promise.measured, promise.unit)
    if promise.lower is None or promise.lower == promise.upper:
        return value
    return f"{value} [{_bound(promise.lower, promise.unit)}, {_bound(promise.upper, promise.unit)}]"


def _bound(value: float | None, unit: str) -> str:
    if value is None:
        return "?"
    return f"{100 * value:.2f}" if unit == "ratio" else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _seconds(value: float) -> str:
    size = abs(value)
    if size >= 3600 and value % 3600 == 0:  # noqa: PLR2004 - seconds of an hour
        return f"{value / 3600:g} h"
    if size >= 120:  # noqa: PLR2004 - from here on minutes read better
        return f"{value / 60:.1f} min".replace(".0 min", " min")
    return f"{value:.3f} s" if size < 1 else f"{value:.2f} s"


def _cells(promise: Promise) -> tuple[str, ...]:
    margin = quantity(promise.margin, promise.unit) if promise.objective is not None else ""
    objective = quantity(promise.objective, promise.unit) if promise.objective is not None else ""
    value = measured(promise)
    return (f"  {promise.promise}", objective, "" if value == "-" and not objective else value, margin, str(promise.outcome))


def _line(cells: Sequence[str], widths: Sequence[int], outcome: Outcome | None = None) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([*padded[:-1], _painted(cells[-1], outcome)]).rstrip()


def _painted(text: str, outcome: Outcome | None) -> str:
    return f"\x1b[1;{_COLOURS[outcome]}m{text}\x1b[0m" if outcome else text


def _reason(promise: Promise) -> list[str]:
    if promise.outcome is Outcome.PASS:
        return []
    return textwrap.wrap(promise.reason, WIDTH, initial_indent="      ", subsequent_indent="      ")
