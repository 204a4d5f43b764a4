"""Rules about what scripts ask of Services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.kubectl import Call, kube_calls
from seatrial.rules.script_flow import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import KubeService
    from seatrial.plan.shell import Script


@rule("script-no-load-balancer", CRITICAL, over=scripts)
def no_load_balancer(script: Script, plan: Plan) -> Iterator[Found]:
    """The address of a load balancer, asked of a Service that has none."""
    for call in kube_calls(script):
        if call.verb == "get" and any("loadBalancer" in word for word in call.words):
            for service in _services(call, plan):
                kind = service.object.get("spec", "type").text or "ClusterIP"
                if kind != "LoadBalancer" and not cluster_of(plan).patched(service.object):
                    said = f"asks {service.object.label} for a load balancer's address, and it is of type {kind}"
                    yield call.place, f"{said}: the answer is empty, and so is every address made of it"


def _services(call: Call, plan: Plan) -> list[KubeService]:
    """The Services that a call names: all of that name, where its namespace is not told."""
    names = {name for kind, name, _ in call.targets if kind == "Service"}
    return [service for name in sorted(names) for service in cluster_of(plan).services_named(name)]
