"""The engine on a target in memory: what a run records, undoes and concludes."""

from __future__ import annotations

import dataclasses
import json
from xmlrpc.client import Fault

import pytest

from seatrial.engine import TRIED
from seatrial.errors import MissingCapability, TargetError
from seatrial.faults.exhaust_connections import ExhaustConnections
from seatrial.faults.kill import Kill
from seatrial.faults.pause import Pause
from seatrial.ledger import ABSENT, PHANTOM, PRESENT, UNREADABLE, WRONG, ReadBack
from seatrial.targets.fake import read_everything
from seatrial.undo import pending_of
from seatrial.verdict import Outcome


def outcome(trial, name):
    return trial.verdict.promise(name).outcome


def test_a_deployment_that_recovers_in_time_passes(fake_trial):
    """Killed, back after 1 s, RTO 10 s: PASS, with the truth inside the measured interval."""
    trial = fake_trial(recovery_s=1.0).play(Kill("database"))
    recovery = trial.verdict.promise("recovery time")
    assert trial.verdict.passed, trial.verdict.explain()
    assert recovery.lower <= 1.0 <= recovery.upper
    assert recovery.upper - recovery.lower < 0.25


def test_a_recovery_that_is_slower_than_the_rto_fails(fake_trial):
    """Back after 4 s, RTO 3 s: FAIL with an interval that lies above the objective."""
    recovery = fake_trial(recovery_s=4.0, rto_s=3.0).play(Kill("database")).verdict.promise("recovery time")
    assert recovery.outcome is Outcome.FAIL
    assert 3.0 < recovery.lower <= 4.0 <= recovery.upper


def test_a_deployment_that_never_recovers_fails(fake_trial):
    """Never back, RTO 3 s: FAIL, and no upper bound is claimed."""
    recovery = fake_trial(recovery_s=float("inf"), rto_s=3.0).play(Kill("app")).verdict.promise("recovery time")
    assert (recovery.outcome, recovery.upper) == (Outcome.FAIL, None)
    assert "not recovered" in recovery.reason


def test_a_recovery_that_is_not_seen_within_the_patience_is_inconclusive(fake_trial):
    """Never back, but the objective allows an hour and the scenario watches 10 s: nothing is known."""
    trial = fake_trial(recovery_s=float("inf"), rto_s=3600.0, wait_s=10.0).play(Kill("app"))
    assert outcome(trial, "recovery time") is Outcome.INCONCLUSIVE
    assert not trial.verdict.passed


def test_an_objective_inside_the_measured_interval_is_too_close_to_call(fake_trial):
    """The truth is at the RTO to a few milliseconds: INCONCLUSIVE, neither PASS nor FAIL."""
    assert outcome(fake_trial(recovery_s=3.0, rto_s=3.0).play(Kill("app")), "recovery time") is Outcome.INCONCLUSIVE


def test_a_killed_component_that_seatrial_started_again_did_not_recover_by_itself(fake_trial):
    """Healed before the clients were served: INCONCLUSIVE, however quickly they were served then."""
    recovery = (
        fake_trial(recovery_s=float("inf")).play(Kill("app"), hold_s=1.0, heal=True).verdict.promise("recovery time")
    )
    assert recovery.outcome is Outcome.INCONCLUSIVE
    assert "by itself" in recovery.reason


def test_a_wait_that_ended_before_the_blow_shows_no_recovery(fake_trial):
    """Recovery awaited first and the fault struck then: INCONCLUSIVE, nobody watched the clients come back."""
    trial = fake_trial(recovery_s=1.0)
    trial.trial.begin()
    assert trial.trial.served()
    assert trial.trial.await_recovery()
    trial.trial.inject(Kill("app"))
    trial.trial.after()
    trial.trial.end()
    assert outcome(trial, "recovery time") is Outcome.INCONCLUSIVE


def test_an_outage_right_before_the_blow_is_seen(fake_trial):
    """Down for 2 s after the window of the steady state, while the run asks whether it stands: the errors are there."""
    trial = fake_trial(recovery_s=1.0)
    trial.trial.begin()
    now = trial.target.clock.now()
    trial.target.outages.append((now, now + 2.0))
    trial.target.clock.sleep(0.5)
    assert trial.trial.served()
    trial.trial.inject(Kill("app"))
    trial.trial.await_recovery()
    trial.trial.after()
    trial.trial.end()
    assert outcome(trial, "errors before") is Outcome.FAIL


