"""Synthetic runs for the report, made by the real writers: `python -m tests.report_runs FOLDER` leaves them there.

A run of 40 s: 10 s undisturbed, the database killed at 10 s, clients down for some time, settled, 12 s after.
"""

from __future__ import annotations

import math
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.ledger import ABSENT, ACKNOWLEDGED, PRESENT, ReadBack, write_read_back, write_result
from seatrial.load.health import HEALTH_FIELDS, HEALTH_FILE
from seatrial.masking import Masker
from seatrial.samples import OK, Sample, SampleWriter
from seatrial.targets.fake import FakeClock
from seatrial.timeline import Recorder

RATES = {"probe/new": 50.0, "probe/kept": 50.0, "load/chart": 80.0, "load/sentiment": 20.0, "ledger/api": 10.0,
         "ledger/sql": 10.0}  # fmt: skip
START_S = 5000.0
STRUCK_S = START_S + 11.0


@dataclass
class Story:
    """What happened, in seconds from the blow."""

    scenario: str = "kill-database"
    title: str = "The database is killed"
    down_s: float = 1.8  # clients are down for so long, from 30 ms after the blow
    slow_s: float = 1.4  # and slow for so long after that
    after_s: float = 12.0
    seen: bool = True
    lost: int = 0  # acknowledged writes before the blow that are gone
    rto_s: float = 3600.0
    rpo_s: float = 900.0
    password: str = "hunter2-very-secret"
    extra: list[Sample] = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    @property
    def recovered(self) -> bool:
        return math.isfinite(self.down_s)

    @property
    def recovered_s(self) -> float:
        return STRUCK_S + max(min(self.down_s, 12.0) + self.slow_s, 3.0)

    @property
    def end_s(self) -> float:
        return self.recovered_s + (self.after_s if self.recovered else 0.0)


PASSING = Story()
FAILING = Story(
    "kill-app", "The application is killed", down_s=math.inf, lost=27, rto_s=5.0, rpo_s=0.0,
)  # fmt: skip
INCONCLUSIVE = Story("cut-cache", "The cache cannot be reached", down_s=0.0, slow_s=0.0, seen=False)


def make_run(folder: Path, story: Story = PASSING) -> Path:
    """Write the folder of a finished run."""
    clock, masker = FakeClock(START_S - 2), Masker()
    masker.learn({"password": story.password})
    recorder = Recorder(folder, clock, masker)
    recorder.document("run.json", _describe(story))
    samples = [*_samples(story), *story.extra]
    _write_samples(folder, samples)
    _write_health(folder, story)
    _events(recorder, story, _read_back(folder, story, samples))
    recorder.close()
    return folder


def tear(folder: Path) -> Path:
    """What SIGKILL leaves of a run: events up to the injection, and last lines without their ends."""
    events = folder / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if '"injecting"' in line)
    events.write_text("".join(lines[: place + 1]) + lines[place + 1][:25])
    for path in (folder / "samples").iterdir():
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    (folder / "readback.csv").unlink()
    return folder


def _samples(story: Story) -> list[Sample]:
    dice, samples = random.Random(7), []
    for stream, rate_hz in RATES.items():
        number = 0
        while (due := START_S + 0.003 + number / rate_hz) < story.end_s:
            key = f"st-{stream[7:]}-{number:05d}" if stream.startswith("ledger/") else ""
            samples.append(_sample(story, stream, due, key, dice))
            number += 1
    return samples


def _sample(story: Story, stream: str, due: float, key: str, dice: random.Random) -> Sample:
    since = due - STRUCK_S - 0.03
    usual = {"probe/new": 0.0031, "probe/kept": 0.0019, "load/sentiment": 0.009, "ledger/sql": 0.002}
    took = usual.get(stream, 0.0052) * math.exp(dice.gauss(0, 0.28)) + (
        dice.expovariate(30) if dice.random() < 0.004 else 0
    )
    if 0 <= since < story.down_s:
        outcome = "refused" if since > 0.4 else "http_503" if since > 0.1 else "reset"
        outcome = "timeout" if stream == "load/chart" and 0.5 < since < 0.55 else outcome
        return Sample(stream, due, due, due + (2.0 if outcome == "timeout" else 0.0012), outcome, key)
    settling = since - story.down_s
    if 0 <= settling < story.slow_s and story.seen:
        took += 1.25 * math.exp(-3.2 * settling) * (0.4 + dice.random()) * stream.startswith(("load", "ledger"))
    return Sample(stream, due, due + 0.0002, due + took, OK, key)


def _write_samples(folder: Path, samples: list[Sample]) -> None:
    for kind in ("probe", "load", "ledger"):
        writer = SampleWriter(folder / "samples" / f"{kind}.csv")
        writer.write(sample for sample in samples if sample.stream.startswith(kind))
        writer.close()


