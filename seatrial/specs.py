"""A trial in a test: what the fixture `trial` gives, for specs that a team writes in a few lines of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from seatrial.errors import InputError, SeatrialError, in_one_line
from seatrial.faults import COMPONENT_FIELDS, make_fault
from seatrial.scenario import Scenario, make_extension
from seatrial.yaml_lines import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from seatrial.engine import Trial
    from seatrial.roles import Effect, Fault
    from seatrial.session import Session
    from seatrial.verdict import Verdict


class SpecTrial:
    """Probe, load and ledger run beside the test; `with trial.fault(...)` breaks something, `verdict()` judges."""

    def __init__(self, session: Session, trial: Trial, folder: Path) -> None:
        self.folder = folder
        self._session = session
        self._trial = trial
        self._verdict: Verdict | None = None
        self._asked: list[Fault] = []  # faults that were asked for and not entered yet

    def fault(self, name: str, **arguments: Any) -> AbstractContextManager[Effect]:  # noqa: ANN401 - the fault's own fields
        """Break a component inside a `with` block, heal it after. Raises MissingCapability, InputError, TargetError.

        One that is asked for and never entered breaks nothing, and leaves the verdict open.
        """
        fault = make_fault(name, arguments)
        for component in (arguments[field] for field in COMPONENT_FIELDS if field in arguments):
            if component not in self._session.target.components:
                known = ", ".join(self._session.target.components)
                raise InputError(f"a component of the target ({known})", str(component))
        self._asked.append(fault)
        return self._struck(fault)

    @contextmanager
    def _struck(self, fault: Fault) -> Iterator[Effect]:
        self._asked.remove(fault)
        try:
            effect = self._trial.inject(fault)
        except Exception as error:
            self._trial.step_failed(str(fault), in_one_line(error))
            raise
        try:
            yield effect
        finally:
            self._trial.heal()

    def hold(self, seconds: float) -> None:
        """Let time pass while the clients run on."""
        self._trial.hold(seconds)

    def await_recovery(self) -> bool:
        """Wait until every client is served again; False if that did not come in time."""
        return self._trial.await_recovery()

    def verdict(self) -> Verdict:
        """End the trial (window after, read back, audit) and judge it; the same verdict if asked again."""
        if self._verdict is None:
            for fault in self._asked:
                self._trial.step_failed(str(fault), "asked for, and never entered (with trial.fault(...):)")
            self._trial.after()
            self._trial.end()
            self._verdict = self._session.conclude(self.folder).verdict
        return self._verdict

    def require_verdict(self) -> None:
        """A spec that did not ask for its verdict is held to PASS. Raises AssertionError with what was not kept."""
        if self._verdict is None and not self.verdict().passed:
            raise AssertionError(self.verdict().explain())

    def interrupted(self, why: str) -> None:
        """Note that the spec was stopped in its middle."""
        self._trial.interrupted(why)


@contextmanager
def open_spec(session: Session, name: str, path: Path, promise: str, options: dict[str, Any]) -> Iterator[SpecTrial]:
    """A trial for a test: its name and docstring describe it, the marker `trial(...)` gives windows and objectives.

    A test that fails before it asks for the verdict leaves one all the same: what was recorded is judged.
    """
    document = Document(path, "")
    extension = make_extension(document, (), {"name": "seatrial", "proves": promise, "promise": promise, **options})
    experiment = {"title": name.replace("_", " "), "description": promise, "method": []}
    scenario = Scenario(name, document, experiment, extension, (), 0.0)
    with session.trial(scenario) as (trial, folder):
        trial.begin()
        if not trial.served():
            raise SeatrialError("the deployment does not serve its clients before the fault: see the run's timeline")
        yield SpecTrial(session, trial, folder)
