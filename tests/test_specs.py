"""Specs of a team's own: a fault that was asked for and broke nothing leaves the verdict open."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import pytest

from seatrial.checks import judge
from seatrial.errors import MissingCapability
from seatrial.specs import SpecTrial
from seatrial.timeline import load_timeline
from seatrial.verdict import Outcome


@pytest.fixture
def spec(fake_trial):
    """A spec on the fake target, up and served."""

    def make(**options):
        made = fake_trial(recovery_s=1.0, **options)
        made.trial.document("run.json", made._describe() | {"faults": []})  # a spec says its faults as it goes

        def conclude(folder):
            return SimpleNamespace(verdict=judge(load_timeline(folder)))

        session = SimpleNamespace(target=SimpleNamespace(components=("app", "cache")), conclude=conclude)
        made.trial.begin()
        assert made.trial.served()
        return SpecTrial(session, made.trial, made.folder)

    return make


def test_a_fault_that_is_entered_is_judged(spec):
    """The honest neighbour."""
    trial = spec()
    with trial.fault("pause", component="app"):
        trial.hold(1)
    assert trial.await_recovery()
    assert trial.verdict().outcome is Outcome.PASS, trial.verdict().explain()


def test_a_fault_that_is_never_entered_leaves_the_verdict_open(spec):
    """`trial.fault(...)` without `with` breaks nothing."""
    trial = spec()
    trial.fault("kill", component="app")
    promise = trial.verdict().promise("run complete")
    assert promise.outcome is Outcome.INCONCLUSIVE
    assert "never entered" in promise.reason


def test_a_fault_that_is_refused_and_passed_over_leaves_the_verdict_open(spec):
    """The target cannot do it, and the test goes on."""
    trial = spec(lacks=("start",))
    with suppress(MissingCapability), trial.fault("kill", component="app"):
        pass
    promise = trial.verdict().promise("run complete")
    assert promise.outcome is Outcome.INCONCLUSIVE
    assert "there is nothing that start could take back" in promise.reason
