"""Rules about clocks: how often alerts are looked at, and how often what they read is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.prometheus import seconds
from seatrial.rules.scraping import named, scrape_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.prometheus import PromRule, ScrapeJob

STALE_S = 300.0  # query.lookback-delta: what Prometheus takes for the present


def rule_groups(plan: Plan) -> list[Node]:
    """The groups of rules."""
    return list({id(each.group): each.group for each in plan.rules}.values())


def _clock(group: Node, plan: Plan) -> Node | None:
    """Where it is told how often a group is looked at; None where no file tells."""
    if group.get("interval").text:
        return group.get("interval")
    told = [each.node.get("global", "evaluation_interval") for each in plan.scrapers]
    return told[0] if len(told) == 1 and told[0].text else None


@rule("alert-evaluated-too-rarely", MAJOR, over=rule_groups)
def evaluated_too_rarely(group: Node, plan: Plan) -> Iterator[Found]:
    """Alerts are looked at less often than they have to hold."""
    clock = _clock(group, plan)
    every = seconds(clock.text) if clock is not None else None
    late = [each for each in _alerts(group, plan) if every and 0 < each.for_s < every]
    if clock is not None and late:
        least = min(late, key=lambda each: each.for_s).node.get("for").text
        said = f"looks at its alerts every {clock.text}, and {named([each.alert for each in late])}"
        yield clock, f"{said} shall fire after {least}: it fires {clock.text} after what it sees at the earliest"


def _alerts(group: Node, plan: Plan) -> list[PromRule]:
    return [each for each in plan.rules if each.group is group and each.alert]


@rule("prom-interval-over-staleness", MAJOR, over=scrape_jobs)
def interval_over_staleness(job: ScrapeJob, _plan: Plan) -> Iterator[Found]:
    """A job that measures more rarely than Prometheus remembers."""
    own = job.node.get("scrape_interval")
    node = own if own.text else job.config.node.get("global", "scrape_interval")
    every = seconds(node.text)
    if every is not None and every >= STALE_S:
        said = f"{job.name} is measured every {node.text}, and after 5m a value is no longer there"
        yield node, f"{said}: its alerts see nothing for a part of the time, and begin anew each time"
