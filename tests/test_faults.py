"""Faults: parameters with units, the capability that each asks for, and what takes it back."""

from __future__ import annotations

import pytest

from seatrial.errors import InputError
from seatrial.faults import FAULTS, make_fault
from seatrial.roles import Effect, LinkShape, UndoStep

ARGUMENTS = {
    "kill": {"component": "cache"},
    "stop": {"component": "cache"},
    "pause": {"component": "cache"},
    "fill_disk": {"component": "cache"},
    "exhaust_connections": {"component": "cache", "expires_s": 5},
    "slow_link": {"source": "app", "destination": "cache", "latency_s": 0.1, "jitter_s": 0.01},
    "cut_link": {"source": "app", "destination": "cache", "mode": "reset", "reset_rate": 0.5},
}
STRUCK = Effect(1.0, True, 1.1, ("seen",))


class EveryCapability:
    """A target that can do everything and notes what it was asked."""

    def __init__(self):
        self.asked = []

    def _note(self, *what):
        self.asked.append(what)
        return STRUCK

    def kill(self, component):
        return self._note("kill", component)

    def stop(self, component):
        return self._note("stop", component)

    def pause(self, component):
        return self._note("pause", component)

    def fill_disk(self, component):
        return self._note("fill_disk", component)

    def exhaust_connections(self, component, expires_s):
        return self._note("exhaust_connections", component, expires_s)

    def shape_link(self, source, destination, shape):
        return self._note("shape_link", source, destination, shape)


EXPECTED = {
    "kill": (("kill", "cache"), UndoStep("start", {"component": "cache"})),
    "stop": (("stop", "cache"), UndoStep("start", {"component": "cache"})),
    "pause": (("pause", "cache"), UndoStep("resume", {"component": "cache"})),
    "fill_disk": (("fill_disk", "cache"), UndoStep("free_disk", {"component": "cache"})),
    "exhaust_connections": (
        ("exhaust_connections", "cache", 5.0),
        UndoStep("release_connections", {"component": "cache"}),
    ),
    "slow_link": (
        ("shape_link", "app", "cache", LinkShape(latency_s=0.1, jitter_s=0.01, expires_s=600.0)),
        UndoStep("clear_link", {"source": "app", "destination": "cache"}),
    ),
    "cut_link": (
        ("shape_link", "app", "cache", LinkShape(reset_rate=0.5, expires_s=600.0)),
        UndoStep("clear_link", {"source": "app", "destination": "cache"}),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_asks_for_its_capability_and_says_what_takes_it_back(name):
    """Each fault uses the one capability that it needs, hands its parameters on, and its undo is data."""
    fault, target = make_fault(name, ARGUMENTS[name]), EveryCapability()
    asked, undo = EXPECTED[name]
    assert fault.inject(target) is STRUCK
    assert target.asked == [asked]
    assert fault.undo() == undo
    assert isinstance(target, fault.needs)
    assert not isinstance(object(), fault.needs)


def test_a_cut_link_is_a_blackhole_unless_said_otherwise():
    """The default mode lets nothing pass and resets nothing."""
    target = EveryCapability()
    make_fault("cut_link", {"source": "app", "destination": "cache"}).inject(target)
    assert target.asked == [("shape_link", "app", "cache", LinkShape(blackhole=True, expires_s=600.0))]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("explode", {}, "expected a fault (kill, stop, pause, slow_link, cut_link, exhaust_connections, fill_disk), "
                        "found explode"),
        ("kill", {"componnet": "db"}, "expected kill(component), found the unknown field componnet"),
        ("kill", {}, "expected kill(component), found no component"),
        ("kill", {"component": 3}, "expected component of kill to be a text, found 3"),
        ("slow_link", {"source": "a", "destination": "b"},
         "expected slow_link(source, destination, latency_s, jitter_s=0.0, expires_s=600.0), found no latency_s"),
        ("slow_link", {"source": "a", "destination": "b", "latency_s": "50ms"},
         "expected latency_s of slow_link to be a number, found '50ms'"),
        ("slow_link", {"source": "a", "destination": "b", "latency_s": True},
         "expected latency_s of slow_link to be a number, found True"),
        ("slow_link", {"source": "a", "destination": "b", "latency_s": -1},
         "expected latency_s above 0, at most 60, found -1"),
        ("slow_link", {"source": "a", "destination": "b", "latency_s": 0.1, "jitter_s": 0.2},
         "expected jitter_s from 0 to latency_s, found 0.2"),
        ("cut_link", {"source": "a", "destination": "b", "mode": "drop"},
         "expected mode to be one of blackhole, reset, found drop"),
        ("cut_link", {"source": "a", "destination": "b", "reset_rate": 0},
         "expected reset_rate above 0, at most 1, found 0"),
        ("exhaust_connections", {"component": "db", "expires_s": 0}, "expected expires_s above 0, found 0"),
    ],
)  # fmt: skip
def test_a_wrong_fault_is_refused_with_what_would_be_right(name, arguments, message):
    """An unknown fault, a misspelt, missing or wrong field: one line that names what was expected and found."""
    with pytest.raises(InputError) as caught:
        make_fault(name, arguments)
    assert str(caught.value) == message
