"""The timeline of a run: everything that happens is appended to `events.jsonl`; judgement reads it when it is over.

A run's folder holds `run.json` (what was run, masked), `events.jsonl`, `samples/*.csv` (see `seatrial.samples`) and
`readback.csv` (see `seatrial.ledger`). Times are monotonic seconds, as in the samples; `run.json` ties them to UTC.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import InputError
from seatrial.ledger import ReadBack, read_back_file
from seatrial.load.health import HealthSample, load_health
from seatrial.samples import Sample, read_samples

if TYPE_CHECKING:
    from seatrial.masking import Masker
    from seatrial.roles import Clock


LIMITS = ("p95_s", "error_rate", "rto_s", "rpo_s")


@dataclass(frozen=True)
class Event:
    """Something that happened to the run at a moment. The kinds are listed in `docs/timeline.md`."""

    at_s: float
    kind: str
    data: dict[str, Any] = field(default_factory=dict)


class Recorder:
    """Appends events to a run's folder, masked, each flushed and synced before `event` returns."""

    def __init__(self, folder: Path, clock: Clock, masker: Masker) -> None:
        self.folder = folder
        self._clock = clock
        self._masker = masker
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        self._file = (folder / "events.jsonl").open("a", encoding="utf-8")

    def event(self, kind: str, at_s: float | None = None, **data: Any) -> Event:  # noqa: ANN401 - JSON values
        """Append an event, at the given monotonic time or now."""
        event = Event(self._clock.now() if at_s is None else at_s, kind, self._masker.tree(data))
        self._file.write(json.dumps({"at_s": round(event.at_s, 6), "kind": kind, **event.data}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return event

    def document(self, name: str, value: Any) -> None:  # noqa: ANN401 - a JSON value
        """Write a JSON document into the folder, masked, whole or not at all."""
        write_json(self.folder / name, self._masker.tree(value))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - a JSON value
    """Write a JSON document whole or not at all, with sorted keys, so that equal values are equal bytes."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.write_text(dumps(value) + "\n", encoding="utf-8")
    temporary.replace(path)


def dumps(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """JSON with sorted keys and an indent: equal values are equal bytes."""
    return json.dumps(value, indent=2, sort_keys=True, default=str)


@dataclass(frozen=True, eq=False)  # one is equal to itself alone, so that what is worked out of it can be kept
class Timeline:
    """A finished (or torn) run, as it stands on disk. Never changes, and needs nothing but its folder."""

    folder: Path
    run: dict[str, Any]
    events: tuple[Event, ...]

    def first(self, kind: str) -> Event | None:
        """The first event of a kind, or None."""
        return next((event for event in self.events if event.kind == kind), None)

    def all(self, kind: str) -> list[Event]:
        """All events of a kind, in order."""
        return [event for event in self.events if event.kind == kind]

    def time_of(self, kind: str) -> float | None:
        """Monotonic time of the first event of a kind, or None."""
        event = self.first(kind)
        return event.at_s if event else None

    @cached_property
    def streams(self) -> dict[str, list[Sample]]:
        """All samples by stream (`probe/new`, `load/chart`, ...), each sorted by start."""
        streams: dict[str, list[Sample]] = {}
        for path in sorted((self.folder / "samples").glob("*.csv")):
            for sample in read_samples(path):
                streams.setdefault(sample.stream, []).append(sample)
        for samples in streams.values():
            samples.sort(key=lambda sample: (sample.start_s, sample.end_s))
        return dict(sorted(streams.items()))

    @cached_property
    def load_health(self) -> list[HealthSample]:
        """What the load generator recorded of itself, a row a second; empty if it never did."""
        return load_health(self.folder)

    @cached_property
    def read_back(self) -> list[ReadBack]:
        """What the ledger found when it read its writes back; empty if it never did."""
        return read_back_file(self.folder / "readback.csv")


def load_timeline(folder: Path) -> Timeline:
    """Read a run's folder. Raises InputError if it is not one; a torn last line of the events is left out."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError("a run's folder with run.json and events.jsonl", str(error), folder) from None
    if not isinstance(run, dict) or not {"scenario", "target", "settings", "objectives"} <= run.keys():
        raise InputError("a run.json with scenario, target, settings and objectives", "another", folder / "run.json")
    limits = run["objectives"]
    if not isinstance(limits, dict) or not all(_is_finite(limits.get(name)) for name in LIMITS):
        raise InputError(f"a finite number for each of the objectives {', '.join(LIMITS)}", "none", folder / "run.json")
    events = (_event(line, number, folder, last=number == len(lines)) for number, line in enumerate(lines, 1))
    return Timeline(folder, run, tuple(event for event in events if event))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _event(line: str, number: int, folder: Path, *, last: bool) -> Event | None:
    try:
        value = json.loads(line)
        event = Event(float(value.pop("at_s")), str(value.pop("kind")), value)
        if not math.isfinite(event.at_s):
            raise ValueError("no moment")
        return event
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        if last:
            return None
        raise InputError("an event as JSON", line[:60], folder / "events.jsonl", number) from None
