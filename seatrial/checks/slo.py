"""The SLO, per window: "p95 < 1 s" is "fewer than 5 % slower than 1 s", counted; a failure is infinitely slow."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from seatrial.checks import statistics
from seatrial.checks.closed_loop import is_closed, pace
from seatrial.checks.promise import failed, faulty, inconclusive, limit, passed
from seatrial.checks.windows import Window, kind_of, windows
from seatrial.load.health import Fitness, fitness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatrial.checks.closed_loop import Pace
    from seatrial.samples import Sample
    from seatrial.timeline import Timeline
    from seatrial.verdict import Promise

P95_SHARE = 0.05


@dataclass(frozen=True)
class Counted:
    """One objective counted in one window: k of n requests were bad, and no more than `share` may be."""

    k: int
    n: int
    share: float
    bad: str  # "slower than 1 s or failed", "failed"
    excused: int = 0  # of the k, those that a strained load generator may itself have made bad

    def said(self) -> str:
        """`3 of 500 requests (0.60 %) failed`."""
        percent = 100 * self.k / self.n if self.n else 0.0
        requests = "request" if self.n == 1 else "requests"
        return f"{self.k} of {self.n} {requests} ({percent:.2f} %) {self.bad}"

    def without_excused(self) -> Counted:
        """As if what the generator may have spoilt had been good."""
        return replace(self, k=self.k - self.excused, excused=0)


@dataclass(frozen=True)
class Counts:
    """One objective in one window, of all requests and of each endpoint's."""

    name: str
    total: Counted
    endpoints: dict[str, Counted]
    added: int = 0  # bad requests that a closed loop did not send

    def broken(self) -> str:
        """What shows that it was not kept (too many bad of all, or surely of one endpoint), or an empty string."""
        among = max(len(self.endpoints), 2)  # and never on the word of a single request
        for stream, one in self.endpoints.items():
            if statistics.surely_above(one.k, one.n, one.share, among):
                return f"{stream}: {one.said()}"
        too_many = self.total.n >= statistics.LEAST and self.total.k >= self.total.share * self.total.n
        return self.total.said() if too_many else ""

    def without_excused(self) -> Counts:
        """As if what the generator may have spoilt had been good."""
        endpoints = {stream: one.without_excused() for stream, one in self.endpoints.items()}
        return Counts(self.name, self.total.without_excused(), endpoints, self.added)


def slo(timeline: Timeline) -> list[Promise]:
    """Two promises for each window that the scenario holds to the SLO: p95 and errors."""
    found = windows(timeline)
    wanted = [name for kind in timeline.run["slo_windows"] for name in _of_kind(kind, found)]
    load = _load(timeline, found.get("before"))
    return [promise for name in wanted for promise in _window(timeline, load, name, found.get(name))]


def _of_kind(kind: str, found: Iterable[str]) -> list[str]:
    """The windows of a kind, one for each disaster; its own name if the run never came to one."""
    return [name for name in found if kind_of(name) == kind] or [kind]


def _window(timeline: Timeline, load: Load, name: str, window: Window | None) -> list[Promise]:
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
    view = _view(timeline, window, name, load)
    return [_p95(view, names[0], objectives[0]), _errors(view, names[1], objectives[1])]


@dataclass(frozen=True)
class Load:
    """All that the load recorded; of a closed loop also what it should have sent."""

    endpoints: dict[str, list[Sample]]
    missing: dict[str, list[Sample]] = field(default_factory=dict)
    pace: Pace | None = None  # of a closed loop
    closed: bool = False


def _load(timeline: Timeline, undisturbed: Window | None) -> Load:
    endpoints = {stream: some for stream, some in timeline.streams.items() if stream.startswith("load/")}
    if not is_closed(timeline.load_health):
        return Load(endpoints)
    sent = [sample for samples in endpoints.values() for sample in samples]
    found = pace(sent, timeline.load_health, undisturbed) if undisturbed else None
    missing = {stream: [m for s in some for m in found.missing(s)] for stream, some in endpoints.items() if found}
    return Load(endpoints, missing, found, closed=True)


@dataclass(frozen=True)
class View:
    """What the load recorded in one window, and how far it can be trusted."""

    timeline: Timeline
    endpoints: dict[str, list[Sample]]
    missing: dict[str, list[Sample]]  # what a closed loop did not send
    fitness: Fitness
    pace: Pace | None = None  # of a closed loop

    def with_bad(self, is_bad: Callable[[Sample], bool]) -> dict[str, list[Sample]]:
        """What was sent, and what was missing and would have been bad: good ones that nobody sent excuse nothing."""
        return {
            stream: [*samples, *(sample for sample in self.missing.get(stream, []) if is_bad(sample))]
            for stream, samples in self.endpoints.items()
        }

    def counts(self, name: str, share: float, bad: str, is_bad: Callable[[Sample], bool], slow_s: float) -> Counts:
        """Count the bad requests, and of them those that would be good if answered within `slow_s` without strain."""

        def count(samples: list[Sample]) -> Counted:
            found = [sample for sample in samples if is_bad(sample)]
            excused = sum(self.fitness.excuses(sample, slow_s) for sample in found)
            return Counted(len(found), len(samples), share, bad, excused)

        endpoints = self.with_bad(is_bad)
        everything = _all(endpoints)
        added = len(everything) - len(_all(self.endpoints))
        return Counts(name, count(everything), {stream: count(some) for stream, some in endpoints.items()}, added)


