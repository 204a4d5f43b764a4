"""What all pictures of a run have in common: the same width and margins, so that moments stand below each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.report import svg
from seatrial.report.scale import Linear, nice_seconds, ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markupsafe import Markup

    from seatrial.report.axis import Axis

WIDTH, LEFT, RIGHT = 1120.0, 150.0, 1106.0
PIXELS = int(RIGHT - LEFT)
AXIS_HEIGHT = 20.0
TOLD_HEIGHT = 34.0  # with the line that says what zero is
Shade = tuple[float, float, str]  # from, to (monotonic s), class: shade-fault or shade-settling


@dataclass(frozen=True)
class Frame:
    """What a picture is drawn in: its name, its time and the shaded spans of it."""

    identity: str
    title: str
    axis: Axis
    shades: Sequence[Shade]

    def figure(self, height: float, told: str, parts: Iterable[str]) -> Markup:
        """The whole picture."""
        return svg.figure(self.identity, (WIDTH, height), self.title, told, parts)


def across(axis: Axis) -> Linear:
    """Monotonic seconds to the horizontal coordinate."""
    return Linear(axis.start_s, axis.end_s, LEFT, RIGHT)


def shading(frame: Frame, top: float, bottom: float) -> list[str]:
    """The fault's time, behind everything else."""
    axis = frame.axis
    x = across(axis)
    inside = [(max(a, axis.start_s), min(b, axis.end_s), class_) for a, b, class_ in frame.shades]
    return [svg.rectangle(x(a), top, max(x(b), x(a) + 1), bottom, class_) for a, b, class_ in inside if b >= a]


def time_axis(axis: Axis, top: float, bottom: float, *, told: bool = False) -> list[str]:
    """Vertical hairlines at round seconds from zero; below them the seconds and, once, what zero is."""
    x = across(axis)
    low, high = axis.start_s - axis.zero_s, axis.end_s - axis.zero_s
    parts = [svg.line(LEFT, bottom, RIGHT, bottom, "axis")]
    for tick in ticks(low, high, nice_seconds(axis.length_s / 18)):
        at = x(tick + axis.zero_s)
        parts.append(svg.line(at, top, at, bottom, "zero" if tick == 0 else "grid"))
        parts.append(svg.text(at, bottom + 14, _seconds(tick), "tick", "middle"))
    if told:
        clock = f" = {axis.clock(axis.zero_s)}" if axis.utc else ""
        parts.append(svg.text(RIGHT, bottom + 29, f"seconds from {axis.zero}; 0{clock}", "tick", "end"))
    return parts


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """The `d` of a line through points; None breaks it; a point alone becomes a short dash."""
    parts, open_ = [], False
    for place, point in enumerate(points):
        if point is None:
            open_ = False
            continue
        x, y = point
        following = points[place + 1] if place + 1 < len(points) else None
        if not open_ and following is None:
            parts.append(f"M{svg.number(x - 1.5)} {svg.number(y)}h3")
        else:
            parts.append(f"{'L' if open_ else 'M'}{svg.number(x)} {svg.number(y)}")
        open_ = True
    return "".join(parts)


def _seconds(value: float) -> str:
    text = f"{value:+.3f}".rstrip("0").rstrip(".")
    return "0" if value == 0 else text
