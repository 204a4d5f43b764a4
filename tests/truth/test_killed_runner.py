"""Undo survives SIGKILL: whatever moment the runner dies in, nothing of its fault is left and the deployment serves."""

from __future__ import annotations

import pytest

from fixtures.killing import SHORT, Victim, deployment_up

# Phases that come to every scenario; those between them differ and are met by bench/undo_kill.py at random.
MOMENTS = ("undo-written", "effect", "recovered")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    with deployment_up(tmp_path_factory.mktemp("kept")) as deployment:
        yield deployment


@pytest.mark.parametrize("scenario", SHORT)
@pytest.mark.parametrize("moment", MOMENTS)
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
