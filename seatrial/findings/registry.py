"""Rules: one function each, for one kind of object of the plan; listed by their decorator, described on their page.

    @rule("compose-bind-missing", MAJOR, over=services)
    def bind_missing(service: Service, plan: Plan) -> Iterator[Found]:
        for mount in service.mounts:
            ...
            yield mount.node, f"mounts {mount.source}, which is not there"

A rule looks at one object and yields where something is wrong and what, in a sentence without a capital or a full stop.
Why it matters and what to do stands in `pages/NAME.md`, with an example that is wrong and one that is right: those are
the rule's tests, the text of `seatrial explain`, and its part of docs/rules.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, TypeVar

from seatrial import rules

if TYPE_CHECKING:
    from seatrial.plan import Plan
    from seatrial.plan.files import Place
    from seatrial.plan.nodes import Node

CRITICAL, MAJOR, MINOR = "critical", "major", "minor"
SEVERITIES = (CRITICAL, MAJOR, MINOR)  # the deployment, its recovery or its alarm fails; ...; ...

Found = tuple["Node | Place", str]  # where it is wrong, and what
T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is wrong, and where."""

    file: str
    line: int
    rule: str
    severity: str
    message: str
    resource: str

    @property
    def fingerprint(self) -> str:
        """The same wherever the lines have moved to."""
        return hashlib.sha256("\0".join((self.rule, self.file, self.resource, self.message)).encode()).hexdigest()[:32]

    def as_json(self) -> dict[str, Any]:
        """By the contract of `seatrial check --format json`."""
        return asdict(self)


@dataclass(frozen=True)
class Rule:
    """A rule: its name, how bad it is, what it looks at, and the function that looks."""

    name: str
    severity: str
    over: Callable[[Plan], Iterable[Any]]
    check: Callable[[Any, Plan], Iterable[Found]]

    @property
    def group(self) -> str:
        """What kind of object it looks at: `compose-...`, `kube-...`, `prom-...`."""
        return self.name.partition("-")[0]

    def look(self, thing: Any, plan: Plan) -> Iterator[Finding]:  # noqa: ANN401 - an object of the plan
        """What is wrong with one object."""
        for where, message in self.check(thing, plan):
            yield Finding(str(where.file), where.line, self.name, self.severity, message, getattr(thing, "label", ""))


RULES: dict[str, Rule] = {}


def rule(
    name: str, severity: str, over: Callable[[Plan], Iterable[T]]
) -> Callable[[Callable[[T, Plan], Iterable[Found]]], Callable[[T, Plan], Iterable[Found]]]:
    """Register a rule."""

    def register(check: Callable[[T, Plan], Iterable[Found]]) -> Callable[[T, Plan], Iterable[Found]]:
        RULES[name] = Rule(name, severity, over, check)
        return check

    return register


def all_rules() -> dict[str, Rule]:
    """Every rule by name."""
    for module in iter_modules(rules.__path__):
        import_module(f"seatrial.rules.{module.name}")
    return dict(sorted(RULES.items()))
