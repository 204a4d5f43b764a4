"""Outages as intervals: the truth is inside, whatever way the service was down; what was no outage is none."""

from __future__ import annotations

import math
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import outages as model
from seatrial.attention import Attention, load_attention, sampler_attention
from seatrial.load.health import HealthSample, attention
from seatrial.samples import OK, TIMEOUT, UNSENT, Sample
from seatrial.spans import Interval

PERIOD_S, LATENCY_S, TIMEOUT_S = 0.02, 0.004, 2.0
MODES = ("refused", "reset", "http_503", "hang")


def ask(at_s, down_s, up_s, mode, latency_s):
    """What a client sees that asks at this moment: (end, outcome)."""
    if at_s >= up_s or at_s + latency_s <= down_s:
        return at_s + latency_s, OK
    if mode == "hang":
        answered = up_s + latency_s
        return (answered, OK) if answered - at_s < TIMEOUT_S else (at_s + TIMEOUT_S, "timeout")
    if at_s < down_s:  # in flight when it went down
        return down_s, "reset"
    return at_s + 0.001, mode


def clients(down_s, up_s, mode, *, until_s=10.0, phase_s=0.0, period_s=PERIOD_S, seed=0):
    """The samples of one stream of a service that is down from `down_s` until `up_s`."""
    chance = random.Random(seed)
    samples = []
    for number in range(int(until_s / period_s)):
        at_s = phase_s + number * period_s
        end_s, outcome = ask(at_s, down_s, up_s, mode, LATENCY_S * chance.uniform(0.5, 1.5))
        samples.append(Sample("probe/new", at_s, at_s, end_s, outcome))
    return samples


def refused_where(down):
    """A healthy stream in which requests are refused where `down` says so."""
    healthy = clients(99, 99, "refused")
    return [Sample("s", s.start_s, s.start_s, s.start_s, "refused") if down(s.start_s) else s for s in healthy]


def found_in(samples, before_s=2.0):
    return model.outages(samples, model.baseline([sample for sample in samples if sample.end_s < before_s]))


@settings(max_examples=300, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    down_s=st.floats(2.5, 3.5),
    length_s=st.floats(0.3, 5.0),
    phase_s=st.floats(0, PERIOD_S),
    seed=st.integers(0, 999),
)
def test_the_truth_is_inside_the_interval_however_the_service_was_down(mode, down_s, length_s, phase_s, seed):
    """One outage, its onset, its end and its length inside their bounds, at most two periods and two answers apart."""
    (outage,) = found_in(clients(down_s, down_s + length_s, mode, phase_s=phase_s, seed=seed))
    assert outage.onset.lower_s <= down_s <= outage.onset.upper_s
    assert outage.end.lower_s <= down_s + length_s <= outage.end.upper_s
    assert outage.duration.lower_s <= length_s <= outage.duration.upper_s
    assert outage.duration.upper_s - outage.duration.lower_s <= 2 * PERIOD_S + 3 * LATENCY_S + 1e-9


@given(st.floats(0.02, 1.5), st.integers(0, 99))
def test_an_evenly_slow_service_is_not_down(latency_s, seed):
    """Answers keep coming at the rate of the requests: slow from the start is a brownout, never an outage."""
    chance = random.Random(seed)
    starts = [number * PERIOD_S for number in range(400)]
    samples = [Sample("s", start, start, start + latency_s * chance.uniform(0.95, 1.05), OK) for start in starts]
    assert found_in(samples, before_s=4.0) == []


def test_a_healthy_stream_has_no_outage():
    """Nothing failed, nothing hung."""
    assert found_in(clients(99, 99, "refused")) == []


def test_a_service_that_accepts_and_never_answers_is_down_for_good():
    """No answer until the end of the data: no upper bound is claimed."""
    (outage,) = found_in(clients(3.0, math.inf, "hang", until_s=6.0))
    assert outage.end.upper_s == model.NEVER
    assert outage.onset.lower_s <= 3.0 <= outage.onset.upper_s
    assert outage.end.lower_s >= 5.9


