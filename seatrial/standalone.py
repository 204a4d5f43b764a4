"""Seatrial without its own command around it: under `chaos run`, and keeping a deployment up for an engineer."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.engine import Trial
    from seatrial.session import Session


class Standalone:
    """A session with one trial, opened by the control of `chaos run` and closed by it."""

    def __init__(self, stack: ExitStack, session: Session, trial: Trial, folder: Path) -> None:
        self.trial = trial
        self._stack, self._session, self._folder = stack, session, folder

    @classmethod
    def open(cls, experiment: dict[str, Any]) -> Standalone:
        """Bring the target of this folder up and begin a trial. A mistake interrupts the experiment with its line."""
        from chaoslib.exceptions import InterruptExecution

        try:
            with ExitStack() as stack:
                return cls._open(stack, experiment)
        except SeatrialError as error:
            raise InterruptExecution(str(error)) from None

    @classmethod
    def _open(cls, stack: ExitStack, experiment: dict[str, Any]) -> Standalone:
        from seatrial.progress import Terminal
        from seatrial.scenario import scenario_of
        from seatrial.session import Options, Session
        from seatrial.settings_file import settings_for

        options = Options("local", Path("reports").resolve())
        progress = Terminal(sys.stderr.write, live=False)
        session = stack.enter_context(Session(settings_for(Path.cwd(), None), options, progress))
        scenario = scenario_of(experiment)
        session.refuse_impossible(scenario)
        trial, folder = stack.enter_context(session.trial(scenario))
        trial.begin()
        return cls(stack.pop_all(), session, trial, folder)

    def close(self, journal: dict[str, Any]) -> None:
        """End, judge and report; a verdict that is not PASS makes the experiment deviate."""
        from seatrial.play import note_failed_steps
        from seatrial.report.summary import table

        with self._stack:
            self.trial.document("journal.json", journal)
            if journal["status"] == "interrupted":
                self.trial.interrupted("stopped by a signal")
            else:
                note_failed_steps(self.trial, journal)
                self.trial.after()
            self.trial.end()
            verdict = self._session.conclude(self._folder).verdict
        sys.stderr.write(table(verdict.promises) + f"\nreport: {self._folder / 'report.html'}\n")
        journal["deviated"] = journal["deviated"] or not verdict.passed


def keep_up(say: Callable[[str], None], explicit: Path | None) -> int:
    """`seatrial up`: bring the deployment up, say how to use it, and take it down on Ctrl-C or SIGTERM."""
    from seatrial.catalogue import shipped_for
    from seatrial.progress import Terminal
    from seatrial.session import Options, Session
    from seatrial.settings_file import settings_for

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = settings_for(Path.cwd(), explicit)
    own = f"--settings {explicit} " if explicit else ""
    runnable = next((name for name, unknown in shipped_for(settings).items() if not unknown), "SCENARIO")
    options = Options("local", Path("reports"), shared=True)
    with Session(settings, options, Terminal(sys.stderr.write, live=False)) as session:
        say(f"url: {session.target.resolve(session.client_url)}")
        say(f"run on it, from another terminal: "
            f"seatrial run {runnable} {own}--attach {session.target.identity['folder']}")  # fmt: skip
        say("Ctrl-C takes it down")
        sys.stdout.flush()
        try:
            signal.pause()
        except KeyboardInterrupt:
            say("taking it down")
    return 0
