"""Rules about files as such: keys that are written twice, of which all but the last are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.files import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan


def things(plan: Plan) -> Iterator[Any]:
    """Everything of the plan that stands in YAML."""
    yield from plan.objects
    for some in (
        plan.projects,
        plan.workflows,
        plan.scrapers,
        plan.alertmanagers,
        plan.filebeats,
        plan.kustomizations,
        plan.rules,
    ):
        yield from some


@rule("file-key-twice", MAJOR, over=things)
def key_twice(thing: Any, _plan: Plan) -> Iterator[Found]:  # noqa: ANN401 - objects of many kinds, each with a node
    """A mapping that has the same key twice."""
    for node in thing.node.walk():
        for key, line in node.twice:
            yield Place(node.file, line), f"writes the key {key} twice: only the last one holds"
