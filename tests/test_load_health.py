"""What is pure in the load: the generator's own health judged, times and shares reckoned."""

from __future__ import annotations

import pytest

from seatrial.load.health import Fitness, HealthSample, fitness, load_health
from seatrial.load.rows import Lines
from seatrial.load.schedule import interleave, max_in_flight
from seatrial.samples import UNSENT, Sample


def seconds(*shares, loop="open", begin=0.0):
    rows = [HealthSample(begin, 0.0, 0.0, 0, 0, 0, loop)]
    return rows + [HealthSample(begin + at, cpu, 0.0, 1, 100, 0, loop) for at, cpu in enumerate(shares, 1)]


def grid(count, rate_hz, outcome="ok", late_s=0.0):
    due = (number / rate_hz for number in range(count))
    return [
        Sample("load/a", t, t, t + late_s, outcome) if outcome == UNSENT
        else Sample("load/a", t, t + late_s, t + late_s + 0.01, outcome)
        for t in due
    ]  # fmt: skip


FIT = seconds(0.3, 0.3, 0.3, 0.3)
BUSY = seconds(0.7, 0.9, 0.9, 0.9)
JUDGED = {  # samples, the generator's record, rate, what makes them unfit, what strained the generator
    "fit": (grid(400, 100), FIT, 100, "", ""),
    "sent late": (grid(400, 100, late_s=0.06), FIT, 100, "", "sent 0.060 s after they were due"),
    "in flight to the brim of a target that hangs": (grid(400, 100, UNSENT), FIT, 100, "", ""),
    "given up late": (grid(360, 100) + grid(40, 100, UNSENT, 2.0), FIT, 100, "came to 90.0 of 100", ""),
    "few given up late": (grid(392, 98) + grid(8, 2, UNSENT, 2.0), FIT, 100, "", "sent 2.000 s after"),
    "no room in flight for want of a core": (grid(400, 100, UNSENT), BUSY, 100, "came to 0.0 of 100", ""),
    "short of the rate": (grid(370, 92.5), FIT, 100, "came to 92.5 of 100 requests", ""),
    "due in the window and sent after it": (grid(400, 100, late_s=1.0), FIT, 100, "came to 75.0 of 100 requests", ""),
    "nothing sent": ([], FIT, 100, "came to 0.0 of 100 requests", ""),
    "no core left": (grid(400, 100), BUSY, 100, "", "used 85% of its core"),
    "busy outside of the window": (grid(400, 100), [*FIT, HealthSample(5.0, 1.0, 0, 0, 0, 0, "open")], 100, "", ""),
    "no record": (grid(400, 100), [], 100, "no record", ""),
    "died in the window": (grid(400, 100), seconds(0.3), 100, "no record", ""),
    "closed loop, slow": (grid(10, 2.5), seconds(0.3, 0.3, 0.3, 0.3, loop="closed"), 100, "", ""),
    "closed loop, no core left": (grid(10, 2.5), seconds(1, 1, 1, 1, loop="closed"), None, "used 100% of its core", ""),
}


@pytest.mark.parametrize("case", JUDGED)
def test_what_the_generator_did_and_what_the_target_did_are_told_apart(case):
    """A rate that was not kept says nothing of the target; lateness may excuse it, a hang does not."""
    samples, health, rate_hz, unfit, strained = JUDGED[case]
    found = fitness(samples, health, 0.0, 4.0, rate_hz)
    assert (unfit in found.unfit, strained in found.strained) == (True, True), found
    assert (bool(found.unfit), bool(found.strained)) == (bool(unfit), bool(strained)), found


@pytest.mark.parametrize(
    ("sample", "late", "busy"),
    [
        (Sample("load/a", 0.0, 0.0, 5.0, "ok"), False, True),  # slow whatever the delay of sending
        (Sample("load/a", 0.0, 0.5, 1.2, "ok"), True, True),  # slow only because it was sent late
        (Sample("load/a", 0.0, 0.0, 1.04, "ok"), True, True),  # slow by less than the generator may have added
        (Sample("load/a", 0.0, 0.0, 2.0, "timeout"), False, True),
        (Sample("load/a", 0.0, 0.0, 0.01, "http_503"), False, False),
        (Sample("load/a", 0.0, 0.0, 0.3, UNSENT), True, True),
        (Sample("load/a", 0.0, 0.0, 0.0, UNSENT), False, False),
    ],
)
def test_a_strained_generator_excuses_what_it_may_have_spoilt_only(sample, late, busy):
    """What a strained generator cannot have done is the target's: an error answer, a wait far longer than its delay."""
    assert Fitness(strained="late", allowance_s=0.05).excuses(sample, 1.0) is late
    assert Fitness(strained="busy", allowance_s=float("inf")).excuses(sample, 1.0) is busy
    assert not Fitness().excuses(sample, 1.0)


def test_a_torn_health_record_is_read_up_to_the_tear(tmp_path):
    """A killed Locust leaves half a line; the seconds before it count."""
    header = "at_s,cpu,lag_p99_s,in_flight,sent,unsent,loop"
    (tmp_path / "load-health.csv").write_text(f"{header}\n1,0.5,0.01,3,100,2,open\n2,0.")
    assert load_health(tmp_path) == [HealthSample(1.0, 0.5, 0.01, 3, 100, 2, "open")]


def test_a_wall_clock_that_is_set_moves_no_sample():
    """A start comes from the wall clock; once that jumps, starts before the jump are reckoned back from their ends."""
    lines = Lines(100.0, 5000.0)

    def start_s(*, seen_s, response_ms, wall_s):
        (line,) = lines.of([("a", seen_s, response_ms, wall_s, "ok", {})])
        return float(line.split(",")[2])

    assert start_s(seen_s=101.0, response_ms=200, wall_s=5000.5) == 100.5  # and its with-block took 0.3 s
    lines.check(101.0, 5061.0)
    assert start_s(seen_s=101.0, response_ms=100, wall_s=5000.9) == 100.9
    assert start_s(seen_s=101.7, response_ms=200, wall_s=5061.5) == 101.5
    assert start_s(seen_s=102.0, response_ms=None, wall_s=None) == 102.0


def test_shares_are_exact_and_spread():
    """In every round each kind has its weight, and heavy kinds do not come in one lump."""
    order = interleave([8, 2])
    rounds = [[next(order) for _ in range(10)] for _ in range(3)]
    assert [one.count(0) for one in rounds] == [8, 8, 8]
    assert rounds[0] == [0, 0, 1, 0, 0, 0, 0, 1, 0, 0]


def test_room_in_flight_outlasts_a_target_that_hangs():
    """Twice what waits when nothing is answered, at least 100, and never more than a process may open."""
    assert (max_in_flight(10, 2), max_in_flight(100, 2), max_in_flight(10_000, 2)) == (100, 400, 8000)