def without_probe(trial, from_s, to_s):
    """The run as if the probe had not looked for so long, counted from the blow."""
    struck = trial.timeline.first("effect").data["struck_s"]
    path = trial.folder / "samples" / "clients.csv"
    header, *rows = path.read_text().splitlines()

    def seen(row):
        stream, due = row.split(",")[:2]
        return not (stream.startswith("probe/") and from_s <= float(due) - struck < to_s)

    path.write_text("\n".join([header, *filter(seen, rows)]) + "\n")
    return trial.verdict.promise("recovery time")


def test_a_pause_of_the_probe_widens_the_interval(fake_trial):
    """Down for 1 s; the probe paused from 2 to 2.8 s: an outage in it is unseen, so the upper bound reaches over it."""
    recovery = without_probe(fake_trial(recovery_s=1.0).play(Kill("app")), 2.0, 2.8)
    assert recovery.outcome is Outcome.PASS, recovery
    assert recovery.lower <= 1.0
    assert 2.75 < recovery.upper < 3.0
    assert any("paused for 0.8" in proof for proof in recovery.proof)


def test_a_pause_of_the_probe_that_may_hide_a_broken_promise_is_inconclusive(fake_trial):
    """Down for 1 s, RTO 2 s, and the probe did not look from 1.5 to 3 s: the second outage may be there."""
    recovery = without_probe(fake_trial(recovery_s=1.0, rto_s=2.0).play(Kill("app")), 1.5, 3.0)
    assert recovery.outcome is Outcome.INCONCLUSIVE
    assert "paused for 1.5" in recovery.reason


def test_a_probe_that_stopped_shows_no_recovery(fake_trial):
    """It never looked again after 2 s: INCONCLUSIVE, however generous the objective."""
    recovery = without_probe(fake_trial(recovery_s=1.0).play(Kill("app")), 2.0, 1e9)
    assert (recovery.outcome, recovery.upper) == (Outcome.INCONCLUSIVE, None)
    assert "never looked again" in recovery.reason


def test_a_fault_without_effect_is_inconclusive(fake_trial):
    """The blow was struck and nobody noticed: nothing was proven, however well the clients fared."""
    trial = fake_trial(effective=False).play(Kill("database"))
    assert outcome(trial, "fault took effect") is Outcome.INCONCLUSIVE
    assert outcome(trial, "recovery time") is Outcome.INCONCLUSIVE
    assert trial.verdict.outcome is Outcome.INCONCLUSIVE


def test_a_target_that_was_not_up_is_inconclusive_and_nothing_is_broken(fake_trial):
    """No success before the fault: no fault is injected, and no promise is said to be broken."""
    trial = fake_trial(serves=False).play(Kill("database"))
    assert trial.timeline.first("effect") is None
    assert trial.verdict.outcome is Outcome.INCONCLUSIVE
    assert all(promise.outcome is not Outcome.FAIL for promise in trial.verdict.promises)


def test_a_paused_component_is_resumed_before_recovery_is_awaited(fake_trial):
    """Paused for 4 s and healed: the outage is as long as the pause, and the undo was carried out once."""
    trial = fake_trial().play(Pause("database"), hold_s=4.0, heal=True)
    recovery = trial.verdict.promise("recovery time")
    assert trial.verdict.passed, trial.verdict.explain()
    assert recovery.lower <= 4.0 <= recovery.upper
    assert [step.operation for step in trial.target.undone] == ["resume"]


def test_the_undo_is_on_disk_before_the_blow(fake_trial):
    """When the fault strikes, its undo can already be read from the journal by another process."""
    trial = fake_trial()
    seen = []

    class Watching(Kill):
        def inject(self, target):
            seen.extend(entry.step.operation for entry in pending_of(trial.undo.path))
            return super().inject(target)

    trial.play(Watching("database"))
    assert seen == ["start"]
    assert trial.undo.pending() == []


