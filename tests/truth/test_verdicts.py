"""Verdicts are true: real processes, each wrong in one way, each judged for its stated reason."""

from __future__ import annotations

import json
import re
import sys

import pytest

from fixtures.deployments import BROKEN, notes_settings, story


def run(workplace, settings, scenario=None, *arguments):
    """Run a short story on a deployment; the finished command."""
    workplace.write("seatrial.toml", settings)
    workplace.write("story.yaml", scenario or story())
    return workplace.seatrial("run", "story.yaml", "--format", "json", *arguments)


def test_a_healthy_deployment_passes(workplace):
    """Killed, restarted by its supervisor, nothing lost: PASS and status 0; judged again: the same bytes."""
    done = run(workplace, notes_settings())
    assert (done.status, done.document["verdict"]) == (0, "PASS"), done.out + done.err
    folder = done.document["runs"][0]
    saved = (workplace.folder / folder / "verdict.json").read_text()
    again = workplace.seatrial("judge", folder, "--format", "json")
    assert (again.status, again.out) == (0, saved)


def test_an_application_that_is_never_restarted_fails(workplace):
    """No restart policy, RTO 5 s: FAIL, and no upper bound is claimed."""
    done = run(workplace, notes_settings(restart=False, rto_s=5))
    recovery = done.promise("recovery time")
    assert (done.status, recovery["verdict"], recovery["upper"]) == (1, "FAIL", None)
    assert recovery["lower"] > 5
    assert "not recovered" in recovery["reason"]


def test_a_recovery_slower_than_the_rto_fails_with_its_interval(workplace):
    """It serves again only 4 s after its restart, RTO 3 s: FAIL, the interval above the objective."""
    done = run(workplace, notes_settings("--from-start", "2", "--slow-start", "4", rto_s=3))
    recovery = done.promise("recovery time")
    assert recovery["verdict"] == "FAIL", recovery
    assert recovery["lower"] > 3
    assert recovery["upper"] is None or recovery["upper"] < 8


def test_an_application_that_acknowledges_before_it_commits_fails_on_data_loss(workplace):
    """Killed with acknowledged notes in its memory, RPO 0: FAIL with the ids of what was lost."""
    done = run(workplace, notes_settings(program="ack_before_commit.py"))
    loss = done.promise("data loss")
    assert (done.status, loss["verdict"]) == (1, "FAIL"), loss
    assert loss["measured"] > 0
    assert "lost" in loss["reason"]
    assert "st-" in loss["reason"]


def test_a_fault_on_a_process_that_does_not_serve_is_inconclusive(workplace):
    """What is supervised is a wrapper, and the server lives elsewhere: killing the wrapper shows nothing."""
    marker = workplace.write("alive", "")
    python, wrapper, server = sys.executable, BROKEN / "wrapper.py", BROKEN / "misbehaving.py"
    # Without an environment of its own the server cannot be told from a stranger, as one that another host runs.
    serving = f"{python} {server} --port {{port}} --data {{folder}}/notes"
    elsewhere = f"env -i {python} {wrapper} --until {marker} -- {serving}"
    command = ["sh", "-c", f"{elsewhere} & exec sleep 300"]
    try:
        done = run(workplace, re.sub("command = .*", f"command = {json.dumps(command)}", notes_settings()))
    finally:
        marker.unlink()
    effect = done.promise("fault took effect")
    assert (done.status, effect["verdict"], done.document["verdict"]) == (1, "INCONCLUSIVE", "INCONCLUSIVE"), done.out
    assert "left no trace" in effect["reason"]


def test_a_target_that_does_not_serve_before_the_fault_is_inconclusive(workplace):
    """Health says yes, every request fails: nothing is broken on purpose, and nothing is proven."""
    done = run(workplace, notes_settings("--green-health", "--red-work"))
    assert done.document["verdict"] == "INCONCLUSIVE", done.out
    assert done.promise("steady state")["verdict"] == "INCONCLUSIVE"
    assert "not up" in done.promise("steady state")["reason"]


def test_a_load_generator_that_cannot_keep_its_rate_is_inconclusive(workplace):
    """20000 requests a second are more than one Locust process sends: the SLO is not judged from that."""
    settings = notes_settings().replace("rate_hz = 100\n", "rate_hz = 10000\n")
    done = run(workplace, settings)
    slo = done.promise("p95 before")
    assert slo["verdict"] == "INCONCLUSIVE", slo
    assert done.status == 1


@pytest.mark.parametrize(
    ("flags", "promise"),
    [
        (["--latency", "1.3"], "p95 before"),
        (["--error-rate", "0.2"], "errors before"),
    ],
)
def test_an_slo_that_is_broken_fails_in_its_window(workplace, flags, promise):
    """p95 over 1 s, or a fifth of the requests failing, before anything was broken."""
    judged = run(workplace, notes_settings(*flags)).promise(promise)
    assert judged["verdict"] == "FAIL", judged


def test_an_slo_that_breaks_after_the_recovery_fails_in_that_window_only(workplace):
    """After its restart the application is slow: before PASS, after FAIL."""
    done = run(workplace, notes_settings("--from-start", "2", "--latency", "1.3"))
    assert done.promise("p95 before")["verdict"] == "PASS"
    assert done.promise("p95 after")["verdict"] == "FAIL"


def test_a_health_endpoint_that_is_green_while_work_fails_is_a_finding(workplace):
    """After its restart all work fails, behind a health check that always says yes."""
    settings = notes_settings("--from-start", "2", "--green-health", "--red-work")
    finding = run(workplace, settings).promise("health tells the truth")
    assert finding["verdict"] == "FAIL", finding
    assert "green" in finding["reason"]


def test_a_frozen_application_is_down_although_its_port_accepts(workplace):
    """Paused for 3 s: the outage that clients saw is about as long as the pause."""
    done = run(workplace, notes_settings(), story("pause", hold_s=3))
    recovery = done.promise("recovery time")
    assert done.document["verdict"] == "PASS", done.out
    assert 2.5 < recovery["lower"] <= recovery["upper"] < 4.5, recovery
