"""Chaos Toolkit plays the experiment, and takes a step that raises for one that is over: the verdict does not."""

from __future__ import annotations

import errno

import pytest
import yaml

from fixtures.deployments import story
from seatrial.faults.kill import Kill
from seatrial.faults.pause import Pause
from seatrial.play import play
from seatrial.scenario import scenario_of
from seatrial.verdict import Outcome


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


def played(trial, **options):
    play(trial.trial, scenario_of(yaml.safe_load(story(**options))))
    trial.trial.end()
    return trial.verdict


def test_an_experiment_whose_steps_all_succeed_passes(fake_trial):
    """The honest neighbour: played by the real Chaos Toolkit."""
    assert played(fake_trial(recovery_s=1.0)).outcome is Outcome.PASS


@pytest.mark.parametrize("step", ["hold", "await_recovery"])
def test_a_step_that_raises_shows_nothing(fake_trial, monkeypatch, step):
    """Whatever the clients saw: what it should have done was not tried."""
    trial = fake_trial(recovery_s=1.0)
    monkeypatch.setattr(trial.trial, step, raising(OSError(5, "Input/output error")))
    promise = played(trial, hold_s=1).promise("run complete")
    assert promise.outcome is Outcome.INCONCLUSIVE
    assert promise.reason.startswith(f"a step of the experiment failed: {step}: ")
    assert "Input/output error" in promise.reason


def test_a_fault_that_breaks_in_its_injection_is_none(fake_trial, monkeypatch):
    """Not only if Seatrial raises it on purpose."""
    trial = fake_trial(recovery_s=1.0)
    monkeypatch.setattr(trial.target, "kill", raising(OSError(111, "Connection refused")))
    verdict = played(trial)
    assert verdict.promise("fault took effect").outcome is Outcome.INCONCLUSIVE
    assert "could not be injected: ConnectionRefusedError" in verdict.promise("fault took effect").reason


def test_a_fault_that_was_never_injected_is_missed(fake_trial):
    """The scenario has one more than were seen."""
    trial = fake_trial(recovery_s=1.0)
    described = trial._describe() | {"faults": ["Kill app", "Kill database"]}
    trial.trial.document("run.json", described)
    assert played(trial).promise("fault took effect").reason == "1 of the scenario's faults were never injected"


def test_what_seatrial_had_to_start_has_not_recovered(fake_trial, monkeypatch):
    """No client needs the cache, and nothing restarts it: only the audit before healing sees that it is down."""
    trial = fake_trial(recovery_s=1.0)
    target = trial.target
    down = ("cache does not run: FATAL",)
    monkeypatch.setattr(target, "residue", lambda: down if target.outages and not target.undone else ())
    trial.play(Kill("cache"))
    promise = trial.verdict.promise("recovery time")
    assert promise.outcome is Outcome.INCONCLUSIVE
    assert promise.reason.startswith("Seatrial itself started what it had killed")


def test_a_full_disk_stops_no_healing(fake_trial, monkeypatch):
    """Noting that the runner crashed, or was stopped, fails silently: the end is still to come."""
    trial = fake_trial(recovery_s=float("inf"), wait_s=1.0)
    trial.trial.begin()
    trial.trial.served()
    trial.trial.inject(Kill("app"))
    monkeypatch.setattr(trial.trial._parts.recorder, "event", raising(OSError(errno.ENOSPC, "No space left on device")))
    trial.trial.interrupted("Ctrl-C")
    trial.trial.crashed(RuntimeError("nobody can read of it"))
    trial.trial.end()
    assert trial.undo.pending() == []
    assert [step.operation for step in trial.target.undone] == ["start"]


def test_a_fault_that_ended_before_its_healing_is_open(fake_trial, monkeypatch):
    """It expired, or somebody undid it: what the clients saw until then says nothing of the whole time."""
    trial = fake_trial(recovery_s=1.0)
    monkeypatch.setattr(trial.target, "residue", lambda: ())
    trial.play(Pause("app"), hold_s=1.0, heal=True)
    promise = trial.verdict.promise("fault took effect")
    assert promise.outcome is Outcome.INCONCLUSIVE
    assert promise.reason.startswith("Pause was no longer there when it was to be healed")


def test_a_fault_that_lasts_until_its_healing_took_effect(fake_trial):
    """The honest neighbour."""
    trial = fake_trial(recovery_s=1.0).play(Pause("app"), hold_s=1.0, heal=True)
    assert trial.timeline.first("healing").data["found"]
    assert trial.verdict.promise("fault took effect").outcome is Outcome.PASS
