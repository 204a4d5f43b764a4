"""The timeline in lanes: what was done, what it did, and what each kind of client saw, one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seatrial.report import plot, svg
from seatrial.report.plot import LEFT, RIGHT, WIDTH, across
from seatrial.report.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

    from seatrial.report.axis import Axis
    from seatrial.report.plot import Shade
    from seatrial.report.scale import Linear

ROW, BAR, TOP = 23.0, 12.0, 6.0
NAME = 22  # characters of a lane's name
LABEL = 90  # characters of a label


@dataclass(frozen=True)
class Mark:
    """A span (or a moment, where both ends are one) of a lane."""

    start_s: float
    end_s: float
    class_: str
    label: str = ""
    title: str = ""
    where: Literal["beside", "inside", "none"] = "beside"
    shape: Literal["bar", "point"] = "bar"


@dataclass(frozen=True)
class Lane:
    """A row: its name and what happened in it, in time's order."""

    name: str
    marks: tuple[Mark, ...]


def lanes(
    identity: str, title: str, rows: Sequence[Lane], axis: Axis, shades: Sequence[Shade], told: str
) -> Markup:
    """The rows above one time axis; what lies outside the axis is left out."""
    bottom = TOP + ROW * len(rows) + 2
    parts = plot.shading(axis, shades, TOP, bottom)
    parts += plot.time_axis(axis, TOP, bottom)
    for place, lane in enumerate(rows):
        parts += _row(lane, TOP + place * ROW, axis, first=place == 0)
    return svg.figure(identity, WIDTH, bottom + plot.AXIS_HEIGHT, title, told, parts)


def _row(lane: Lane, top: float, axis: Axis, *, first: bool) -> list[str]:
    middle = top + ROW / 2
    parts = [] if first else [svg.line(0, top, RIGHT, top, "hairline")]
    parts.append(svg.text(LEFT - 8, middle + 4, shortened(lane.name, NAME), "lane", "end"))
    x = across(axis)
    shown = [mark for mark in lane.marks if mark.end_s >= axis.start_s and mark.start_s <= axis.end_s]
    for mark in shown:
        parts.append(_drawn(mark, x, middle))
    return [*parts, *_labels(shown, x, middle)]


def _drawn(mark: Mark, x: Linear, middle: float) -> str:
    left, right, half = x(mark.start_s), x(mark.end_s), BAR / 2
    if mark.shape == "bar":
        return svg.rectangle(left, middle - half, max(right, left + 1.5), middle + half, mark.class_, mark.title)
    n = svg.number
    points = f"M{n(left)} {n(middle - 5.5)}L{n(left + 5)} {n(middle)}L{n(left)} {n(middle + 5.5)}L{n(left - 5)} {n(middle)}Z"
    tip = svg.element("title", svg.escape(mark.title)) if mark.title else ""
    return svg.element("path", tip, d=points, class_=mark.class_)


def _labels(marks: Sequence[Mark], x: Linear, middle: float) -> Iterable[str]:
    """Each label inside its bar, right of it or left of it, where it fits; else the tooltip alone has it."""
    taken = [(x(mark.start_s) - 6, x(mark.end_s) + 6) for mark in marks]
    for mark in marks:
        words = shortened(mark.label, LABEL)
        place = _place(mark, words, x, taken) if words and mark.where != "none" else None
        if place:
            at, anchor, span = place
            taken.append(span)
            yield svg.text(at, middle + 4, words, "inside" if anchor == "middle" else "label", anchor)


def _place(
    mark: Mark, words: str, x: Linear, taken: Sequence[tuple[float, float]]
) -> tuple[float, str, tuple[float, float]] | None:
    left, right, wide = x(mark.start_s), x(mark.end_s), svg.CHARACTER * len(words)
    if mark.where == "inside":
        middle = (left + right) / 2
        return (middle, "middle", (left, right)) if wide + 4 <= right - left else None
    gap = 7 if mark.shape == "bar" else 9
    candidates = ((right + gap, "start", (right + gap, right + gap + wide)), (left - gap, "end", (left - gap - wide, left - gap)))
    for at, anchor, (begin, end) in candidates:
        own = (left - 6, right + 6)
        free = all(end <= a or begin >= b for a, b in taken if (a, b) != own)
        if LEFT <= begin and end <= RIGHT and free:
            return at, anchor, (begin, end)
    return None
