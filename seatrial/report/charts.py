"""Latency and throughput over time, drawn from all samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from seatrial.report import plot, svg, units
from seatrial.report.bins import LEAST, Column, Step, columns, curve
from seatrial.report.plot import LEFT, PIXELS, RIGHT, across
from seatrial.report.scale import Linear, Log, decades, nice_step, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.report.axis import Axis
    from seatrial.report.plot import Frame
    from seatrial.samples import Sample

FAILED_TOP, FAILED_BOTTOM, TOP = 4.0, 15.0, 22.0
PER_STEP = 25  # requests, at least and on average, in each step of a percentile's line


def latency(frame: Frame, samples: Sequence[Sample], objective_s: float | None, height: float = 178.0) -> Markup:
    """Every request by when it was due: fastest to slowest of each column, p50, p95, failures on top. Log scale."""
    axis = frame.axis
    found = columns(samples, axis, PIXELS)
    bottom = TOP + height
    y = _latency_scale(found, objective_s, bottom)
    parts = plot.shading(frame, FAILED_TOP, bottom)
    parts += _latency_grid(y)
    parts += plot.time_axis(axis, TOP, bottom)
    parts.append(_band(found, y))
    parts += _curves(curve(samples, axis, _step(len(samples), axis)), axis, y)
    parts += _failures(found)
    worst = max((column for column in found if column.ok), key=lambda column: column.high_s, default=None)
    parts += _objective(y, objective_s, left=worst is not None and worst.number > PIXELS / 2)
    parts += _slowest(worst, y) if worst else []
    return frame.figure(bottom + plot.AXIS_HEIGHT, _told(found), parts)


def throughput(frame: Frame, samples: Sequence[Sample]) -> Markup:
    """Requests per second by when they were due: answered, and on top of them failed."""
    axis, top, bottom = frame.axis, 6.0, 92.0
    count = _steps(axis)
    found, step = columns(samples, axis, count), axis.length_s / count
    peak = max(((column.ok + column.failed) / step for column in found), default=1.0)
    y = Linear(0, peak * 1.08, bottom, top)
    parts = plot.shading(frame, top, bottom)
    for tick in ticks(0, peak, nice_step(peak / 3)):
        parts.append(svg.line(LEFT, y(tick), RIGHT, y(tick), "grid"))
        parts.append(svg.text(LEFT - 8, y(tick) + 4, units.digits(tick), "tick", "end"))
    parts += plot.time_axis(axis, top, bottom)
    parts += _bars(found, axis, step, y)
    failed = sum(column.failed for column in found)
    told = f"At most {units.digits(peak)} requests per second, in steps of {units.seconds(step)}; {failed} failed."
    return frame.figure(bottom + plot.AXIS_HEIGHT, told, parts)


def _steps(axis: Axis) -> int:
    """About 240 of them, of a second at most; of more only where a second is less than a pixel."""
    step = nice_step(max(axis.length_s / 240, 0.01))
    return math.ceil(axis.length_s / (step if step <= 1 else max(1.0, axis.length_s / PIXELS)))


def _bars(found: Sequence[Column], axis: Axis, step: float, y: Linear) -> list[str]:
    x = across(axis)
    answered, failed = [], []
    for column in found:
        left, right = x(axis.start_s + column.number * step), x(axis.start_s + (column.number + 1) * step)
        low, high = y(column.ok / step), y((column.ok + column.failed) / step)
        if column.ok:
            answered.append(_bar(left, right, y(0), low))
        if column.failed:
            failed.append(_bar(left, right, low, min(high, low - 1)))
    pairs = (("answered", answered), ("failed", failed))
    return [svg.element("path", d="".join(bars), class_=class_) for class_, bars in pairs if bars]


def _bar(left: float, right: float, bottom: float, top: float) -> str:
    n = svg.number
    return f"M{n(left)} {n(bottom)}V{n(top)}H{n(max(right - 0.4, left + 0.6))}V{n(bottom)}Z"


def _latency_scale(found: Sequence[Column], objective_s: float | None, bottom: float) -> Log:
    answered = [column for column in found if column.ok]
    low = min((column.low_s for column in answered), default=0.001)
    high = max([column.high_s for column in answered] + [objective_s or 0.0, 10 * low])
    return Log(max(low * 0.8, LEAST / 2), high * 1.35, bottom, TOP)


def _latency_grid(y: Log) -> list[str]:
    parts = []
    for decade in decades(y.low / 10, y.high):
        for factor in (1, 2, 5):
            value = decade * factor
            if not y.low <= value <= y.high:
                continue
            parts.append(svg.line(LEFT, y(value), RIGHT, y(value), "grid" if factor == 1 else "hairline"))
            if factor == 1 or y.high / y.low < 300:
                parts.append(svg.text(LEFT - 8, y(value) + 4, units.seconds(value), "tick", "end"))
    return parts


def _band(found: Sequence[Column], y: Log) -> str:
    """From the fastest to the slowest answer of each column, one pixel wide and at least a dot high."""
    pieces = []
    for column in found:
        if column.ok:
            low, high = y(column.low_s), y(column.high_s)
            low = max(low, high + 1.5)
            pieces.append(f"M{svg.number(LEFT + column.number + 0.5)} {svg.number(low)}V{svg.number(high)}")
    return svg.element("path", d="".join(pieces), class_="band") if pieces else ""


def _curves(steps: Sequence[Step], axis: Axis, y: Log) -> list[str]:
    x = across(axis)
    parts = []
    for class_, values in (("p95", [s.p95_s for s in steps]), ("p50", [s.p50_s for s in steps])):
        points = [
            None if value is None or math.isinf(value) else (x(step.middle_s), y(value))
            for step, value in zip(steps, values, strict=True)
        ]
        if line := plot.path(points):
            parts.append(svg.element("path", d=line, class_=class_))
    return parts


def _failures(found: Sequence[Column]) -> list[str]:
    failed = [column for column in found if column.failed]
    parts = [svg.text(LEFT - 8, FAILED_BOTTOM - 1, "failed", "tick", "end")]
    parts.append(svg.line(LEFT, FAILED_BOTTOM, RIGHT, FAILED_BOTTOM, "hairline"))
    if failed:
        n = svg.number
        bars = (f"M{n(LEFT + c.number + 0.5)} {n(FAILED_BOTTOM)}V{n(FAILED_TOP)}" for c in failed)
        parts.append(svg.element("path", d="".join(bars), class_="failure"))
    return parts


def _objective(y: Log, objective_s: float | None, *, left: bool) -> list[str]:
    """The line, told on the side on which the slowest answer is not."""
    if objective_s is None:
        return []
    height, words = y(objective_s), f"p95 < {units.seconds(objective_s)}"
    at, anchor = (LEFT + 4, "start") if left else (RIGHT - 4, "end")
    return [svg.line(LEFT, height, RIGHT, height, "objective"), svg.text(at, height - 4, words, "label", anchor)]


def _slowest(worst: Column, y: Log) -> list[str]:
    at, height = LEFT + worst.number + 0.5, y(worst.high_s)
    anchor, shift = ("end", -6) if at > (LEFT + RIGHT) / 2 else ("start", 6)
    words = f"slowest {units.seconds(worst.high_s)}"
    return [
        svg.element("circle", cx=at, cy=height, r=2.5, class_="peak"),
        svg.text(at + shift, height + 4, words, "label", anchor),
    ]


def _step(count: int, axis: Axis) -> float:
    """The step of the percentiles' lines: enough requests in each, and never finer than four pixels."""
    step = nice_step(max(axis.length_s * 4 / PIXELS, axis.length_s * PER_STEP / max(count, 1)))
    return min(step, axis.length_s / 8)


def _told(found: Sequence[Column]) -> str:
    answered = [column for column in found if column.ok]
    ok, failed = sum(column.ok for column in found), sum(column.failed for column in found)
    if not answered:
        return f"{failed} requests, none of them answered."
    fastest, slowest = min(c.low_s for c in answered), max(c.high_s for c in answered)
    return f"{ok} answered in {units.seconds(fastest)} to {units.seconds(slowest)}, {failed} failed."
