"""A verdict for a terminal, and as the JSON that programs read."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.report import units
from seatrial.report.sentences import tally
from seatrial.report.text import clean
from seatrial.verdict import Outcome, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seatrial.verdict import Promise

NARROWEST, WIDEST = 80, 120
NAME = 12  # the narrowest column of names
GAP = 2
_COLOURS = {Outcome.PASS: "32", Outcome.FAIL: "1;31", Outcome.INCONCLUSIVE: "1;33"}
_HEAD = ("promise", "objective", "measured", "margin", "verdict")


def table(promises: Sequence[Promise], width: int = 100, *, colour: bool = False) -> str:
    """The promises by scenario, the reasons of those that were not kept below them, the overall verdict last."""
    layout = _layout(promises, min(max(width, NARROWEST), WIDEST))
    lines = list(_line(_HEAD, layout))
    for scenario, target in dict.fromkeys((promise.scenario, promise.target) for promise in promises):
        lines += ["", *_wrapped(f"{clean(scenario)} on {clean(target)}", layout.width, "")]
        for promise in promises:
            if (promise.scenario, promise.target) == (scenario, target):
                lines += _rows(promise, layout, colour=colour)
    outcome = worst(promise.outcome for promise in promises)
    return "\n".join([*lines, "", f"{_painted(outcome, colour=colour)}  {tally(promises)}"])


def document(promises: Sequence[Promise], runs: Iterable[str], report: str) -> dict[str, Any]:
    """The JSON of `verify`, `run` and `judge`: verdict, promises, folders of the runs, the report's path."""
    outcome = worst(promise.outcome for promise in promises)
    listed = [promise.as_json() for promise in promises]
    return {"verdict": str(outcome), "promises": listed, "runs": list(runs), "report": report}


@dataclass(frozen=True)
class _Layout:
    """The width of the terminal and of each column but the last, and whether margins have room for their share."""

    width: int
    columns: tuple[int, ...]
    share: bool


def _layout(promises: Sequence[Promise], width: int) -> _Layout:
    """As wide as the contents. Where that is too wide margins lose their share, then names go over several lines."""
    verdict = max([len(_HEAD[4]), *(len(promise.outcome) for promise in promises)])
    for share in (True, False):
        rows = [_HEAD[:4], *(_cells(promise, share=share) for promise in promises)]
        name, *numbers = (max(len(row[place]) for row in rows) for place in range(4))
        room = width - sum(numbers) - verdict - 4 * GAP
        if name <= room:
            break
    return _Layout(width, (max(min(name, room), NAME), *numbers), share)


def _rows(promise: Promise, layout: _Layout, *, colour: bool) -> Iterable[str]:
    yield from _line((*_cells(promise, share=layout.share), _painted(promise.outcome, colour=colour)), layout)
    if promise.outcome is not Outcome.PASS:
        yield from _wrapped(clean(promise.reason), layout.width, "    ")


def _cells(promise: Promise, *, share: bool) -> tuple[str, str, str, str]:
    numbers = units.objective(promise), units.measured(promise), units.margin(promise, share=share)
    return f"  {clean(promise.promise)}", *numbers


def _line(cells: Sequence[str], layout: _Layout) -> Iterable[str]:
    """The name to the left, numbers to the right, the verdict (which may carry colours) last."""
    name, *numbers, verdict = cells
    first, *more = _wrapped(name.strip(), layout.columns[0], name[: len(name) - len(name.lstrip())])
    shown = [number.rjust(wide) for number, wide in zip(numbers, layout.columns[1:], strict=True)]
    yield (" " * GAP).join([first.ljust(layout.columns[0]), *shown, verdict])
    yield from more


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _painted(outcome: Outcome, *, colour: bool) -> str:
    return f"\x1b[{_COLOURS[outcome]}m{outcome}\x1b[0m" if colour else str(outcome)
