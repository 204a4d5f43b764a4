"""Rules about what Alertmanager takes as it is written: labels in two spellings, variables that nobody replaces."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.rules.routing import alertmanagers, matchers_of
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.nodes import Node
    from seatrial.plan.prometheus import Alertmanager, PrometheusConfig, PromRule

_ALTERNATIVES = re.compile(r"[\w|.-]+")
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*(?::?[-?+][^}]*)?\}|\$[A-Z][A-Z0-9_]{2,}\b")
_MAKERS = re.compile(
    r"\b(?:envsubst|gomplate|dockerize|confd|consul-template|esh|envtpl|ytt|jsonnet|postBuild|expandvars)\b"
    r"|ansible\.builtin\.template|jinja2?\s"
)
_REWRITES = re.compile(r"\b(?:sed|perl|awk|eval|python3?)\b")
_CODE = (".py", ".txt", ".lock", ".js", ".ts", ".json")
_BY_RELABELLING = frozenset({"replacement", "target_label", "regex", "source_labels"})


def _asked(manager: Alertmanager) -> dict[str, dict[str, Node]]:
    """The values that the routes below the root ask for, by label, with their places."""
    found: dict[str, dict[str, Node]] = defaultdict(dict)
    for route in manager.routes[1:]:
        for matcher, node in matchers_of(route) or []:
            if matcher.op == "=" or (matcher.op == "=~" and _ALTERNATIVES.fullmatch(matcher.value)):
                for value in matcher.value.split("|") if matcher.op == "=~" else [matcher.value]:
                    found[matcher.label].setdefault(value, node)
    return found


def _said(plan: Plan) -> dict[str, dict[str, list[tuple[PromRule, Node]]]]:
    """The values that alerts have, by label, with their places."""
    found: dict[str, dict[str, list[tuple[PromRule, Node]]]] = defaultdict(lambda: defaultdict(list))
    for each in plan.rules:
        for label, node in each.node.get("labels").items() if each.alert else ():
            if node.text and "{{" not in node.text:
                found[label][node.text].append((each, node))
    return found


def _alike(one: str, other: str, label: str) -> bool:
    """Are two values one word in two spellings: Critical and critical, crit and critical?"""
    one, other = (re.sub(r"[-_ ]", "", each.casefold()) for each in (one, other))
    short, long = sorted((one, other), key=len)
    return one == other or (label == "severity" and len(short) > 3 and long.startswith(short))


@rule("alert-label-spelling", MAJOR, over=alertmanagers)
def label_spelling(manager: Alertmanager, plan: Plan) -> Iterator[Found]:
    """Alerts and routes have one word in two spellings: the route does not take them."""
    asked, said = _asked(manager), _said(plan)
    taken = [matcher for route in manager.routes[1:] for matcher, _ in matchers_of(route) or []]
    for label, values in said.items():
        for value, places in values.items():
            if any(each.admits(value) for each in taken if each.label == label):
                continue
            near = next((each for each in asked.get(label, {}) if _alike(each, value, label)), None)
            if near is None:
                continue
            alerts = named([each.alert for each, _ in places])
            if near in values:  # others spell it as the route does
                yield places[0][1], f"has the {label} {value}, and the routes ask for {near}: no route takes {alerts}"
            else:
                yield asked[label][near], f"asks for the {label} {near}, and {alerts} has {value}: it is not taken"


def configured(plan: Plan) -> list[Alertmanager | PrometheusConfig]:
    """The configurations of Alertmanager and Prometheus."""
    return [*plan.alertmanagers, *plan.scrapers]


@lru_cache(maxsize=8)
def _written_anew(name: str, plan: Plan) -> bool:
    """May something replace the variables of a file before it is read?"""
    texts = [each.text for path, each in plan.sources.items() if path.suffix not in _CODE]
    return any(_MAKERS.search(text) or (name in text and _REWRITES.search(text)) for text in texts)


@rule("alert-variable-not-replaced", CRITICAL, over=configured)
def variable_not_replaced(config: Alertmanager | PrometheusConfig, plan: Plan) -> Iterator[Found]:
    """`${NAME}` in a file in which nobody replaces variables."""
    kind = "Alertmanager" if config.node.get("route").written else "Prometheus"
    for node in _texts(config.node):
        match = _VARIABLE.search(node.text)
        if match is not None and not _written_anew(config.node.file.name, plan):
            yield node, f"has {match[0]}, and {kind} replaces no variables: it takes that as it is written"


def _texts(node: Node) -> Iterator[Node]:
    """The texts in which a variable cannot be anything else: no labels of Prometheus itself, no relabelling."""
    for key, child in node.items():
        if key not in _BY_RELABELLING and key != "external_labels":
            yield from _texts(child)
    for child in node:
        yield from _texts(child)
    if node.text and "{{" not in node.text:
        yield node