def test_one_lucky_answer_is_no_recovery():
    """Refused from 3 to 4 and from 4.1 to 5, five answers between: flapping, one outage from 3 to 5."""
    samples = refused_where(lambda at_s: 3 <= at_s < 4 or 4.1 <= at_s < 5)
    (outage,) = found_in(samples)
    assert outage.flaps == 1
    assert outage.duration.lower_s <= 2.0 <= outage.duration.upper_s


def test_a_stable_run_between_them_makes_two_outages():
    """Refused from 3 to 4 and from 5 to 6: two outages of a second each."""
    samples = refused_where(lambda at_s: 3 <= at_s < 4 or 5 <= at_s < 6)
    first, second = found_in(samples)
    assert first.end.upper_s < 4.1
    assert second.onset.lower_s > 4.9


def test_a_failure_shortly_before_the_end_is_not_recovered():
    """Fewer than five answers after the last failure show no recovery."""
    samples = clients(9.9, 9.93, "refused")
    (outage,) = found_in(samples)
    assert outage.end.upper_s == model.NEVER


def test_requests_without_an_outcome_yet_are_neither_failed_nor_answered():
    """Cut in the middle of a hang: the pending requests show the silence, and no failure is counted."""
    (outage,) = found_in(model.cut(clients(3.0, 8.0, "hang"), 4.5))
    assert (outage.failed, outage.end.upper_s) == (0, model.NEVER)
    assert found_in(model.cut(clients(99, 99, "hang"), 4.501)) == []


def test_streams_are_back_when_the_last_is():
    """From the first onset to the last end."""
    early, late = found_in(clients(3.0, 4.0, "refused")), found_in(clients(3.5, 6.0, "refused"))
    combined = model.combine({"a": early, "b": late})
    assert combined.duration.lower_s <= 3.0 <= combined.duration.upper_s


def test_a_sampler_that_paused_is_noticed():
    """Nothing was sent for 0.6 s; at 50 Hz that is a gap, a late sample or two are none."""
    samples = [s for s in clients(99, 99, "refused") if not 5.0 < s.start_s < 5.6]
    (gap,) = model.sampling_gaps(samples, 50)
    assert gap.upper_s - gap.lower_s == pytest.approx(0.6, abs=0.05)
    assert model.sampling_gaps([s for s in samples if s.start_s < 5 and round(s.start_s * 50) % 7], 50) == []


def test_brownouts_are_slow_or_partly_failing_and_not_down():
    """Slow between 3 and 4: a brownout there; refused between 6 and 7: an outage, and no brownout inside it."""
    slow = [Sample("s", s.start_s, s.start_s, s.start_s + 1.5, OK) if 3 <= s.start_s < 4 else s
            for s in clients(6.0, 7.0, "refused")]  # fmt: skip
    (first,) = [b for b in model.brownouts(slow, 1.0) if b.upper_s < 5.5]
    assert (first.lower_s, first.upper_s) == pytest.approx((3.0, 4.0))
    assert not [b for b in model.brownouts(slow, 1.0) if b.lower_s >= 6.25 and b.upper_s <= 6.75]


def overlapping(mode, latency_s, length_s, *, delay_s, seed):
    """Requests that overlap: each is served at some moment of its time, and both ways to the server take a while."""
    chance = random.Random(seed)
    down_s = chance.uniform(3.5, 4.5)
    up_s = down_s + length_s
    samples = []
    for number in range(int((up_s + 2) / PERIOD_S)):
        start_s = number * PERIOD_S
        served_s = start_s + latency_s * chance.uniform(0.1, 0.9) + chance.uniform(0, delay_s)
        back_s = latency_s * 0.1 + chance.uniform(0, delay_s)
        if not down_s <= served_s < up_s:
            samples.append(Sample("load/chart", start_s, start_s, served_s + back_s, OK))
        elif mode == "hang" and up_s + back_s - start_s < TIMEOUT_S:
            samples.append(Sample("load/chart", start_s, start_s, up_s + back_s, OK))
        elif mode == "hang":
            samples.append(Sample("load/chart", start_s, start_s, start_s + TIMEOUT_S, "timeout"))
        else:
            samples.append(Sample("load/chart", start_s, start_s, served_s + back_s, mode))
    return down_s, up_s, samples


