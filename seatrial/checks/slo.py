"""The SLO, per window: "p95 < 1 s" is "fewer than 5 % slower than 1 s", counted; a failure is infinitely slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.checks import statistics
from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed
from seatrial.checks.windows import Window, windows
from seatrial.load.health import load_health, saturation

if TYPE_CHECKING:
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

P95_SHARE = 0.05
LEAST = 59  # the smallest sample that can certify a p95 with 95 % confidence: 0.95 ** 59 < 0.05


@dataclass(frozen=True)
class Counted:
    """One objective counted in one window: k of n requests were bad, and no more than `share` may be."""

    name: str
    k: int
    n: int
    share: float
    bad: str  # "slower than 1 s or failed", "failed"

    def said(self) -> str:
        """`3 of 500 requests (0.60 %) failed`."""
        percent = 100 * self.k / self.n if self.n else 0.0
        return f"{self.k} of {self.n} requests ({percent:.2f} %) {self.bad}"


def slo(timeline: Timeline) -> list[Promise]:
    """Two promises for each window that the scenario holds to the SLO: p95 and errors."""
    found = windows(timeline)
    return [promise for name in timeline.run["slo_windows"] for promise in _window(timeline, name, found.get(name))]


def _window(timeline: Timeline, name: str, window: Window | None) -> list[Promise]:
    label = name if faulty(timeline) else "steady"
    names = (f"p95 {label}", f"errors {label}")
    objectives = (limit(timeline, "p95_s"), limit(timeline, "error_rate"))
    units = ("s", "ratio")
    if window is None:
        said = f"the run never came to the window {name}"
        return [
            inconclusive(timeline, promise, said, objective=objective, unit=unit)
            for promise, objective, unit in zip(names, objectives, units, strict=True)
        ]
    endpoints = {
        stream: window.of(samples) for stream, samples in timeline.streams.items() if stream.startswith("load/")
    }
    doubt = _doubt(timeline, window, name, endpoints)
    return [
        _p95(timeline, names[0], objectives[0], endpoints, doubt),
        _errors(timeline, names[1], objectives[1], endpoints, doubt),
    ]


def _p95(timeline: Timeline, name: str, objective: float, endpoints: dict[str, list[Sample]], doubt: str) -> Promise:
    samples = _all(endpoints)
    numbers: dict[str, Any] = {"objective": objective, "unit": "s"}
    if samples:
        estimate = statistics.percentile(sorted(sample.latency_s for sample in samples), 1 - P95_SHARE)
        finite = {"measured": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
        numbers |= {key: value if math.isfinite(value) else None for key, value in finite.items()}

    def count(some: list[Sample]) -> Counted:
        slow = sum(sample.latency_s >= objective for sample in some)
        return Counted(name, slow, len(some), P95_SHARE, f"slower than {objective:g} s or failed")

    return _decide(timeline, count(samples), {s: count(some) for s, some in endpoints.items()}, numbers, doubt)


def _errors(timeline: Timeline, name: str, objective: float, endpoints: dict[str, list[Sample]], doubt: str) -> Promise:
    def count(some: list[Sample]) -> Counted:
        return Counted(name, sum(not sample.ok for sample in some), len(some), objective, "failed")

    counted = count(_all(endpoints))
    numbers: dict[str, Any] = {"objective": objective, "unit": "ratio"}
    if counted.n:
        estimate = statistics.share(counted.k, counted.n)
        numbers |= {"measured": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
    return _decide(timeline, counted, {s: count(some) for s, some in endpoints.items()}, numbers, doubt)


def _decide(
    timeline: Timeline, total: Counted, endpoints: dict[str, Counted], numbers: dict[str, Any], doubt: str
) -> Promise:
    """FAIL if too many were bad, of all or surely of one endpoint; PASS if surely not; else INCONCLUSIVE."""
    proof = tuple(f"{stream}: {counted.said()}" for stream, counted in endpoints.items())
    if doubt:
        return inconclusive(timeline, total.name, doubt, proof=proof, **numbers)
    bad = next((s for s, c in endpoints.items() if statistics.surely_above(c.k, c.n, c.share)), None)
    if bad:
        return failed(timeline, total.name, f"{bad}: {endpoints[bad].said()}", proof=proof, **numbers)
    if total.n >= LEAST and total.k >= total.share * total.n:
        return failed(timeline, total.name, total.said(), proof=proof, **numbers)
    if not statistics.surely_below(total.k, total.n, total.share):
        said = f"{total.said()}: too few requests to be 95 % sure that it is fewer than {100 * total.share:g} %"
        return inconclusive(timeline, total.name, said, proof=proof, **numbers)
    return passed(timeline, total.name, total.said(), proof=proof, **numbers)


def _doubt(timeline: Timeline, window: Window, name: str, endpoints: dict[str, list[Sample]]) -> str:
    """Why the load says nothing about the deployment in this window, or an empty string."""
    samples = _all(endpoints)
    if not samples:
        return f"the load recorded no request in the window {name}"
    if name == "before" and not any(sample.ok for sample in samples):
        return "the load had no success before the fault: the target was not up"
    settings = timeline.run["settings"]["load"]
    rate_hz = None if settings.get("locustfile") else float(settings["rate_hz"])
    health = load_health(timeline.folder)
    return saturation(samples, health, window.start_s, window.end_s, rate_hz) or ""


def _all(endpoints: dict[str, list[Sample]]) -> list[Sample]:
    return [sample for samples in endpoints.values() for sample in samples]
