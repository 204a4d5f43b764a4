"""Rules about Alertmanager: who is told, and whether anybody is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.promql import Matcher
from seatrial.plan.reach import image_name
from seatrial.rules.scraping import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.containers import Container
    from seatrial.plan.nodes import Node
    from seatrial.plan.prometheus import Alertmanager

_ON_PURPOSE = re.compile(
    r"null|none|blackhole|black-hole|dev-?null|drop|silent|noop|ignore|discard|watchdog", re.IGNORECASE
)
_MATCHER = re.compile(r"\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*\"?([^\"]*?)\"?\s*")
_NOBODY = re.compile(
    r"YOUR[_/-]|CHANGE_?ME|REPLACE_?ME|X{4,}|T0{5,}|<[A-Za-z][^>]*>|://(?:localhost|127\.0\.0\.1):5001\b|placeholder",
    re.IGNORECASE,
)
_LEADS_TO = (
    "url",
    "api_url",
    "to",
    "service_key",
    "routing_key",
    "api_key",
    "bot_token",
    "webhook_url",
    "room_id",
    "user_key",
)


def alertmanagers(plan: Plan) -> list[Alertmanager]:
    """The Alertmanager configurations."""
    return plan.alertmanagers


def _integrations(receiver: Node) -> list[Node]:
    return [each for key, configs in receiver.items() if key.endswith("_configs") for each in configs if each.is_map]


def _used(manager: Alertmanager) -> dict[str, Node]:
    """The receivers that routes lead to."""
    names = {route.get("receiver").text for route in manager.routes}
    return {name: node for name, node in manager.receivers.items() if name in names and name}


@rule("alert-receiver-missing", CRITICAL, over=alertmanagers)
def receiver_missing(manager: Alertmanager, _plan: Plan) -> Iterator[Found]:
    """A route leads to a receiver that does not exist."""
    for number, route in enumerate(manager.routes):
        receiver = route.get("receiver")
        if receiver.text and receiver.text not in manager.receivers:
            yield receiver, f"routes to {receiver.text}, which is no receiver: Alertmanager does not start"
        elif number == 0 and not receiver.text:
            yield route, "has no default receiver: Alertmanager does not start"


@rule("alert-receiver-empty", CRITICAL, over=alertmanagers)
def receiver_empty(manager: Alertmanager, _plan: Plan) -> Iterator[Found]:
    """A receiver that tells nobody."""
    for name, node in _used(manager).items():
        if not _integrations(node) and not _ON_PURPOSE.search(name):
            yield node, f"the receiver {name} has no integration: nobody is told"


@rule("alert-receiver-placeholder", CRITICAL, over=alertmanagers)
def receiver_placeholder(manager: Alertmanager, _plan: Plan) -> Iterator[Found]:
    """A receiver whose address is still that of an example."""
    for name, node in _used(manager).items():
        found = [_address(each) for each in _integrations(node)]
        if found and all(each is not None and _NOBODY.search(each.text) for each in found):
            first = next(each for each in found if each is not None)
            yield first, f"the receiver {name} sends to the address of an example: nobody is told"


def _address(integration: Node) -> Node | None:
    return next((integration.get(key) for key in _LEADS_TO if integration.get(key).text), None)


def matchers_of(route: Node) -> list[tuple[Matcher, Node]] | None:
    """What a route takes, with the places; None where that cannot be read."""
    found = [(Matcher(key, "=", node.text), node) for key, node in route.get("match").items()]
    found += [(Matcher(key, "=~", node.text), node) for key, node in route.get("match_re").items()]
    for node in route.get("matchers") if route.get("matchers").is_list else [route.get("matchers")]:
        for text in node.text.strip().removeprefix("{").removesuffix("}").split(",") if node.text else ():
            part = _MATCHER.fullmatch(text)
            if part is None:
                return None
            found.append((Matcher(part[1], part[2], part[3]), node))
    return found


def _matches(route: Node, severity: str) -> bool | None:
    """Does a route take alerts of a severity? None if that hangs on other labels."""
    matchers = matchers_of(route)
    if matchers is None or any(each.label != "severity" for each, _ in matchers):
        return None
    return all(each.admits(severity) for each, _ in matchers)


def _told(route: Node, severity: str, inherited: str, manager: Alertmanager) -> bool:
    """May somebody be told of an alert of a severity that comes to a route?"""
    receiver = route.get("receiver").text or inherited
    for below in route.get("routes"):
        found = _matches(below, severity)
        if found is None:
            return True
        if found:
            told = _told(below, severity, receiver, manager)
            if told or below.get("continue").flag is not True:
                return told
    node = manager.receivers.get(receiver)
    return node is None or bool(_integrations(node)) or not _ON_PURPOSE.search(receiver)


@rule("alert-severity-not-routed", MAJOR, over=alertmanagers)
def severity_not_routed(manager: Alertmanager, plan: Plan) -> Iterator[Found]:
    """Alerts of a severity come to a receiver that drops them."""
    root = manager.node.get("route")
    for severity in sorted({each.severity for each in plan.rules if each.alert} - {"", "none", "info", "debug"}):
        if not _told(root, severity, "", manager):
            names = named([each.alert for each in plan.rules if each.severity == severity])
            yield root, f"drops alerts of severity {severity} ({names}): no route takes them"


def managers_running(plan: Plan) -> list[Service | Container]:
    """What runs Alertmanager."""
    running: list[Service | Container] = [*plan.services, *plan.containers]
    return [each for each in running if image_name(each.image) == "alertmanager"]


@rule("alert-manager-unconfigured", CRITICAL, over=managers_running)
def manager_unconfigured(thing: Service | Container, _plan: Plan) -> Iterator[Found]:
    """Alertmanager runs with the example configuration of its image."""
    node = thing.node
    mounted = [each.target for each in thing.mounts] if hasattr(thing, "mounts") else []
    mounted += [each.get("mountPath").text for each in node.get("volumeMounts")]
    mounted += [each.get("target").text or each.text for each in node.get("configs")]
    words = thing.command if hasattr(thing, "command") else thing.words
    given = any(path.startswith("/etc/alertmanager") for path in mounted) or any(
        "config.file" in word for word in words
    )
    if not (given or getattr(thing, "builds", False)):
        yield thing.place, "runs Alertmanager with the example configuration of its image: nobody is told"
