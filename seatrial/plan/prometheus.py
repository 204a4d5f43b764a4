"""Prometheus and Alertmanager: scrape jobs with their targets, rules with their expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from seatrial.plan import promql

if TYPE_CHECKING:
    from seatrial.plan.nodes import Node

_DURATION = re.compile(r"(\d+)(ms|y|w|d|h|m|s)")
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0}
SCRAPE_S = 60.0  # Prometheus' default


def seconds(text: str) -> float | None:
    """A duration such as `1m30s`; None if it is none."""
    found = _DURATION.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text.strip():
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in found)


@dataclass(frozen=True)
class Target:
    """A static target."""

    host: str
    port: int | None
    node: Node


@dataclass(frozen=True, eq=False)
class ScrapeJob:
    """A scrape job."""

    node: Node
    config: PrometheusConfig

    @property
    def name(self) -> str:
        """Its job_name, which is the label `job` unless a relabelling changes it."""
        return self.node.get("job_name").text

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"scrape job {self.name}"

    @property
    def place(self) -> Node:
        """Where it is named."""
        return self.node.get("job_name")

    @property
    def interval_s(self) -> float:
        """Its scrape interval in seconds."""
        return seconds(self.node.get("scrape_interval").text) or self.config.interval_s

    @property
    def targets(self) -> list[Target]:
        """Its static targets."""
        found = []
        for group in self.node.get("static_configs"):
            for target in group.get("targets"):
                host, _, port = (
                    target.text.split("/")[0].rpartition(":") if ":" in target.text else (target.text, "", "")
                )
                found.append(Target(host, int(port) if port.isdigit() else None, target))
        return found

    @property
    def looked_up(self) -> list[Target] | None:
        """The names whose addresses it asks DNS for; None where one is a record of services (SRV), or has no port."""
        found = []
        for group in self.node.get("dns_sd_configs"):
            port, addresses = group.get("port").integer, group.get("type").text in ("A", "AAAA")
            if port is None or not addresses:
                return None
            found += [Target(name.text.rstrip("."), port, name) for name in group.get("names")]
        return found

    @property
    def discovers(self) -> list[str]:
        """The service discoveries it uses: kubernetes_sd_configs, dns_sd_configs, file_sd_configs, ..."""
        return [key for key, _ in self.node.items() if key.endswith("_sd_configs")]

    @property
    def relabels_job(self) -> bool:
        """May a relabelling set the label `job`?"""
        return any(
            rule.get("target_label").text == "job" or rule.get("action").text == "labelmap"
            for rule in self.node.get("relabel_configs")
        )


@dataclass(eq=False)
class PrometheusConfig:
    """A Prometheus configuration."""

    node: Node

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"Prometheus configuration {self.node.file}"

    @property
    def interval_s(self) -> float:
        """The default scrape interval in seconds."""
        return seconds(self.node.get("global", "scrape_interval").text) or SCRAPE_S

    @property
    def evaluation_s(self) -> float:
        """The evaluation interval in seconds."""
        return seconds(self.node.get("global", "evaluation_interval").text) or SCRAPE_S

    @cached_property
    def jobs(self) -> list[ScrapeJob]:
        """Its scrape jobs."""
        return [ScrapeJob(node, self) for node in self.node.get("scrape_configs") if node.is_map]

    @property
    def rule_files(self) -> list[Node]:
        """The patterns of its rule files."""
        return list(self.node.get("rule_files"))

    @property
    def alertmanagers(self) -> list[Target]:
        """The static targets of its Alertmanagers."""
        found = []
        for manager in self.node.get("alerting", "alertmanagers"):
            found += ScrapeJob(manager, self).targets
        return found


@dataclass(frozen=True, eq=False)
class PromRule:
    """An alerting or a recording rule."""

    node: Node
    group: Node

    @property
    def alert(self) -> str:
        """Its alert's name; empty for a recording rule."""
        return self.node.get("alert").text

    @property
    def record(self) -> str:
        """The series that it records; empty for an alert."""
        return self.node.get("record").text

    @property
    def name(self) -> str:
        """One of both."""
        return self.alert or self.record

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"alert {self.alert}" if self.alert else f"rule {self.record}"

    @property
    def place(self) -> Node:
        """The line of its expression."""
        expr = self.node.get("expr")
        return expr if expr.written else self.node

    @property
    def text(self) -> str:
        """Its expression."""
        return self.node.get("expr").text

    @cached_property
    def expr(self) -> promql.Expr | None:
        """The tree of its expression; None if it does not parse."""
        return promql.parse(self.text)[0] if self.text else None

    @property
    def mistake(self) -> str:
        """Why its expression does not parse; empty if it does."""
        return promql.parse(self.text)[1] if self.text else ""

    @property
    def for_s(self) -> float:
        """How long it has to hold before it fires, in seconds."""
        return seconds(self.node.get("for").text) or 0.0

    @property
    def severity(self) -> str:
        """Its label severity."""
        return self.node.get("labels", "severity").text

    @property
    def words(self) -> str:
        """Summary and description, as a person reads them."""
        return " ".join(node.text for _, node in self.node.get("annotations").items())


@dataclass(eq=False)
class Alertmanager:
    """An Alertmanager configuration."""

    node: Node

    @property
    def label(self) -> str:
        """As findings name it."""
        return f"Alertmanager configuration {self.node.file}"

    @property
    def receivers(self) -> dict[str, Node]:
        """Its receivers by name."""
        return {node.get("name").text: node for node in self.node.get("receivers")}

    @property
    def routes(self) -> list[Node]:
        """The root route and all below it."""
        found, waiting = [], [self.node.get("route")]
        while waiting:
            route = waiting.pop(0)
            found.append(route)
            waiting += list(route.get("routes"))
        return found


def rules_of(document: Node) -> list[PromRule]:
    """The rules of a rule file's document."""
    return [PromRule(rule, group) for group in document.get("groups") for rule in group.get("rules") if rule.is_map]
