"""Undo survives SIGKILL: whatever moment the runner dies in, nothing of its fault is left and the deployment serves."""

from __future__ import annotations

import itertools
import re

import pytest

from fixtures.killing import BOUNDARIES, SHORT, Victim, deployment_up
from seatrial import engine

# In the middle of a blow every fault differs, as those do that stay after it and their undo operations; at the other
# boundaries the scenarios take turns (bench/undo_kill.py --boundaries takes all of all).
STAY = ("cut-cache", "exhaust-connections", "pause-database", "slow-database")
OWN = {"injecting": SHORT, "effect": STAY, "healing": STAY[1:]}
OTHERS = [moment for moments in BOUNDARIES.values() for moment in moments if moment not in OWN]
KILLS = [(moment, scenario) for moment, scenarios in OWN.items() for scenario in scenarios]
KILLS += zip(OTHERS, itertools.cycle(SHORT), strict=False)


def test_a_kill_comes_to_every_phase_of_a_run():
    """The phases that the engine numbers are those that have boundaries here."""
    assert re.findall(r"^    \d  (\w+) ", engine.__doc__, re.MULTILINE) == list(BOUNDARIES)
    assert {moment for moment, _ in KILLS} == {moment for moments in BOUNDARIES.values() for moment in moments}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    with deployment_up(tmp_path_factory.mktemp("kept")) as deployment:
        yield deployment


@pytest.mark.parametrize(("moment", "scenario"), KILLS)
def test_a_runner_that_is_killed_leaves_nothing_after_recover(kept, scenario, moment):
    """SIGKILL at the boundary, `seatrial recover`, then: no pending step, no residue, no process, and it serves."""
    victim = Victim(kept, scenario)
    victim.kill_at(moment)
    assert victim.recover_and_look() == []


def test_the_next_start_heals_what_a_killed_run_left(kept):
    """No `recover` in between: the next run heals the paused database first, and passes."""
    Victim(kept, "pause-database").kill_at("effect")
    assert kept.target.residue()
    following = Victim(kept, "kill-cache")
    following.kill_at("before-begin")
    assert [item for item in kept.target.residue() if "database" in item] == []
    assert following.recover_and_look() == []
