"""The open loop's plan: which request is due when, and how many may wait for an answer. Pure."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LEAST_IN_FLIGHT = 100
MOST_IN_FLIGHT = 8000  # Locust raises its limit of open files to 10,000


def interleave(weights: Sequence[int]) -> Iterator[int]:
    """Indexes without end, each as often as its weight in every sum(weights) of them, spread as evenly as they go."""
    credit, total = [0] * len(weights), sum(weights)
    while True:
        credit = [have + weight for have, weight in zip(credit, weights, strict=True)]
        chosen = credit.index(max(credit))
        credit[chosen] -= total
        yield chosen


def max_in_flight(rate_hz: float, timeout_s: float) -> int:
    """Twice what a target that never answers keeps waiting, within what the process can open."""
    return min(MOST_IN_FLIGHT, max(LEAST_IN_FLIGHT, math.ceil(2 * rate_hz * timeout_s)))


@dataclass(frozen=True)
class Template:
    """A request as it is sent again and again; `{id}` in path and body is a new id each time."""

    name: str
    method: str
    path: str
    body: str | None
    headers: dict[str, str]
    expect: str | None

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Template:
        """From a dumped `seatrial.settings.Request`."""
        body = None if request["json"] is None else json.dumps(request["json"])
        headers = {str(name): str(value) for name, value in request["headers"].items()}
        if body is not None and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/json"
        return cls(request["name"], request["method"], request["path"], body, headers, request["expect"])

    def closing(self) -> Template:
        """The same, and the connection is not to be used again."""
        return replace(self, headers={**self.headers, "Connection": "close"})

    def fill(self) -> tuple[str, str | None]:
        """Path and body of the next request of this kind."""
        if "{id}" not in self.path and "{id}" not in (self.body or ""):
            return self.path, self.body
        fresh = uuid.uuid4().hex
        return self.path.replace("{id}", fresh), None if self.body is None else self.body.replace("{id}", fresh)
