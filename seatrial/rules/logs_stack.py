"""Rules on Elasticsearch in Compose: security, versions, start, and how long logs are kept."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.log_fields import Flow, flows_of
from seatrial.plan.log_stack import (
    elastic_addresses,
    elasticsearch_at,
    outside,
    secured,
    setting,
    shown_nowhere,
    stack,
    version_of,
)
from seatrial.plan.reach import image_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service

_DELETES = re.compile(
    r"_ilm/policy|ilm[_.-]policy|curator|_delete_by_query|-X\s*DELETE|min_age|index\.lifecycle|_slm",
    re.IGNORECASE,
)


def elastics(plan: Plan) -> list[Service]:
    """The services that run Elasticsearch."""
    return stack(plan, "elasticsearch")


def members(plan: Plan) -> list[Service]:
    """The services of the stack besides Elasticsearch."""
    return stack(plan, "kibana", "logstash", "filebeat")


@rule("logs-open-to-all", MAJOR, over=elastics)
def open_to_all(service: Service, _: Plan) -> Iterator[Found]:
    """Elasticsearch without security on a port that other machines reach."""
    value, node = setting(service, "xpack.security.enabled")
    for port in service.ports:
        if port.everywhere and secured(service) is False:
            what = "its security is off" if value is not None else "version 7 and older have no security by default"
            said = f"port {port.target} is published to every machine and {what}"
            where = node if value is not None else port.node
            yield where, f"{said}: whoever reaches the host reads and deletes all logs"
            return


@rule("logs-stack-versions", MAJOR, over=members)
def stack_versions(service: Service, plan: Plan) -> Iterator[Found]:
    """A part of the stack that does not go with the Elasticsearch beside it."""
    mine = version_of(service)
    for elastic in elastics(plan):
        theirs = version_of(elastic)
        if elastic.project is not service.project or not mine or not theirs or len(mine) < 2 or len(theirs) < 2:
            continue
        kibana = image_name(service.image) == "kibana"
        if mine[:2] > theirs[:2] or (kibana and mine[:2] != theirs[:2]):
            shown, other = (".".join(map(str, version)) for version in (mine, theirs))
            what = "Kibana wants the version of its Elasticsearch" if kibana else "it may be older than that, not newer"
            yield service.node.get("image"), f"is version {shown} beside Elasticsearch {other}: {what}"
            return


@rule("logs-discovery", CRITICAL, over=elastics)
def discovery(service: Service, plan: Plan) -> Iterator[Found]:
    """An Elasticsearch that does not start, for it is not told with whom it is a cluster; or two that never meet."""
    if shown_nowhere(service, "/usr/share/elasticsearch/config"):
        return
    kind, node = setting(service, "discovery.type")
    told = any(
        setting(service, name)[0] is not None
        for name in ("discovery.seed_hosts", "cluster.initial_master_nodes", "discovery.seed_providers")
    )
    others = [
        each for each in elastics(plan) if each.project is service.project and each is not service and not _helper(each)
    ]
    if kind == "single-node" and others and not _helper(service):
        yield node, f"is alone by discovery.type, beside {others[0].name}: they never become one cluster"
    version = version_of(service)
    automatic = secured(service) and setting(service, "xpack.security.enabled")[0] is None
    if not kind and not told and version and version[0] >= 7 and not automatic and not _helper(service):
        yield (
            service.place,
            "has neither discovery.type: single-node nor seed hosts: its bootstrap checks fail, and it does not start",
        )


def _helper(service: Service) -> bool:
    """Does it run something else than the server: set-up, policies?"""
    return bool(service.node.get("command") or service.node.get("entrypoint"))


@rule("logs-memory-lock", CRITICAL, over=elastics)
def memory_lock(service: Service, _: Plan) -> Iterator[Found]:
    """Memory is to be locked, and the limit for that is not raised."""
    value, node = setting(service, "bootstrap.memory_lock")
    if value and value.lower() == "true" and not service.node.get("ulimits", "memlock").written:
        yield (
            node,
            "locks its memory, and ulimits.memlock is not raised: the bootstrap check fails, and it does not start",
        )


@rule("logs-kept-for-ever", MAJOR, over=flows_of)
def kept_for_ever(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Daily indices that nothing ever deletes."""
    daily = [plugin for plugin in flow.of("output", "elasticsearch") if "%{+" in plugin.text("index")]
    known = any(
        _DELETES.search(_seen(path, source.text, plan)) for path, source in plan.sources.items() if path.suffix != ".md"
    )
    for plugin in daily:
        hosts = [elasticsearch_at(address.host, plan) for address in elastic_addresses(plugin)]
        service = next((each for each in hosts if each is not None), None)
        if service is not None and not known and "ilm_policy" not in plugin.settings:
            said = f"keeps an index a day ({plugin.text('index')}), and no file deletes old ones"
            yield (
                plugin.at("index"),
                f"{said} (a lifecycle policy, Curator): the disk fills, and then nothing is written any more",
            )
            return


def _seen(path: PurePosixPath, text: str, plan: Plan) -> str:
    """What a file says, where it counts: a script counts where something runs it."""
    return text if path.suffix != ".sh" or not plan.services or _is_run(path, plan) else ""


def _is_run(path: PurePosixPath, plan: Plan) -> bool:
    """Does anything run a script: a mount, a schedule, another script, a ConfigMap, or a person who was told?"""
    mounts = ((service, mount) for service in plan.services for mount in service.mounts if mount.kind == "bind")
    return (
        any(path.is_relative_to(outside(service, mount)) for service, mount in mounts)
        or any(path.name in schedule.command for schedule in plan.schedules)
        or any(command.name == path.name for script in plan.all_scripts for command in script.commands)
        or any(path.name in data for data in plan.configs.values())
        or any(path.name in source.text for other, source in plan.sources.items() if other.suffix == ".md")
    )
