"""The rule on logs of pods, where a log stack runs beside a cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.log_stack import stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.kubernetes import KubeObject

# What ships logs: an image, a chart, an object of an operator.
_SHIPS = re.compile(
    r"filebeat|\bbeats?\.|fluent[-_]?(?:bit|d)|fluent\.|promtail|alloy|\bvector\b|logstash|elastic[-_]?agent|\botel|"
    r"opentelemetry|\bloki\b|datadog|newrelic|splunk|logging-operator|kube-logging|banzai|stackdriver|cloudwatch",
    re.IGNORECASE,
)
_SENDS = re.compile(  # an application by itself
    r"logstash|fluent|\bloki\b|SysLogHandler|SocketHandler|watchtower|\botel|opentelemetry|datadog|splunk|newrelic",
    re.IGNORECASE,
)
_ON_CLUSTER = re.compile(r"helm|kubectl|eksctl|gcloud", re.IGNORECASE)


def shippers(plan: Plan) -> list[Service]:
    """The service that logs come in by: Filebeat, else Logstash."""
    return (stack(plan, "filebeat") or stack(plan, "logstash"))[:1]


def _shipped(plan: Plan) -> bool:
    """May anything here send the logs of pods somewhere?"""
    if any(_SHIPS.search(each.image) for work in plan.workloads for each in [*work.containers, *work.init_containers]):
        return True
    if any(_SHIPS.search(_words(each)) for each in plan.objects):
        return True
    for path, source in plan.sources.items():
        kind = plan.kinds.get(path, "")
        code = path.suffix in (".py", ".toml") or "require" in path.name
        charts = kind == "kustomization" or path.suffix == ".tf"
        scripted = kind in ("shell", "workflow") and any(map(_ships_on_cluster, source.lines))
        if scripted or (charts and _SHIPS.search(source.text)) or (code and _SENDS.search(source.text)):
            return True
    return False


def _words(thing: KubeObject) -> str:
    """What an object that an operator understands is about."""
    whole = thing.kind in ("HelmRelease", "HelmChart", "Application", "Addon")
    texts = [node.text for node in thing.node.walk()] if whole else []
    return " ".join([thing.get("apiVersion").text, *texts])


def _ships_on_cluster(line: str) -> bool:
    return bool(_SHIPS.search(line) and _ON_CLUSTER.search(line))


@rule("logs-pods-not-shipped", MAJOR, over=shippers)
def pods_not_shipped(service: Service, plan: Plan) -> Iterator[Found]:
    """Logs of the Compose host are collected, and those of the cluster are not."""
    lasting = [work for work in plan.workloads if work.lasting]
    if lasting and not _shipped(plan):
        named = ", ".join(dict.fromkeys(work.name for work in lasting[:3]))
        said = f"collects the logs of this host only, and nothing ships those of the pods ({named}"
        yield service.place, f"{said}{', ...' if len(lasting) > 3 else ''}): no DaemonSet, no sidecar"