def _write_health(folder: Path, story: Story) -> None:
    seconds = range(int(story.end_s - START_S) + 2)
    rows = [f"{START_S + second:.6f},0.{21 + second % 7},0.00{1 + second % 3},4,100,0,open" for second in seconds]
    (folder / HEALTH_FILE).write_text("\n".join([",".join(HEALTH_FIELDS), *rows]) + "\n")


def _read_back(folder: Path, story: Story, samples: list[Sample]) -> int:
    writes = [sample for sample in samples if sample.stream.startswith("ledger/")]
    last = [s for s in writes if s.stream == "ledger/api" and s.end_s < STRUCK_S][-story.lost :] if story.lost else []
    gone = {sample.key for sample in last}
    acknowledged = [sample for sample in writes if write_result(sample) == ACKNOWLEDGED]
    found = [ReadBack(s.stream, s.key, ABSENT if s.key in gone else PRESENT) for s in acknowledged]
    write_read_back(folder / "readback.csv", found)
    return len(found)


def _events(recorder: Recorder, story: Story, entries: int) -> None:
    fault = {"fault": "Kill", "arguments": {"component": "database"}}
    undo = {"operation": "start", "arguments": {"component": "database"}}
    seen = "all 8 processes of database are gone" if story.seen else "no process of the component was found to serve"
    event, end = recorder.event, story.end_s
    event("run-begin", START_S - 2, scenario=story.scenario, target="local", title=story.title)
    for number, name in enumerate(("load", "sampler")):
        event("observing", START_S - 1 + number, observer=name)
    event("before-begin", START_S + 1)
    event("before-end", START_S + 10.9)
    event("steady", START_S + 10.95, met=True, detail="all clients are served")
    event("undo-written", STRUCK_S - 0.01, **undo)
    event("injecting", STRUCK_S - 0.005, **fault)
    effect = {"struck_s": STRUCK_S, "seen_s": STRUCK_S + 0.021, "seen": story.seen, "evidence": [seen]}
    event("effect", STRUCK_S + 0.022, **fault, **effect)
    if story.recovered:
        event("recovered", story.recovered_s, detail="all clients are served")
        event("after-begin", story.recovered_s + 0.01)
        event("after-end", end)
    else:
        event("gave-up", story.recovered_s, detail="load/chart fails; probe/new fails")
    for number, name in enumerate(("load", "sampler")):
        event("stopped", end + 0.3 + number / 10, observer=name)
    event("healing", end + 0.5, **undo)
    event("healed", end + 0.9, operation="start", ok=True, detail="")
    event("readback-begin", end + 1, writes=entries)
    event("readback-end", end + 1.8, entries=entries)
    event("residue", end + 1.9, items=[])
    event("run-end", end + 2)


def _describe(story: Story) -> dict:
    return {
        "scenario": story.scenario,
        "title": story.title,
        "description": "Every process of the database gets SIGKILL at once, as in a crash. Nobody helps.",
        "proves": "The database comes back by itself, and every write that was acknowledged before is still there.",
        "promise": "Disaster recovery, database failure: RTO 1 h, RPO 15 min.",
        "disaster": "database",
        "target": "local",
        "faults": ["kill component=database"],
        "ledger": True,
        "settings": {
            "name": "insitechart",
            "client": {"rate_hz": 50.0, "timeout_s": 2.0, "url": f"http://me:{story.password}@127.0.0.1:8000"},
            "load": {"rate_hz": 100.0},
            **story.settings,
        },
        "objectives": {"p95_s": 1.0, "error_rate": 0.05, "rto_s": story.rto_s, "rpo_s": story.rpo_s},
        "slo_windows": ["before", "after"],
        "nonce": "00112233aabbccdd",
        "clock": {"monotonic_s": START_S - 2, "utc": "2026-11-23T05:15:00+00:00"},
        "versions": {"seatrial": "0.1.0", "chaostoolkit": "1.19.0", "locust": "2.47.0", "pytest": "9.0.1"},
        "environment": {"system": "Linux-6.1-x86_64", "python": "3.11.2", "processors": 2},
        "command": f"seatrial run {story.scenario} --target local",
        "before_s": 10.0,
        "after_s": 12.0,
        "wait_s": 60.0,
    }


def main(base: Path) -> None:
    """Write the runs, a report of each, and one of all."""
    from seatrial.conclude import conclude_all, conclude_run

    folders = []
    for name, story in (("passing", PASSING), ("failing", FAILING), ("inconclusive", INCONCLUSIVE), ("torn", PASSING)):
        folder = make_run(base / f"20261123T051500Z-{name}-local", story)
        conclude_run(tear(folder) if name == "torn" else folder)
        folders.append(folder)
    conclude_all(folders, base, "local")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