def test_a_fault_for_which_nothing_is_there_refuses_before_anything_is_written(fake_trial):
    """No such link: MissingCapability, nothing on disk, nothing struck."""
    trial = fake_trial(lacks=("start",))
    trial.trial.begin()
    with pytest.raises(MissingCapability, match="nothing that start"):
        trial.trial.inject(Kill("database"))
    assert pending_of(trial.undo.path) == []
    assert trial.target.outages == []
    trial.trial.end()
    assert outcome(trial, "nothing left behind") is Outcome.PASS


def test_what_was_so_before_the_run_is_no_residue_of_it(fake_trial):
    """Stopped by an engineer before the run, and still so: PASS, and the reader is told of it."""
    trial = fake_trial(before=("worker does not run: STOPPED",)).play(Kill("database"))
    residue = trial.verdict.promise("nothing left behind")
    assert (residue.outcome, residue.measured) == (Outcome.PASS, 0.0)
    assert "as before the run: worker does not run: STOPPED" in residue.reason


def test_what_the_run_left_is_a_residue_beside_what_was_so_before(fake_trial):
    """The one is told apart from the other, and only the run's own counts."""
    trial = fake_trial(before=("worker does not run: STOPPED",), recovery_s=float("inf"))
    trial.trial.begin()
    trial.target.pause("database")
    trial.trial.end()
    residue = trial.verdict.promise("nothing left behind")
    assert (residue.outcome, residue.measured) == (Outcome.FAIL, 1.0)
    assert residue.proof[0].startswith("down since")


def test_a_target_that_cannot_be_audited_is_not_tried(fake_trial, monkeypatch):
    """Nobody could say afterwards what the run had left: TargetError before anything is started."""
    trial = fake_trial()
    monkeypatch.setattr(trial.target, "residue", raising(TargetError("the supervisor does not answer")))
    with pytest.raises(TargetError, match="does not answer"):
        trial.trial.begin()
    assert trial.timeline.first("observing") is None
    trial.trial.end()
    promise = trial.verdict.promise("nothing left behind")
    assert (promise.outcome, promise.reason) == (
        Outcome.INCONCLUSIVE,
        "the audit failed: the supervisor does not answer",
    )


def raising(error):
    """Something that fails, whatever it is asked."""

    def fail(*_):
        raise error

    return fail


def broken(trial, monkeypatch, part, error):
    """Let a part of what takes back fail."""
    owners = {"stop": trial.trial._parts.observers[0], "undo": trial.target, "residue": trial.target}
    if part == "read_back":
        trial.trial._parts = dataclasses.replace(trial.trial._parts, read_back=raising(error))
    else:
        monkeypatch.setattr(owners[part], part, raising(error))


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyError("programs"), Fault(10, "BAD_NAME: app")])
@pytest.mark.parametrize("part", ["stop", "undo", "read_back", "residue"])
def test_whatever_a_part_of_the_end_raises_the_others_are_done(fake_trial, monkeypatch, part, error):
    """Observers stop, the fault is healed, the ledger read, the target audited, the end noted: all but what failed."""
    trial = fake_trial(recovery_s=float("inf"), wait_s=1.0)
    trial.trial.begin()
    trial.trial.served()
    trial.trial.inject(Pause("app"))
    broken(trial, monkeypatch, part, error)
    trial.trial.end()
    kinds = [event.kind for event in trial.timeline.events]
    done = {"stopped": "stop", "readback-end": "read_back"}
    assert [kind for kind, by in done.items() if kind in kinds] == [kind for kind, by in done.items() if by != part]
    assert kinds[-2:] == ["residue", "run-end"]
    assert [event.data["ok"] for event in trial.timeline.all("healed")] == [part != "undo"]
    assert [entry.step.operation for entry in trial.undo.pending()] == (["resume"] if part == "undo" else [])
    said = (trial.folder / "events.jsonl").read_text()
    assert type(error).__name__ in said
    assert not trial.verdict.passed
    monkeypatch.undo()
    trial.trial._parts.observers[0].stop()  # for the sake of its open file


