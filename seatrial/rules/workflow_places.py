"""Rules about where jobs deploy to: a staging that is production."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.compose import normal
from seatrial.plan.destinations import applied, same_place, staged
from seatrial.plan.images import shown
from seatrial.plan.kubernetes import is_workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.kubectl import Call
    from seatrial.plan.workflow import Job


def _namespaces(path: str, plan: Plan) -> set[str]:
    """The namespaces of the workloads in a file or folder."""
    folder = normal(PurePosixPath(path))
    inside = [each for each in plan.objects if each.node.file == folder or each.node.file.is_relative_to(folder)]
    return {each.namespace for each in inside if is_workload(each)}


def _same_call(one: Call, other: Call) -> bool:
    """Do two calls go to one namespace of one context?"""
    flags = ("--context", "--kubeconfig", "-n", "--namespace")
    return all((one.option(flag) or ("",))[0] == (other.option(flag) or ("",))[0] for flag in flags)


@rule("workflow-staging-is-production", CRITICAL, over=lambda plan: [job for job, _ in staged(plan)])
def staging_is_production(job: Job, plan: Plan) -> Iterator[Found]:
    """A staging job that applies the same files to the same place as the one for production."""
    production = next(other for each, other in staged(plan) if each is job)
    if not same_place(job, production, plan):
        return
    theirs = list(applied(production, plan))
    for call, path in applied(job, plan):
        namespaces = _namespaces(path, plan)
        if namespaces and any(path == other and _same_call(call, each) for each, other in theirs):
            where = f"namespace {shown(', '.join(sorted(namespaces)))}"
            said = f"applies {path} to {where} with the same credentials as {production.id}"
            yield call.place, f"{said}: what goes to staging changes production"
            return