def _all(endpoints: dict[str, list[Sample]]) -> list[Sample]:
    return [sample for samples in endpoints.values() for sample in samples]


def _p95(view: View, name: str, objective: float) -> Promise:
    numbers: dict[str, Any] = {"objective": objective, "unit": "s"}

    def is_bad(sample: Sample) -> bool:
        return sample.latency_s >= objective

    if samples := _all(view.with_bad(is_bad)):
        estimate = statistics.percentile(sorted(sample.latency_s for sample in samples), 1 - P95_SHARE)
        finite = {"measured": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
        answered = math.isfinite(estimate.value)  # of failures no bound says anything
        numbers |= {key: value if answered and math.isfinite(value) else None for key, value in finite.items()}
    bad = f"slower than {objective:g} s or failed"
    counts = view.counts(name, P95_SHARE, bad, is_bad, objective)
    return _decide(view, counts, numbers)


def _errors(view: View, name: str, objective: float) -> Promise:
    numbers: dict[str, Any] = {"objective": objective, "unit": "ratio"}
    timeout_s = float(view.timeline.run["settings"]["client"]["timeout_s"])
    counts = view.counts(name, objective, "failed", lambda sample: not sample.ok, timeout_s)
    if counts.total.n:
        estimate = statistics.share(counts.total.k, counts.total.n)
        numbers |= {"measured": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
    return _decide(view, counts, numbers)


def _decide(view: View, counts: Counts, numbers: dict[str, Any]) -> Promise:
    """FAIL if too many were bad, whatever the generator did; PASS if surely not; else INCONCLUSIVE."""
    timeline, name, total, fitness = view.timeline, counts.name, counts.total, view.fitness
    strain = (fitness.strained,) if fitness.strained else ()
    counted = (f"{stream}: {one.said()}" for stream, one in counts.endpoints.items())
    note = (view.pace.said(counts.added),) if view.pace else ()
    proof = (*counted, *_outcomes(view), *strain, *note)
    if fitness.unfit:
        return inconclusive(timeline, name, fitness.unfit, proof=proof, **numbers)
    if broken := counts.broken():
        if counts.without_excused().broken():
            return failed(timeline, name, broken, proof=proof, **numbers)
        return inconclusive(timeline, name, f"{broken}; {fitness.strained}", proof=proof, **numbers)
    if not statistics.surely_below(total.k, total.n, total.share):
        said = f"{total.said()}: too few requests to be 95 % sure that it is fewer than {100 * total.share:g} %"
        return inconclusive(timeline, name, said, proof=proof, **numbers)
    return passed(timeline, name, total.said(), proof=proof, **numbers)


def _outcomes(view: View) -> tuple[str, ...]:
    """`outcomes of those that failed: 12 http_503, 3 timeout`, or nothing."""
    counted = Counter(sample.outcome for sample in _all(view.endpoints) if not sample.ok)
    said = ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())
    return (f"outcomes of those that failed: {said}",) if said else ()


def _view(timeline: Timeline, window: Window, name: str, load: Load) -> View:
    """The window's samples, and why they may say nothing about the deployment."""
    sent = {stream: window.of(samples) for stream, samples in load.endpoints.items()}
    missing = {stream: window.of(samples) for stream, samples in load.missing.items()}
    fit = _fitness(timeline, window, name, sent)
    if load.closed and not load.pace and not fit.unfit:
        said = (
            "a closed loop of which no usual pace is known: what it did not send while users waited is not known either"
        )
        fit = Fitness(unfit=said)
    return View(timeline, sent, missing, fit, load.pace)


def _fitness(timeline: Timeline, window: Window, name: str, endpoints: dict[str, list[Sample]]) -> Fitness:
    samples = [sample for some in endpoints.values() for sample in some]
    if not samples:
        return Fitness(unfit=f"the load recorded no request in the window {name}")
    if name == "before" and not any(sample.ok for sample in samples):
        return Fitness(unfit="the load had no success before the fault: the target was not up")
    settings = timeline.run["settings"]["load"]
    names = [f"load/{request['name']}" for request in settings.get("requests") or []]
    if never := [stream for stream in names if not endpoints.get(stream)]:
        return Fitness(
            unfit=f"{never[0]} was never asked in the window {name}: raise its weight, the rate or the window"
        )
    rate_hz = None if settings.get("locustfile") else float(settings["rate_hz"])
    return fitness(samples, timeline.load_health, window.start_s, window.end_s, rate_hz)
