"""The timeline in lanes: what was done, what it did, and what each kind of client saw, one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seatrial.report import plot, svg
from seatrial.report.plot import LEFT, RIGHT, across
from seatrial.report.text import shortened, truncated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

    from seatrial.report.axis import Axis
    from seatrial.report.plot import Frame
    from seatrial.report.scale import Linear

ROW, BAR, TOP = 23.0, 12.0, 6.0
NAME = 22  # characters of a lane's name
SHORTEST = 20  # characters of a label that are worth showing


@dataclass(frozen=True)
class Mark:
    """A span (or a moment, where both ends are one) of a lane."""

    start_s: float
    end_s: float
    class_: str
    label: str = ""
    title: str = ""
    where: Literal["beside", "inside", "none"] = "beside"
    shape: Literal["bar", "point", "line"] = "bar"


@dataclass(frozen=True)
class Lane:
    """A row: its name and what happened in it, in time's order."""

    name: str
    marks: tuple[Mark, ...]

    def touches(self, start_s: float, end_s: float) -> bool:
        """Did anything of it happen in this span?"""
        return any(mark.end_s >= start_s and mark.start_s <= end_s for mark in self.marks if mark.shape != "line")


def lanes(frame: Frame, rows: Sequence[Lane], told: str) -> Markup:
    """The rows above one time axis; what lies outside the axis is left out."""
    axis = frame.axis
    bottom = TOP + ROW * len(rows) + 2
    parts = plot.shading(frame, TOP, bottom)
    parts += plot.time_axis(axis, TOP, bottom, told=True)
    for place, lane in enumerate(rows):
        parts += _row(lane, TOP + place * ROW, axis, first=place == 0)
    return frame.figure(bottom + plot.TOLD_HEIGHT, told, parts)


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
    if mark.shape == "line":  # below the bars, so that it strikes no label through
        return svg.rectangle(left, middle + half + 1.5, right, middle + half + 3, mark.class_, title=mark.title)
    if mark.shape == "bar":
        return svg.rectangle(left, middle - half, max(right, left + 1.5), middle + half, mark.class_, title=mark.title)
    diamond = f"M{svg.number(left)} {svg.number(middle - 5.5)}l5 5.5l-5 5.5l-5 -5.5Z"
    return svg.element("path", svg.tooltip(mark.title), d=diamond, class_=mark.class_)


def _labels(marks: Sequence[Mark], x: Linear, middle: float) -> Iterable[str]:
    """Each label beside its mark or inside it, shortened to the room there is; without room the tooltip has it."""
    labelled = [mark for mark in marks if mark.where != "none" and mark.label]
    taken = [(x(mark.start_s) - 6, x(mark.end_s) + 6) for mark in labelled]
    for place, mark in enumerate(labelled):
        others = taken[:place] + taken[place + 1 :]
        spot = _inside(mark, x) if mark.where == "inside" else _spot(mark, x, others)
        if spot:
            taken.append(spot.span)
            yield svg.text(spot.at, middle + 4, spot.words, spot.class_, spot.anchor)


@dataclass(frozen=True)
class _Spot:
    """Where a label stands."""

    at: float
    anchor: str
    words: str
    class_: str = "label"

    @property
    def wide(self) -> float:
        return svg.CHARACTER * len(self.words)

    @property
    def span(self) -> tuple[float, float]:
        """What it covers, from left to right."""
        left = self.at - {"start": 0.0, "middle": self.wide / 2, "end": self.wide}[self.anchor]
        return left, left + self.wide


def _inside(mark: Mark, x: Linear) -> _Spot | None:
    left, right = x(mark.start_s), x(mark.end_s)
    class_ = "inside" if mark.where == "inside" else "on-bar"
    spot = _Spot((left + right) / 2, "middle", mark.label, class_)
    return spot if spot.wide + 6 <= right - left else None


def _spot(mark: Mark, x: Linear, taken: Sequence[tuple[float, float]]) -> _Spot | None:
    """Right of the mark, left of it or on it, whole; else on the side that has more room, shortened."""
    gap = 7 if mark.shape == "bar" else 9
    right, left = x(mark.end_s) + gap, x(mark.start_s) - gap
    room_right = min([a for a, b in taken if b > right] + [RIGHT]) - right
    room_left = left - max([b for a, b in taken if a < left] + [LEFT])
    if svg.CHARACTER * len(mark.label) > max(room_right, room_left) and (spot := _inside(mark, x)):
        return spot
    spots = [
        _Spot(at, anchor, truncated(mark.label, int(room / svg.CHARACTER)))
        for at, anchor, room in ((right, "start", room_right), (left, "end", room_left))
        if room >= svg.CHARACTER * min(SHORTEST, len(mark.label))
    ]
    return max(spots, key=lambda spot: len(spot.words), default=None)
