"""Rules about Elasticsearch and Kibana in Compose files: security that is off, and logins that are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.compose_links import given
from seatrial.plan.datastores import tag
from seatrial.plan.reach import image_name
from seatrial.rules.image_command import services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service

_SECURITY = "xpack.security.enabled"


def major_version(image: str) -> int:
    """The first number of an image's tag; 0 where there is none."""
    found = re.match(r"v?(\d+)", tag(image))
    return int(found[1]) if found else 0


def is_open(service: Service) -> bool | None:
    """Does an Elasticsearch let everybody in? None where nobody can tell."""
    if any(mount.target.endswith("elasticsearch.yml") for mount in service.mounts):
        return None
    values = given(service)
    told = values[_SECURITY].value.strip("\"'").lower() if _SECURITY in values else ""
    return told == "false" if told else 0 < major_version(service.image) < 8


@rule("compose-beat-unreadable", CRITICAL, over=services)
def beat_unreadable(service: Service, _plan: Plan) -> Iterator[Found]:
    """A Beat that may not read the logs of Docker's containers."""
    user = service.text("user")
    for mount in service.mounts if "/beats/" in service.image and not user else ():
        if mount.source.rstrip("/") == "/var/lib/docker/containers":
            said = "reads the containers' logs as an ordinary user, and they belong to root"
            yield mount.node, f"{said}: it ships nothing (user: root)"


@rule("compose-search-login", CRITICAL, over=services)
def search_login(service: Service, plan: Plan) -> Iterator[Found]:
    """Kibana as a user whose password nobody sets."""
    servers = [each for each in service.project.services.values() if image_name(each.image) == "elasticsearch"]
    closed = bool(servers) and all(is_open(each) is False for each in servers)
    user = given(service).get("ELASTICSEARCH_USERNAME")
    if image_name(service.image) != "kibana" or not closed or user is None or user.value != "kibana_system":
        return
    if not _password_set(plan):
        yield user.node, "logs in as kibana_system, and nothing sets that user's password: it is never available"


def _password_set(plan: Plan) -> bool:
    """Does anything set a password of a user of Elasticsearch?"""
    return any(
        re.search(r"kibana_system\S*_password|reset-password|setup-passwords", source.text)
        for source in plan.sources.values()
    )
