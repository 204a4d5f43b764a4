"""Judging runs that are not of the simplest kind: several blows, pauses, quiet ledgers, busy generators, users."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seatrial.checks import judge
from seatrial.checks.closed_loop import Pace
from seatrial.checks.slo import Counted, Counts, View, slo
from seatrial.checks.windows import windows
from seatrial.conclude import conclude_run
from seatrial.faults.kill import Kill
from seatrial.faults.pause import Pause
from seatrial.ledger import ABSENT, PRESENT, UNREADABLE, ReadBack
from seatrial.load.health import HEALTH_FIELDS, HEALTH_FILE, Fitness
from seatrial.report.axis import axis_of
from seatrial.report.story import story
from seatrial.samples import OK, Sample, SampleWriter, read_samples
from seatrial.targets.fake import read_everything
from seatrial.timeline import load_timeline
from seatrial.verdict import Outcome


def played(trial, *steps):
    """A trial in which these steps follow the steady state; each is called with the trial."""
    trial.trial.begin()
    assert trial.trial.served()
    for step in steps:
        step(trial.trial)
    trial.trial.after()
    trial.trial.end()
    return trial


def kill(component):
    return lambda trial: trial.inject(Kill(component))


def pause(component):
    return lambda trial: trial.inject(Pause(component))


def hold(seconds):
    return lambda trial: trial.hold(seconds)


def wait(trial):
    trial.await_recovery()


def heal(trial):
    trial.heal()


def struck(trial):
    return [event.data["struck_s"] for event in trial.timeline.all("effect")]


def rewritten(trial, change):
    """The trial as if its clients had recorded other samples: `change` gives the sample to keep, or None."""
    path = trial.folder / "samples" / "clients.csv"
    kept = [changed for sample in read_samples(path) if (changed := change(sample))]
    path.unlink()
    writer = SampleWriter(path)
    writer.write(kept)
    writer.close()
    return trial


# -- several blows -----------------------------------------------------------------------------------------------


def test_two_blows_with_a_recovery_between_are_judged_apart(fake_trial):
    """Down for 1 s twice, 10 s apart, RTO 3 s: two recoveries in time, not one of 14 s; the names tell them apart."""
    trial = played(fake_trial(rto_s=3.0), kill("cache"), wait, hold(10), kill("app"), wait)
    first, second = (p for p in trial.verdict.promises if p.promise.startswith("recovery time"))
    assert trial.verdict.passed, trial.verdict.explain()
    assert (first.promise, second.promise) == ("recovery time 1 (Kill cache)", "recovery time 2 (Kill app)")
    for recovery in (first, second):
        assert recovery.lower <= 1.0 <= recovery.upper < 1.5
    assert trial.verdict.promise("fault took effect 2 (Kill app)").outcome is Outcome.PASS


def test_a_second_disaster_that_takes_too_long_fails_by_itself(fake_trial):
    """The first is over in time, the second never: PASS, and FAIL."""
    trial = fake_trial(rto_s=3.0)

    def endless(_trial):
        trial.target.recovery_s = float("inf")

    played(trial, kill("cache"), wait, endless, kill("app"), wait)
    assert trial.verdict.promise("recovery time 1 (Kill cache)").outcome is Outcome.PASS
    assert trial.verdict.promise("recovery time 2 (Kill app)").outcome is Outcome.FAIL


def test_blows_without_a_recovery_between_are_one_disaster(fake_trial):
    """Down for 1 s, and 5 s later for 1 s again, and nobody waited between: about 6 s, against an RTO of 3 s a FAIL."""
    trial = played(fake_trial(rto_s=3.0), kill("cache"), hold(5), kill("app"), wait)
    recovery = trial.verdict.promise("recovery time")
    assert recovery.outcome is Outcome.FAIL
    assert recovery.lower <= 6.0


def test_a_second_blow_that_was_healed_says_nothing_of_the_first(fake_trial):
    """The killed one came back by itself; later one was paused, and resumed: that helped nobody who was killed."""
    trial = played(fake_trial(), kill("app"), wait, pause("cache"), hold(2), heal, wait)
    assert trial.verdict.passed, trial.verdict.explain()


def test_a_healing_after_the_first_disaster_is_not_mistaken_for_none(fake_trial):
    """Paused, resumed and recovered; then killed, and started by Seatrial: only the second did not do it by itself."""
    trial = fake_trial(recovery_s=float("inf"))
    played(trial, pause("cache"), hold(2), heal, wait, kill("app"), heal, wait)
    assert trial.verdict.promise("recovery time 1 (Pause cache)").outcome is Outcome.PASS
    recovery = trial.verdict.promise("recovery time 2 (Kill app)")
    assert (recovery.outcome, "by itself" in recovery.reason) == (Outcome.INCONCLUSIVE, True)


def test_each_disaster_has_its_own_window(fake_trial):
    """Its errors are not diluted by the healthy time between: 2 s down of the second window, FAIL there alone."""
    trial = fake_trial(slo_windows=("before", "during", "after"), recovery_s=0.02)

    def slower(_trial):
        trial.target.recovery_s = 2.0

    played(trial, kill("cache"), wait, slower, hold(30), kill("app"), wait)
    names = [p.promise for p in trial.verdict.promises if p.promise.startswith("errors during")]
    assert names == ["errors during 1 (Kill cache)", "errors during 2 (Kill app)"]
    assert trial.verdict.promise(names[1]).outcome is Outcome.FAIL
    found = windows(trial.timeline)
    assert found["during 2 (Kill app)"].start_s - found["settling 1 (Kill cache)"].end_s > 29


def losing(*positions):
    """A ledger that lost the acknowledged writes at these positions."""

    def read(writes):
        acknowledged = [write for write in writes if write.ok]
        gone = {acknowledged[position].key for position in positions if len(acknowledged) > 10}
        return [ReadBack(w.stream, w.key, ABSENT if w.key in gone else PRESENT) for w in acknowledged]

    return read


def test_a_write_between_two_blows_is_lost_by_the_second(fake_trial):
    """Acknowledged 1 s before the second blow, long after the first: within an RPO of 2 s, not "after the fault"."""
    trial = fake_trial(rpo_s=2.0)
    played(trial, kill("cache"), wait, hold(10), kill("app"), wait)
    writes = [s for s in trial.timeline.streams["ledger/api"] if s.ok]
    lost = max((n for n, s in enumerate(writes) if s.end_s < struck(trial)[1] - 1.0))
    trial.timeline.folder.joinpath("readback.csv").write_text(
        "".join(f"{item.stream},{item.key},{item.state}\n" for item in losing(lost)(writes))
    )
    loss = trial.verdict.promise("data loss")
    assert loss.outcome is Outcome.PASS, loss
    assert loss.measured == pytest.approx(struck(trial)[1] - writes[lost].end_s)


# -- what the ledger did not write -------------------------------------------------------------------------------


def quiet(trial, from_s, to_s):
    """As if no write had been acknowledged from so long to so long before the blow."""
    (blow,) = struck(trial)

    def change(sample):
        silent = sample.stream.startswith("ledger/") and from_s < blow - sample.end_s <= to_s
        return Sample(sample.stream, sample.intended_s, sample.start_s, sample.end_s, "http_503", sample.key) \
            if silent else sample  # fmt: skip

    return rewritten(trial, change).verdict.promise("data loss")


@pytest.mark.parametrize(
    ("rpo_s", "expected"), [(60.0, Outcome.PASS), (1.0, Outcome.INCONCLUSIVE), (0.0, Outcome.INCONCLUSIVE)]
)
def test_a_ledger_that_was_quiet_before_the_blow_bounds_the_loss_by_its_last_write(fake_trial, rpo_s, expected):
    """Nothing acknowledged in the last 3 s: whatever would have been, may be lost; nothing was seen to be."""
    loss = quiet(fake_trial(rpo_s=rpo_s).play(Kill("database")), -1, 3.0)
    assert loss.outcome is expected
    assert (loss.measured, loss.lower) == (0.0, 0.0)
    assert 3.0 <= loss.upper < 3.2
    assert expected is Outcome.PASS or "acknowledged nothing" in loss.reason


def test_a_ledger_that_was_steady_up_to_the_blow_claims_no_loss(fake_trial):
    """Every write up to the blow is there, RPO 0: PASS, and so it stays if it was quiet earlier."""
    trial = fake_trial(rpo_s=0.0).play(Kill("database"))
    loss = trial.verdict.promise("data loss")
    assert (loss.outcome, loss.lower, loss.upper) == (Outcome.PASS, 0.0, 0.0)
    assert quiet(trial, 1.0, 3.0).outcome is Outcome.PASS


def test_a_ledger_that_writes_rarely_shows_no_more_than_its_period(fake_trial):
    """A write every 2.5 s and an RPO of 0.5 s: whatever was acknowledged between two of them may be lost."""
    trial = fake_trial(
        rpo_s=0.5, streams={"probe/new": 50.0, "probe/kept": 50.0, "load/chart": 80.0, "ledger/api": 0.4}
    )
    loss = trial.play(Kill("database")).verdict.promise("data loss")
    assert (loss.outcome, loss.lower) == (Outcome.INCONCLUSIVE, 0.0), loss
    assert 0.5 < loss.upper <= 2.5


def test_a_quiet_ledger_before_the_oldest_lost_write_leaves_the_loss_open(fake_trial):
    """The write 0.5 s before the blow is lost, and nothing was acknowledged for 3 s before that; RPO 2 s."""
    trial = fake_trial(rpo_s=2.0).play(Kill("database"))
    (blow,) = struck(trial)
    writes = [s for s in trial.timeline.streams["ledger/api"] if s.ok]
    lost = max(n for n, s in enumerate(writes) if s.end_s < blow - 0.5)
    (trial.folder / "readback.csv").write_text(
        "".join(f"{item.stream},{item.key},{item.state}\n" for item in losing(lost)(writes))
    )
    assert trial.verdict.promise("data loss").outcome is Outcome.PASS
    loss = quiet(trial, blow - writes[lost].end_s + 0.05, 3.5)
    assert loss.outcome is Outcome.INCONCLUSIVE
    assert 0.5 <= loss.lower < 0.7
    assert 3.5 <= loss.upper < 3.7


# -- the end of the window `during` ------------------------------------------------------------------------------


def test_the_window_of_a_fault_that_nobody_heals_ends_when_the_clients_are_served(fake_trial):
    """Down for 2 s and watched for 3 s more: the window is 2 s long, and the watch belongs to the settling."""
    found = windows(fake_trial(recovery_s=2.0).play(Kill("cache")).timeline)
    assert found["during"].length_s == pytest.approx(2.0, abs=0.2)
    assert found["settling"].start_s == found["during"].end_s
    assert found["settling"].length_s > 0.5


def test_a_short_outage_leaves_a_window_that_can_be_judged(fake_trial):
    """Down for 50 ms: 5 of the 118 requests that a window takes; of the whole watch they would be 1.5 %, and pass."""
    trial = fake_trial(recovery_s=0.05, slo_windows=("during",)).play(Kill("cache"))
    assert windows(trial.timeline)["during"].length_s == pytest.approx(1.18, abs=0.1)
    errors = trial.verdict.promise("errors during")
    assert errors.outcome is Outcome.INCONCLUSIVE
    assert "of 118 requests" in errors.reason


def test_the_window_of_a_fault_without_an_outage_lasts_until_the_watch_is_over(fake_trial):
    """Nobody failed, so nothing ended: all that was watched counts."""
    trial = fake_trial(effective=False).play(Kill("cache"))
    found = windows(trial.timeline)
    assert found["during"].end_s == trial.timeline.time_of("recovered")
    assert "settling" not in found


# -- what a recorder did not see ---------------------------------------------------------------------------------


def work_fails(trial, from_s, to_s, *, unseen=None):
    """The load is refused from so long to so long after the blow; the probe is served, where it looks."""
    (blow,) = struck(trial)

    def change(sample):
        since = sample.intended_s - blow
        if sample.stream.startswith("probe/") and unseen and unseen[0] <= since < unseen[1]:
            return None
        refused = sample.stream.startswith(("load/", "ledger/")) and from_s <= since < to_s
        outcome = "refused" if refused else OK
        return Sample(sample.stream, sample.intended_s, sample.start_s, sample.end_s, outcome, sample.key)

    return rewritten(trial, change).verdict.promise("health tells the truth")


def test_health_is_not_judged_where_the_probe_did_not_look(fake_trial):
    """Work fails for 5 s and the probe paused in it: nobody knows what health was. Seen to be green, it is a lie."""
    trial = fake_trial(recovery_s=1.0, rto_s=20.0).play(Kill("database"))
    assert work_fails(trial, 0, 5).outcome is Outcome.FAIL
    hidden = work_fails(trial, 0, 5, unseen=(0.5, 4.5))
    assert hidden.outcome is Outcome.INCONCLUSIVE, hidden
    assert hidden.measured < 1.0


def test_health_that_lies_for_long_enough_beside_a_pause_is_a_finding(fake_trial):
    """Work fails for 6 s, the probe paused for one of them: green for four in a row is enough."""
    trial = fake_trial(recovery_s=1.0, rto_s=20.0).play(Kill("database"))
    lie = work_fails(trial, 0, 6, unseen=(0.5, 1.5))
    assert lie.outcome is Outcome.FAIL
    assert 4.0 < lie.measured < 5.0


def load_does(trial, outcome, from_s, to_s, took_s=0.0):
    """As if the load had ended so from so long to so long after the blow."""
    (blow,) = struck(trial)

    def change(sample):
        if not sample.stream.startswith("load/") or not from_s <= sample.intended_s - blow < to_s:
            return sample
        return Sample(sample.stream, sample.intended_s, sample.intended_s, sample.intended_s + took_s, outcome)

    return rewritten(trial, change).verdict


def test_what_the_generator_did_not_send_is_no_downtime_and_no_proof_of_uptime(fake_trial):
    """Down for 1 s; unsent from 4 to 7.5 s: no FAIL at an RTO of 3 s, and no PASS either. Refused it is a FAIL."""
    trial = fake_trial(recovery_s=1.0, rto_s=3.0).play(Kill("database"))
    assert trial.verdict.promise("recovery time").outcome is Outcome.PASS
    verdict = load_does(trial, "unsent", 4.0, 7.5, took_s=0.001)
    recovery = verdict.promise("recovery time")
    assert (recovery.outcome, recovery.lower <= 1.0) == (Outcome.INCONCLUSIVE, True), recovery
    assert "the load generator itself" in recovery.reason
    assert verdict.promise("health tells the truth").outcome is Outcome.PASS
    assert load_does(trial, "refused", 4.0, 7.5).promise("recovery time").outcome is Outcome.FAIL


def test_unsent_requests_within_a_generous_objective_widen_the_interval(fake_trial):
    """The same with an RTO of an hour: PASS, and the upper bound reaches over what was not seen."""
    trial = fake_trial(recovery_s=1.0, rto_s=3600.0).play(Kill("database"))
    recovery = load_does(trial, "unsent", 4.0, 7.5, took_s=0.001).promise("recovery time")
    assert recovery.outcome is Outcome.PASS, recovery
    assert recovery.lower <= 1.0
    assert 7.4 < recovery.upper < 7.7


def test_timeouts_of_a_generator_without_a_core_are_no_downtime(fake_trial):
    """Every request timed out for 4 s, and the generator used all of its core: INCONCLUSIVE; with a core left, FAIL."""
    trial = fake_trial(recovery_s=1.0, rto_s=3.0).play(Kill("database"))
    (blow,) = struck(trial)

    def change(sample):
        slow = sample.stream == "load/chart" and 4 <= sample.intended_s - blow < 8 and round(sample.start_s * 80) % 4
        end_s, outcome = (sample.start_s + 2.0, "timeout") if slow else (sample.end_s, sample.outcome)
        return Sample(sample.stream, sample.intended_s, sample.start_s, end_s, outcome, sample.key)

    rewritten(trial, change)
    assert trial.verdict.promise("recovery time").outcome is Outcome.FAIL
    health = trial.folder / HEALTH_FILE
    health.write_text(health.read_text().replace(",0.1,0.001,", ",0.95,0.001,"))
    recovery = trial.verdict.promise("recovery time")
    assert recovery.outcome is Outcome.INCONCLUSIVE, recovery
    assert recovery.lower <= 1.0


# -- closed loops ------------------------------------------------------------------------------------------------


def closed_run(folder, freeze_s, *, users=10, think_s=1.0, length_s=60.0, rows=True):
    """A steady run of a closed loop: each user asks, waits for the answer, thinks; all of it freezes at 20 s."""
    (folder / "samples").mkdir(parents=True)
    begin, samples = 100.0, []
    for user in range(users):
        at_s = begin + user * think_s / users
        while at_s < begin + length_s:
            frozen = begin + 20 <= at_s < begin + 20 + freeze_s
            end_s = (begin + 20 + freeze_s if frozen else at_s) + 0.005
            samples.append(Sample("load/a", at_s, at_s, end_s, OK))
            at_s = end_s + think_s
    writer = SampleWriter(folder / "samples" / "load-1.csv")
    writer.write(samples)
    writer.close()
    seconds = [
        f"{begin + second:.6f},0.3,0.001,{users if rows else 0},10,0,closed" for second in range(int(length_s) + 2)
    ]
    (folder / HEALTH_FILE).write_text("\n".join([",".join(HEALTH_FIELDS), *seconds]) + "\n")
    run = {
        "scenario": "steady", "target": "fake", "faults": [], "slo_windows": ["before"],
        "settings": {"client": {"rate_hz": 50.0, "timeout_s": 2.0}, "load": {"locustfile": "load.py", "users": users}},
        "objectives": {"p95_s": 1.0, "error_rate": 0.05, "rto_s": 10, "rpo_s": 10},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    events = [(begin, "before-begin"), (begin + length_s, "before-end")]
    (folder / "events.jsonl").write_text("".join(json.dumps({"at_s": at, "kind": k}) + "\n" for at, k in events))
    p95, errors = slo(load_timeline(folder))
    assert errors.outcome is not Outcome.FAIL
    return p95


def test_a_freeze_that_stops_a_closed_loop_from_asking_breaks_its_p95(tmp_path):
    """Ten users, a request a second each, frozen for 10 s of 60: ten slow ones were sent, a hundred were due."""
    p95 = closed_run(tmp_path, 10.0)
    assert p95.outcome is Outcome.FAIL, p95
    assert p95.measured > 5.0
    assert any("a closed loop of 10 users" in said and "HdrHistogram" in said for said in p95.proof)


def test_a_closed_loop_that_is_answered_at_once_passes_and_nothing_is_added(tmp_path):
    """No user waited."""
    p95 = closed_run(tmp_path, 0.0)
    assert p95.outcome is Outcome.PASS, p95
    assert any("counted in are 0 bad requests" in said for said in p95.proof)


def view_of_closed(samples, period_s=0.05):
    """What a closed loop of one user recorded, with what it did not send."""
    pace = Pace(1, period_s)
    return View(None, {"load/a": samples}, {"load/a": [m for s in samples for m in pace.missing(s)]}, Fitness(), pace)


def test_good_requests_that_nobody_sent_thin_out_no_bad_ones():
    """Slow answers within the objective add nothing; of 400 sent 22 failed, and so the share stays above 5 %."""
    failed = [Sample("load/a", n, n, n + 0.01, "http_500") for n in range(22)]
    slow = [Sample("load/a", 100.0 + n, 100.0 + n, 100.9 + n, OK) for n in range(378)]
    view = view_of_closed([*failed, *slow])
    errors = view.counts("errors", 0.05, "failed", lambda sample: not sample.ok, 2.0)
    assert (errors.total.k, errors.total.n, bool(errors.broken())) == (22, 400, True)
    late = view.counts("p95", 0.05, "slow", lambda sample: sample.latency_s >= 0.8, 0.8)
    assert late.added > 0
    assert late.total.k == 400 + late.added  # a failed one is infinitely slow


def test_a_single_request_of_an_endpoint_breaks_no_promise():
    """Nor do two of seven of one among many; twenty of twenty do, although they are few of all."""
    few = Counts("errors", Counted(1, 300, 0.05, "failed"), {"load/rare": Counted(1, 1, 0.05, "failed")})
    some = Counts("errors", Counted(2, 700, 0.05, "failed"), {f"load/{n}": Counted(2, 7, 0.05, "") for n in range(20)})
    lost = Counts("errors", Counted(20, 900, 0.05, "failed"), {"load/rare": Counted(20, 20, 0.05, "failed")})
    assert (few.broken(), some.broken()) == ("", "")
    assert lost.broken().startswith("load/rare: 20 of 20")


def test_a_loss_beyond_the_rpo_stays_one_beside_a_write_that_cannot_be_read(fake_trial):
    """What is lost for sure fails; within the RPO the unreadable one leaves it open."""

    def lossy(writes):
        found = read_everything(writes)
        if len(writes) < 20:  # the few that are read back before anything is broken
            return found
        last = next(n for n, write in enumerate(writes) if not write.ok) - 1
        found[last] = replace(found[last], state=ABSENT)
        found[-1] = replace(found[-1], state=UNREADABLE)
        return found

    strict = fake_trial(recovery_s=1.0, rpo_s=0.001, read_back=lossy)
    promise = strict.play(Kill("app")).verdict.promise("data loss")
    assert promise.outcome is Outcome.FAIL, promise
    assert promise.lower > 0.001


def test_a_closed_loop_of_unknown_pace_is_not_certified(tmp_path):
    """No record of its users: what they would have asked while they waited is not known."""
    assert closed_run(tmp_path, 0.0, rows=False).outcome is Outcome.INCONCLUSIVE


def test_what_a_user_did_not_send_while_it_waited():
    """Asks every second and waited for 3.5 s: two more were due, which would have waited for 2.5 and 1.5 s."""
    added = list(Pace(1, 1.0).missing(Sample("load/a", 10.0, 10.0, 13.5, OK)))
    assert [sample.latency_s for sample in added] == [2.5, 1.5]
    assert not list(Pace(1, 1.0).missing(Sample("load/a", 10.0, 10.0, 11.9, OK)))


# -- pure functions of a loaded timeline -------------------------------------------------------------------------


def test_what_the_generator_recorded_of_itself_belongs_to_the_loaded_timeline(fake_trial):
    """A check reads no file: of a timeline that was loaded whole, the same is judged when the folder is gone."""
    trial = fake_trial(slo_windows=("before",)).play(Kill("database"))
    timeline = trial.timeline
    assert timeline.load_health
    assert timeline.streams
    assert timeline.read_back
    for path in sorted(trial.folder.rglob("*.csv")):
        path.unlink()
    assert judge(timeline).passed


def test_a_run_of_two_disasters_has_a_report_that_tells_both(fake_trial):
    """Its page names each disaster's window and promise, and shows when each of the blows was healed."""
    trial = played(fake_trial(), pause("cache"), hold(2), heal, wait, hold(5), kill("app"), wait)
    assert conclude_run(trial.folder).passed
    page = (trial.folder / "report.html").read_text()
    for name in ("during 1 (Pause cache)", "during 2 (Kill app)", "recovery time 2 (Kill app)"):
        assert name in page
    blows = next(lane for lane in story(trial.timeline, axis_of(trial.timeline), {}) if lane.name == "fault").marks
    assert [mark.end_s - mark.start_s > 1.9 for mark in blows] == [True, False]
