"""Rules about the application's own code: what it tells those who watch it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.endpoints import Counting, Endpoint

_HEALTH = re.compile(r"health|ready|readiness|status$", re.IGNORECASE)


def health_endpoints(plan: Plan) -> list[Endpoint]:
    """The routes by which others find out whether the application is well."""
    return [each for each in plan.application.endpoints if _HEALTH.search(each.path)]


def _countings(plan: Plan) -> list[Counting]:
    return plan.application.countings


@rule("app-health-always-200", CRITICAL, over=health_endpoints)
def health_always_200(endpoint: Endpoint, plan: Plan) -> Iterator[Found]:  # noqa: ARG001 - what every rule is given
    """A health endpoint that says in its body only that something is wrong."""
    if endpoint.bad_words and not endpoint.sets_status:
        shown = " and ".join(f'"{word}"' for word in endpoint.bad_words[:2])
        said = f"{endpoint.path} answers 200 even where it says {shown}"
        yield endpoint.place, f"{said}: whoever looks at the status (probes, curl -f, load balancers) sees no outage"


@rule("app-errors-not-counted", MAJOR, over=_countings)
def errors_not_counted(counting: Counting, plan: Plan) -> Iterator[Found]:  # noqa: ARG001 - what every rule is given
    """A middleware that counts only requests whose handler did not break."""
    if not counting.all:
        said = f"{counting.metric} is reached only if call_next returns"
        yield counting.place, f"{said}: a request whose handler breaks is not counted, so no 500 of that kind is"