@settings(max_examples=300, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    latency_s=st.floats(0.005, 0.3),
    length_s=st.floats(1.5, 4.0),
    noise=st.floats(0, 0.3),
    seed=st.integers(0, 9999),
)
def test_the_truth_is_inside_although_requests_overlap(mode, latency_s, length_s, noise, seed):
    """Answers arrive after the outage began and failures after it ended: the bounds hold, and stay near the latency."""
    down_s, up_s, samples = overlapping(mode, latency_s, length_s, delay_s=noise * latency_s, seed=seed)
    (outage,) = found_in(samples, before_s=down_s)
    assert outage.onset.lower_s <= down_s <= outage.onset.upper_s
    assert outage.end.lower_s <= up_s <= outage.end.upper_s
    slowest = latency_s * (1 + 2 * noise)
    assert outage.duration.upper_s - outage.duration.lower_s <= 2 * PERIOD_S + 5 * max(slowest, 0.01)


def test_a_blip_claims_no_more_than_its_failure_proves():
    """One request failed, slowly: it proves some moment of its own time, so no least length is claimed."""
    samples = [s if not 4 <= s.start_s < 4.02 else Sample("s", s.start_s, s.start_s, s.start_s + 0.008, "http_503")
               for s in clients(99, 99, "refused")]  # fmt: skip
    (outage,) = found_in(samples)
    assert outage.failed == 1
    assert outage.duration.lower_s == 0
    assert 0 < outage.duration.upper_s <= 3 * PERIOD_S


def test_a_slow_request_beside_prompt_ones_is_no_silence():
    """One endpoint takes 0.6 s for some requests, the others are answered all the while."""
    slow = [s if number % 7 else Sample("s", s.start_s, s.start_s, s.start_s + 0.6, OK)
            for number, s in enumerate(clients(99, 99, "refused"))]  # fmt: skip
    assert model.outages(slow, model.Baseline()) == []


def test_a_stream_that_asks_rarely_is_not_silent_between_its_requests():
    """Two requests a second that become slow: each waits alone, and that is a brownout."""
    samples = [Sample("s", t, t, t + (0.4 if t > 4 else 0.01), OK) for t in (number * 0.5 for number in range(20))]
    assert found_in(samples, before_s=4.0) == []


def test_a_sampler_that_died_or_was_late_is_noticed():
    """No sample until the end that was asked for, or every sample sent half a second late: both are gaps."""
    samples = [s for s in clients(99, 99, "refused") if s.start_s < 8]
    assert model.sampling_gaps(samples, 50, until_s=8.1) == []
    (gap,) = model.sampling_gaps(samples, 50, until_s=10)
    assert (gap.lower_s, gap.upper_s) == pytest.approx((8, 10), abs=PERIOD_S)
    late = [Sample("s", s.intended_s - 0.5, s.start_s, s.end_s, OK) for s in samples]
    (gap,) = model.sampling_gaps(late, 50)
    assert gap.upper_s - gap.lower_s == pytest.approx(8.5, abs=0.1)


def test_its_time_grows_with_the_samples_alone():
    """A hundred thousand, half of them failing and hundreds in flight at any moment: well within three seconds."""
    chance = random.Random(1)
    starts = [number / 1000 for number in range(100_000)]
    samples = [
        Sample("s", t, t, t + chance.uniform(0.2, 0.8), OK if chance.random() < 0.5 else "reset") for t in starts
    ]
    began = time.process_time()
    assert model.outages(samples, model.Baseline(0.8, 2.4))
    assert time.process_time() - began < 3