def test_a_heal_that_is_interrupted_is_carried_out_at_the_end(fake_trial, monkeypatch):
    """Ctrl-C came into the undo step: it stays, and the end carries it out."""
    trial = fake_trial(recovery_s=float("inf"))
    trial.trial.begin()
    trial.trial.inject(Pause("app"))
    with monkeypatch.context() as patch:
        patch.setattr(trial.target, "undo", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            trial.trial.heal()
    trial.trial.end()
    assert [step.operation for step in trial.target.undone] == ["resume"]
    assert trial.undo.pending() == []


def test_an_undo_that_fails_is_a_residue_and_stays_in_the_journal(fake_trial):
    """What could not be taken back is a FAIL, and the next start knows of it."""
    trial = fake_trial(heals=False).play(Kill("database"))
    assert outcome(trial, "nothing left behind") is Outcome.FAIL
    assert [entry.step.operation for entry in trial.undo.pending()] == ["start"]


def test_a_target_without_the_capability_refuses_before_anything_is_written(fake_trial):
    """The fake cannot exhaust connections: MissingCapability, and the journal is empty."""
    trial = fake_trial()
    trial.trial.begin()
    with pytest.raises(MissingCapability, match="CanExhaustConnections"):
        trial.trial.inject(ExhaustConnections("database"))
    assert trial.undo.pending() == []
    trial.trial.end()


def test_ending_twice_is_ending_once(fake_trial):
    """`end` is idempotent: `finally` and the normal way may both come to it."""
    trial = fake_trial().play(Kill("database"))
    trial.trial.end()
    assert len(trial.timeline.all("run-end")) == 1


def test_the_same_timeline_gives_the_same_bytes(fake_trial):
    """Judging again, from the files alone, changes nothing."""
    trial = fake_trial().play(Kill("database"))
    first, second = (json.dumps([p.as_json() for p in trial.verdict.promises]) for _ in range(2))
    assert first == second


def lose(keys, state=ABSENT, extra=()):
    """A ledger in which these of the acknowledged writes (by position) are found in that state, once a fault was."""

    def read(writes):
        if len(writes) <= TRIED:  # before anything is broken
            return read_everything(writes)
        acknowledged = [write for write in writes if write.ok]
        chosen = {acknowledged[index].key for index in keys}
        found = [ReadBack(w.stream, w.key, state if w.key in chosen else PRESENT) for w in acknowledged]
        return [*found, *(ReadBack("ledger/api", key, PHANTOM) for key in extra)]

    return read


def test_lost_writes_beyond_the_rpo_fail_with_their_ids(fake_trial):
    """The oldest lost write was acknowledged about 3 s before the fault; the RPO is 1 s."""
    trial = fake_trial(rpo_s=1.0, read_back=lose([30])).play(Kill("database"))
    loss = trial.verdict.promise("data loss")
    lost = [sample for sample in trial.timeline.streams["ledger/api"] if sample.ok][30]
    assert loss.outcome is Outcome.FAIL
    assert lost.key in loss.reason
    assert loss.measured == pytest.approx(trial.timeline.first("effect").data["struck_s"] - lost.end_s)


def test_lost_writes_within_the_rpo_pass_and_are_shown(fake_trial):
    """The same loss is allowed by an RPO of 60 s, and the reader is told of it."""
    loss = fake_trial(rpo_s=60.0, read_back=lose([30])).play(Kill("database")).verdict.promise("data loss")
    assert loss.outcome is Outcome.PASS
    assert "1 acknowledged writes lost" in loss.reason


def test_a_loss_that_reaches_back_to_the_first_write_has_no_known_end(fake_trial):
    """Everything since the ledger began is lost: within the RPO as far as seen, and nobody knows how much further."""
    loss = fake_trial(rpo_s=60.0, read_back=lose(range(60))).play(Kill("database")).verdict.promise("data loss")
    assert (loss.outcome, loss.upper) == (Outcome.INCONCLUSIVE, None)


def test_a_write_that_was_sent_after_the_blow_and_lost_is_excused_by_no_rpo(fake_trial):
    """The RPO covers what was written before the disaster; the last write came after it."""
    loss = fake_trial(rpo_s=60.0, read_back=lose([-1])).play(Kill("database")).verdict.promise("data loss")
    assert loss.outcome is Outcome.FAIL
    assert "after the fault had struck" in loss.reason


def nothing_once_broken(writes):
    """A ledger that is never read to its end."""
    return read_everything(writes) if len(writes) <= TRIED else []


@pytest.mark.parametrize(
    ("read_back", "expected", "said"),
    [
        (lose([3], WRONG), Outcome.FAIL, "not written"),
        (lose([], extra=["stranger"]), Outcome.FAIL, "nobody wrote"),
        (lose([3], UNREADABLE), Outcome.INCONCLUSIVE, "could not be read back"),
        (
            lambda writes: read_everything(writes) if len(writes) <= TRIED else [],
            Outcome.INCONCLUSIVE,
            "could not be read back",
        ),
    ],
)
def test_what_the_ledger_finds_decides(fake_trial, read_back, expected, said):
    """A value nobody wrote is a FAIL, an entry that cannot be read is neither kept nor lost."""
    loss = fake_trial(read_back=read_back).play(Kill("database")).verdict.promise("data loss")
    assert (loss.outcome, said in loss.reason) == (expected, True), loss.reason


@pytest.mark.parametrize("state", [ABSENT, WRONG, UNREADABLE])
def test_a_ledger_that_cannot_be_read_before_the_fault_is_inconclusive(fake_trial, state):
    """A misspelt [ledger] read finds nothing, ever: nothing is broken, and no loss is claimed."""
    trial = fake_trial(read_back=lambda writes: [ReadBack(w.stream, w.key, state) for w in writes])
    trial.play(Kill("database"))
    assert trial.timeline.first("effect") is None
    assert outcome(trial, "steady state") is Outcome.INCONCLUSIVE
    assert outcome(trial, "data loss") is Outcome.INCONCLUSIVE
    assert f"reads back as {state}" in trial.verdict.promise("steady state").reason


def test_an_endpoint_that_was_never_asked_is_inconclusive(fake_trial):
    """A weight so small that no request of it fell into the window: nothing was shown of it."""
    trial = fake_trial(requests=("chart", "pay")).play(Kill("database"))
    slo = trial.verdict.promise("p95 before")
    assert slo.outcome is Outcome.INCONCLUSIVE
    assert "load/pay was never asked" in slo.reason


def test_slow_answers_break_the_slo_in_their_window(fake_trial):
    """Every answer takes 1.5 s where 1 s is promised: FAIL before and after."""
    trial = fake_trial(latency_s=1.5).play(Kill("database"))
    assert outcome(trial, "p95 before") is Outcome.FAIL
    assert outcome(trial, "errors before") is Outcome.PASS


def test_errors_during_the_fault_fail_where_the_scenario_promises_none(fake_trial):
    """Down for 2 s of the window `during`: far more than 5 % failed."""
    trial = fake_trial(recovery_s=2.0, slo_windows=("during",)).play(Kill("cache"))
    assert outcome(trial, "errors during") is Outcome.FAIL


def test_health_that_is_green_while_work_fails_is_a_finding(fake_trial, monkeypatch):
    """The probe is served all the time, the load is not for 6 s: the health endpoint lies."""
    trial = fake_trial(recovery_s=6.0)
    serving = trial.target.serving
    clients = trial.trial._parts.observers[0]
    due = clients._due

    def lying(stream, period_s):
        healthy = stream.startswith("probe/")
        monkeypatch.setattr(trial.target, "serving", (lambda at_s: True) if healthy else serving)
        return due(stream, period_s)

    monkeypatch.setattr(clients, "_due", lying)
    finding = trial.play(Kill("database")).verdict.promise("health tells the truth")
    assert finding.outcome is Outcome.FAIL
    assert "green" in finding.reason


def test_a_run_whose_runner_was_killed_is_inconclusive(fake_trial):
    """The files end in the middle: no promise of the run as a whole is green."""
    trial = fake_trial().play(Kill("database"))
    lines = (trial.folder / "events.jsonl").read_text().splitlines(keepends=True)
    (trial.folder / "events.jsonl").write_text("".join(lines[:9]) + lines[9][:20])
    assert trial.verdict.outcome is Outcome.INCONCLUSIVE
    assert "killed" in trial.verdict.promise("run complete").reason
