"""Trials on the fake target: the real engine, the real files, a clock to turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import engine
from seatrial.checks import judge
from seatrial.masking import Masker
from seatrial.progress import Silent
from seatrial.targets.fake import FakeClients, FakeClock, FakeTarget, read_everything
from seatrial.timeline import Recorder, Timeline, load_timeline
from seatrial.undo import UndoJournal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seatrial.faults import Fault
    from seatrial.ledger import ReadBack
    from seatrial.samples import Sample
    from seatrial.verdict import Verdict

STREAMS = {"probe/new": 50.0, "probe/kept": 50.0, "load/chart": 80.0, "load/sentiment": 20.0, "ledger/api": 10.0}


@dataclass
class FakeTrial:
    """A trial on a fake target, and what came of it."""

    folder: Path
    target: FakeTarget
    streams: dict[str, float] = field(default_factory=lambda: dict(STREAMS))
    read_back: Callable[[list[Sample]], list[ReadBack]] = read_everything
    rto_s: float = 10.0
    rpo_s: float = 60.0
    wait_s: float = 30.0
    slo_windows: tuple[str, ...] = ("before", "after")
    latency_s: float = 0.004
    requests: tuple[str, ...] = ()  # of [load]; their streams are those of `streams`

    def __post_init__(self) -> None:
        clients = FakeClients(self.target, self._made(), self.streams, self.latency_s)
        recorder = Recorder(self.folder, self.target.clock, Masker())
        recorder.document("run.json", self._describe())
        self.undo = UndoJournal(self.folder / "state")
        clock, read_back = self.target.clock, self.read_back
        parts = engine.Parts(self.target, [clients], recorder, self.undo, clock, Silent(), read_back, list)
        self.trial = engine.Trial(parts, engine.Patience(5.0, 5.0, min(self.wait_s, self.rto_s + 2), 3.0))

    def _made(self) -> Path:
        (self.folder / "samples").mkdir(parents=True)
        return self.folder

    def play(self, fault: Fault | None, hold_s: float = 0.0, *, heal: bool = False) -> FakeTrial:
        """The phases that an experiment plays, without Chaos Toolkit."""
        self.trial.begin()
        if self.trial.served() and fault:
            self.trial.inject(fault)
            self.trial.hold(hold_s)
            if heal:
                self.trial.heal()
            self.trial.await_recovery()
        self.trial.after()
        self.trial.end()
        return self

    @property
    def timeline(self) -> Timeline:
        return load_timeline(self.folder)

    @property
    def verdict(self) -> Verdict:
        return judge(self.timeline)

    def _describe(self) -> dict[str, Any]:
        return {
            "scenario": "story",
            "target": "fake",
            "faults": ["a fault"],
            "ledger": "ledger/api" in self.streams,
            "settings": {
                "client": {"rate_hz": 50.0, "timeout_s": 2.0},
                "load": {"rate_hz": 100.0, "requests": [{"name": name} for name in self.requests]},
            },
            "objectives": {"p95_s": 1.0, "error_rate": 0.05, "rto_s": self.rto_s, "rpo_s": self.rpo_s},
            "slo_windows": list(self.slo_windows),
        }


@pytest.fixture
def fake_trial(tmp_path: Path):
    """Make a trial on a fake target: keywords of FakeTarget go to the target, the others to FakeTrial."""

    def make(**options: Any) -> FakeTrial:
        of_target = {key: options.pop(key) for key in list(options) if key in FakeTarget.__dataclass_fields__}
        return FakeTrial(tmp_path / "run", FakeTarget(FakeClock(), **of_target), **options)

    return make
