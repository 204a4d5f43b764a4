"""Rules about alerts that ask an exporter whether it lives, and mean the server behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan import promql
from seatrial.plan.scraped import scraped_of
from seatrial.rules.alerts import parsed_rules
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.prometheus import PromRule

# What an exporter says of the server that it asks; its own `up` says only that the exporter answers.
_TELLS = {
    "postgres_exporter": ("PostgreSQL", "pg_up"),
    "redis_exporter": ("Redis", "redis_up"),
    "rabbitmq_exporter": ("RabbitMQ", "rabbitmq_up"),
}


@rule("alert-watches-exporter", CRITICAL, over=parsed_rules)
def watches_exporter(rule: PromRule, plan: Plan) -> Iterator[Found]:
    """`up` of an exporter's job, and nothing asks for the server behind it."""
    selectors = promql.selectors(rule.expr)
    if (
        not rule.alert
        or re.search("exporter", rule.alert, re.IGNORECASE)
        or {each.name for each in selectors} != {"up"}
    ):
        return
    exporters = {name for each in selectors if each.on("job") for name in _exporters(each, plan)}
    servers = {_TELLS[name] for name in exporters if name in _TELLS}
    blind = sorted(server for server in servers if not _asked(server[1], plan))
    if len(servers) == len(exporters) == len(blind) and blind:
        said = "asks only whether " + named([f"{server}'s exporter answers" for server, _ in blind])
        metrics = named([metric for _, metric in blind])
        yield rule.place, f"{said}, which it does while {named([s for s, _ in blind])} is down: {metrics} would say so"


def _exporters(selector: promql.Selector, plan: Plan) -> set[str]:
    """The exporters that the jobs of a selector ask; what a job asks besides is an empty name."""
    scraped, found = scraped_of(plan), set()
    for job in scraped.feeding(selector):
        names = {name for name, jobs in scraped.exporters.items() if any(each is job for each in jobs)}
        found |= names or {""}
    return found


def _asked(metric: str, plan: Plan) -> bool:
    """Does any rule read the metric?"""
    return any(metric in each.text for each in plan.rules)
