"""Rules about who answers behind a Service: pods of others that its selector takes in as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.kubernetes import LASTING
from seatrial.plan.reach import LISTENS, image_name
from seatrial.rules.network import exposed, services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import KubeService
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.nodes import Node


def _answers(workload: Workload, port: int, plan: Plan) -> bool | None:
    """Do its pods listen on a port? None where nobody can tell."""
    declared = exposed(workload, plan) | {p for each in workload.init_containers for p in each.ports}
    known = [LISTENS.get(image_name(each.image)) for each in workload.containers]
    if port in declared or any(ports and port in ports for ports in known):
        return True
    runs_once = workload.kind not in LASTING
    told = all(each.ports or ports for each, ports in zip(workload.containers, known, strict=True))
    return False if told or runs_once else None


@rule("kube-service-other-pods", CRITICAL, over=services)
def service_other_pods(service: KubeService, plan: Plan) -> Iterator[Found]:
    """A Service leads to pods that listen on its port, and to others that do not."""
    cluster = cluster_of(plan)
    pods = cluster.pods(service)
    unsure = any(cluster.patched(each) for each in [service.object, *(pod.object for pod in pods)])
    if len(pods) < 2 or service.headless or unsure:
        return
    for port in service.object.get("spec", "ports"):
        number = (port.get("targetPort") if port.get("targetPort") else port.get("port")).integer
        answers = {pod: _answers(pod, number, plan) for pod in pods} if number is not None else {}
        if wrong := [pod for pod, found in answers.items() if found is False] if True in answers.values() else []:
            yield _selector(service), _said(service, wrong, number or 0)
            return


def _said(service: KubeService, wrong: list[Workload], port: int) -> str:
    shown = ", ".join(f"{key}={value}" for key, value in service.selector.items())
    once = all(each.kind not in LASTING for each in wrong)
    when = (
        "while one runs, connections come to it too and are refused"
        if once
        else "connections that come to them are refused"
    )
    return f"selects {shown}, which the pods of {wrong[0].label} have too, and they do not listen on {port}: {when}"


def _selector(service: KubeService) -> Node:
    """The line of its first label."""
    return next((node for _, node in service.object.get("spec", "selector").items()), service.object.place)
