"""Playing a scenario on a trial: Chaos Toolkit goes through the experiment; its actions are in `seatrial.chaos`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from seatrial import chaos
from seatrial.errors import Interrupted

if TYPE_CHECKING:
    from seatrial.engine import Trial
    from seatrial.scenario import Scenario


def play(trial: Trial, scenario: Scenario) -> None:
    """Play a scenario on a trial, from phase 1 to 8; who opened the trial ends it. Raises Interrupted."""
    try:
        trial.begin()
        journal = _experiment(trial, scenario)
        if journal["status"] == "interrupted":
            raise Interrupted("stopped by a signal")
        note_failed_steps(trial, journal)
        trial.after()
    except (KeyboardInterrupt, Interrupted) as stop:
        trial.interrupted(str(stop) or "Ctrl-C")
        raise Interrupted(str(stop) or "Ctrl-C") from None


def note_failed_steps(trial: Trial, journal: dict[str, Any]) -> None:
    """Tell the trial of each step that raised: Chaos Toolkit notes it in its journal, and goes on as if nothing was."""
    for step in [*journal.get("run", ()), *journal.get("rollbacks", ())]:
        if step.get("status") == "failed":
            why = [line for line in step.get("exception") or ["no reason"] if str(line).strip()]
            trial.step_failed(str(step["activity"].get("name")), " ".join(str(why[-1]).split()))


def _experiment(trial: Trial, scenario: Scenario) -> dict[str, Any]:
    from chaoslib.experiment import run_experiment

    logging.getLogger("chaostoolkit").addHandler(logging.NullHandler())  # its journal says it all
    settings = {"runtime": {"rollbacks": {"strategy": "always"}}}  # the default leaves a fault after Ctrl-C
    with chaos.acting_on(trial):
        journal: dict[str, Any] = run_experiment(scenario.experiment, settings, event_handlers=[chaos.Signals()])
    trial.document("journal.json", journal)
    return journal