def recorded(down_s, up_s, mode, stall_s, woken_s, *, latency_s=0.03, until_s=10.0):
    """What a sampler records that is stopped from `stall_s` to `woken_s`: what was due or came meanwhile, comes then.

    Half a hundred requests a second that take 30 ms each: there is always one in flight.
    """
    samples = []
    for number in range(int(until_s / PERIOD_S)):
        due_s = number * PERIOD_S
        if stall_s < due_s < woken_s - 1:
            continue  # so long ago that it is not sent any more
        start_s = woken_s if stall_s < due_s < woken_s else due_s
        end_s, outcome = ask(start_s, down_s, up_s, mode, latency_s)
        end_s = woken_s + 0.001 if stall_s < end_s <= woken_s else end_s
        samples.append(Sample("probe/new", due_s, start_s, end_s, outcome))
    return samples


def looked_at(samples, latency_s=0.03):
    return model.outages(samples, model.Baseline(1.5 * latency_s), sampler_attention({"probe/new": samples}))


@settings(max_examples=200, deadline=None)
@given(stall_s=st.floats(3, 4), length_s=st.floats(0.25, 4))
def test_a_recorder_that_stalls_with_requests_in_flight_is_no_outage(stall_s, length_s):
    """Its answers come when it wakes up, or time out then; the service was up all the time."""
    samples = recorded(99, 99, "hang", stall_s, stall_s + length_s)
    assert model.outages(samples, model.Baseline(0.045)), "as if it had looked all the time"
    assert looked_at(samples) == []


@settings(max_examples=200, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    length_s=st.floats(0.6, 4),
    stall_s=st.floats(2.5, 5.0),
    stalled_s=st.floats(0.06, 2.5),
)
def test_the_truth_is_inside_although_the_recorder_stalls(mode, length_s, stall_s, stalled_s):
    """Down from 3 s on, and a stall before, in or after it: enough was looked at to see it, or nothing is said."""
    samples = recorded(3.0, 3.0 + length_s, mode, stall_s, stall_s + stalled_s)
    found = looked_at(samples)
    looked_s = length_s - max(0.0, min(stall_s + stalled_s, 3.0 + length_s) - max(stall_s, 3.0))
    assert found or looked_s < 0.4
    for outage in found:
        assert outage.onset.lower_s <= 3.0 + length_s
        assert outage.end.upper_s >= 3.0
    if found:
        assert found[0].onset.lower_s <= 3.0 <= found[0].onset.upper_s or stall_s <= 3.0 <= stall_s + stalled_s
        assert sum(outage.duration.lower_s for outage in found) <= length_s + 1e-9
        assert found[-1].end.lower_s <= 3.0 + length_s


def test_a_service_that_never_answers_is_down_though_its_recorder_stalls_a_little():
    """Accepts and hangs from 3 s on; a stall of 0.3 s in it hides nothing."""
    (outage,) = looked_at(recorded(3.0, math.inf, "hang", 4.0, 4.3, until_s=6.0))
    assert outage.onset.lower_s <= 3.0 <= outage.onset.upper_s
    assert (outage.end.lower_s >= 5.8, outage.end.upper_s) == (True, model.NEVER)


def test_a_stall_of_the_process_excuses_every_stream_of_it():
    """A ledger that writes once a second cannot show it by itself; the probe beside it does."""
    probe = recorded(99, 99, "hang", 3.5, 4.7)
    writes = [Sample("ledger/api", at_s, at_s, 4.701 if at_s == 3.45 else at_s + 0.1, OK)
              for at_s in [*(number + 0.45 for number in range(3)), 3.45, 5.45, 6.45]]  # fmt: skip
    normal = model.Baseline(0.15, 0.5)
    assert model.outages(writes, normal)
    assert model.outages(writes, normal, sampler_attention({"probe/new": probe, "ledger/api": writes})) == []


def test_what_the_generator_did_not_send_is_no_outage():
    """Unsent for a second: nothing is known of the service. Refused for a second: it was down."""
    unsent = refused_where(lambda at_s: 3 <= at_s < 4)
    given_up = [s if s.ok else Sample("s", s.start_s, s.start_s, s.start_s, UNSENT) for s in unsent]
    assert found_in(given_up) == []
    assert len(found_in(unsent)) == 1


