"""Rules about the time that jobs are given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.durations import Waits
from seatrial.plan.jobs import kube_deploys, step_runs
from seatrial.rules.script_flow import MOST_CHARACTERS
from seatrial.rules.script_images import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.workflow import Job, Step


def _wait(step: Step, plan: Plan) -> tuple[float, str]:
    """How long a step may wait, and the script in which it waits the longest."""
    if step.script is None or re.search(r"\b(?:failure|always|cancelled)\s*\(", step.node.get("if").text):
        return 0.0, ""
    runs = {run.path: run.script for run in step_runs(step, plan) if run.script is not None}
    found = {path: Waits(script).longest() for path, script in runs.items() if len(script.text) < MOST_CHARACTERS}
    longest = max(found, key=lambda path: found[path], default="")
    return Waits(step.script).longest() + sum(found.values()), longest


@rule("workflow-time-too-short", MAJOR, over=jobs)
def time_too_short(job: Job, plan: Plan) -> Iterator[Found]:
    """A job that is stopped before the waits of its own script can be over."""
    node = job.node.get("timeout-minutes")
    if not node.integer or not kube_deploys(job, plan):
        return
    waits = [_wait(step, plan) for step in job.steps]
    total = sum(wait for wait, _ in waits)
    if total >= node.integer * 60:
        path = next((name for wait, name in sorted(waits, reverse=True) if name), "its commands")
        said = f"stops {job.id} after {node.integer} minutes, and {path} may wait {total / 60:.0f}"
        yield node, f"{said} (rollouts, retries, the rollback): a slow failure is cut off before it is taken back"