def timeouts(from_s, to_s):
    """Answered every 20 ms, and one request in four times out in between."""
    samples = clients(99, 99, "refused")
    return [
        Sample("s", s.start_s, s.start_s, s.start_s + 2, TIMEOUT) if from_s <= s.start_s < to_s and not n % 4 else s
        for n, s in enumerate(samples)
    ]


def test_a_timeout_counts_where_the_generator_had_a_core_and_not_where_it_had_none():
    """Timeouts beside answers: of a fit generator an outage, of one that used all of its core nothing."""
    samples = timeouts(3, 5)
    fit = [HealthSample(float(at_s), 0.3, 0.0, 0, 0, 0, "open") for at_s in range(11)]
    busy = [HealthSample(row.at_s, 0.95 if 3 < row.at_s < 8 else 0.3, 0.0, 0, 0, 0, "open") for row in fit]
    normal = model.Baseline()
    assert model.outages(samples, normal, attention(samples, fit))
    assert model.outages(samples, normal, attention(samples, busy)) == []
    refused = refused_where(lambda at_s: 3 <= at_s < 5)
    assert model.outages(refused, normal, attention(refused, busy)), "an error is an error, however busy"


def test_a_stall_of_a_closed_loop_shows_in_its_heartbeat():
    """Its requests have no due time: a row of its health is written right after each stall."""
    samples = [Sample("load/a", t, t, 4.3 if t < 4 < t + 0.03 else t + 0.02, OK)
               for t in (number * 0.025 for number in range(400)) if not 4 <= t < 4.3]  # fmt: skip
    row = HealthSample(4.3, 0.3, 0.28, 4, 0, 0, "closed")
    assert model.outages(samples, model.Baseline(0.03), attention(samples, []))
    assert model.outages(samples, model.Baseline(0.03), attention(samples, [row])) == []


def test_time_in_which_nobody_looked_is_left_out():
    """Half a second up to 10 s, of which it slept from 9.6 to 9.9: it looked from 9.2 on."""
    looked = Attention([Interval(9.6, 9.9)])
    assert looked.looked_from(10.0, 0.5) == pytest.approx(9.2)
    assert looked.looked_from(10.0, 0.05) == pytest.approx(9.95)
    assert looked.looked_from(9.7, 0.5) == pytest.approx(9.1)
    assert (looked.last_look(9.91), looked.last_look(9.93), looked.last_look(9.7)) == (9.6, 9.93, 9.6)
    assert load_attention([Sample("s", 1.0, 1.0, 1.4, UNSENT)], [], []).stalls == [Interval(1.0, 1.4)]


def test_two_kinds_of_clients_may_be_down_at_different_times():
    """New connections are refused from 3 to 4 s, kept ones are reset from 3.4 to 4.4: down from 3 to 4.4 s."""
    new, kept = found_in(clients(3.0, 4.0, "refused")), found_in(clients(3.4, 4.4, "reset", phase_s=0.01))
    combined = model.combine({"probe/new": new, "probe/kept": kept})
    assert combined.onset.lower_s <= 3.0 <= combined.onset.upper_s
    assert combined.end.lower_s <= 4.4 <= combined.end.upper_s
    assert combined.duration.upper_s - combined.duration.lower_s <= 2 * PERIOD_S + 3 * LATENCY_S


def test_clients_whose_ends_differ_by_less_than_a_period_keep_the_later_end():
    """Bounds that overlap are not cut: one was served again at 4.0 s, the other at 4.015 s."""
    first, second = found_in(clients(3.0, 4.0, "refused")), found_in(clients(3.0, 4.015, "refused", phase_s=0.01))
    end = model.combine({"probe/new": first, "probe/kept": second}).end
    assert end.lower_s <= 4.015 <= end.upper_s
    assert end.upper_s == max(first[0].end.upper_s, second[0].end.upper_s)
