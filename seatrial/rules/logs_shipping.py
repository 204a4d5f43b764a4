"""Rules on the way of a log line: from Filebeat to Logstash to Elasticsearch, by host, port, password and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.log_fields import Flow, flows_of
from seatrial.plan.log_stack import (
    address_of,
    elastic_addresses,
    elasticsearch_at,
    encrypted,
    filebeat_of,
    flow_of,
    runs_in,
    secured,
    setting,
    stack,
    version_of,
)
from seatrial.plan.reach import reach_of
from seatrial.plan.shipping import Filebeat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.compose import Service
    from seatrial.plan.nodes import Node
    from seatrial.plan.shipping import Plugin

_WAYS_IN = ("user", "api_key", "cloud_auth", "ssl_certificate", "keystore", "client_cert", "cloud_id")


def filebeats(plan: Plan) -> list[Filebeat]:
    """The Filebeat configurations."""
    return plan.filebeats


def logstashes(plan: Plan) -> list[Service]:
    """The services that run Logstash."""
    return stack(plan, "logstash")


def kibanas(plan: Plan) -> list[Service]:
    """The services that run Kibana."""
    return stack(plan, "kibana")


def _hosts(output: Node) -> Iterator[tuple[Node, str, int | None]]:
    hosts = output.get("hosts")
    for node in hosts if hosts.is_list else [hosts]:
        for text in node.text.strip("[]").split(","):
            address = address_of(text.strip(" \"'"))
            if address is not None:
                yield node, address.host, address.port


def _enabled(output: Node) -> bool:
    return output.get("enabled").flag is not False


def _beats_ports(plan: Plan) -> list[int]:
    inputs = [plugin for flow in flows_of(plan) for plugin in flow.of("input", "beats", "elastic_agent")]
    texts = [plugin.text("port") or "5044" for plugin in inputs]
    return [int(text) for text in texts if text.isdigit()] if all(text.isdigit() for text in texts) else []


@rule("logs-beats-port", CRITICAL, over=filebeats)
def beats_port(filebeat: Filebeat, plan: Plan) -> Iterator[Found]:
    """Filebeat sends to a port of Logstash on which no Beats input listens."""
    ports = _beats_ports(plan)
    output = filebeat.outputs.get("logstash")
    if output is None or not ports or not _enabled(output):
        return
    for node, host, port in _hosts(output):
        services = stack(plan, "logstash")
        named = any(each.name == host for each in services)
        outer = {each.published for service in services for each in service.ports if not named}
        if (port or 5044) not in ports and port not in outer:
            listed = ", ".join(map(str, sorted(set(ports))))
            yield node, f"sends to {host}:{port or 5044}, and Logstash waits for Beats on {listed}: no line arrives"


@rule("logs-filebeat-host", CRITICAL, over=filebeats)
def filebeat_host(filebeat: Filebeat, plan: Plan) -> Iterator[Found]:
    """Filebeat sends to a host that no file deploys."""
    for output in filebeat.outputs.values():
        for node, host, _ in _hosts(output) if _enabled(output) else ():
            if "." not in host and reach_of(plan).missing(host):
                yield node, f"sends to {host}, which no file deploys: no line arrives"


@rule("logs-output-host", CRITICAL, over=flows_of)
def output_host(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Logstash writes to a host that no file deploys."""
    for plugin in flow.of("output", "elasticsearch"):
        for address in elastic_addresses(plugin):
            if "." not in address.host and reach_of(plan).missing(address.host):
                said = f"writes to {address.host}, which no file deploys: nothing is kept"
                yield plugin.at("hosts"), said


@rule("logs-output-localhost", CRITICAL, over=flows_of)
def output_localhost(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Logstash in a container writes to itself."""
    service = runs_in(flow, plan)
    alone = service is not None and not service.text("network_mode")
    for plugin in flow.of("output", "elasticsearch") if alone else ():
        hosts = [address.host for address in elastic_addresses(plugin)]
        itself = bool({"localhost", "127.0.0.1"} & set(hosts)) or not plugin.texts("hosts")
        if itself and "cloud_id" not in plugin.settings:
            said = "writes to localhost, which in its container is Logstash itself"
            yield plugin.at("hosts"), f"{said}: nothing is kept"


def _credentials(plugin: Plugin) -> bool:
    urls = " ".join(plugin.texts("hosts"))
    return any(key in plugin.settings for key in _WAYS_IN) or "@" in urls


@rule("logs-no-credentials", CRITICAL, over=flows_of)
def no_credentials(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Logstash writes without a name and a password to an Elasticsearch that asks for them."""
    for plugin in flow.of("output", "elasticsearch"):
        for address in elastic_addresses(plugin):
            service = elasticsearch_at(address.host, plan)
            if service is not None and secured(service) and not _credentials(plugin):
                said = f"writes to {address.host} without user and password, and its security is on"
                yield plugin.place, f"{said}: every document is refused"
                break


@rule("logs-output-scheme", CRITICAL, over=flows_of)
def output_scheme(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Plain HTTP to an Elasticsearch that speaks TLS, or the other way round."""
    for plugin in flow.of("output", "elasticsearch"):
        for address in elastic_addresses(plugin):
            service = elasticsearch_at(address.host, plan)
            tls = encrypted(service) if service is not None else None
            asks = address.scheme == "https" or plugin.text("ssl") == "true" or plugin.text("ssl_enabled") == "true"
            if (
                tls is not None
                and tls != asks
                and not any(key.startswith("ssl") for key in plugin.settings if not asks)
            ):
                wants = "speaks TLS" if tls else "speaks plain HTTP"
                by = " (version 8 sets that up by itself where no xpack.security setting is given)"
                way = "https" if asks else "http"
                tail = by if tls and setting(service, "xpack.security.http.ssl.enabled")[0] is None else ""  # type: ignore[arg-type]
                yield plugin.at("hosts"), f"asks {address.host} over {way}, which {wants}{tail}: nothing is kept"
                break


@rule("logs-kibana-credentials", MAJOR, over=kibanas)
def kibana_credentials(service: Service, plan: Plan) -> Iterator[Found]:
    """Kibana has no account at an Elasticsearch that asks for one."""
    text = setting(service, "elasticsearch.hosts")[0] or "http://elasticsearch:9200"
    address = address_of(text.strip("[]\"' "))
    elastic = elasticsearch_at(address.host, plan) if address else None
    told = any(word in name.upper() for name in service.values for word in ("USERNAME", "TOKEN", "SERVICEACCOUNT"))
    mounted = any(mount.target.startswith("/usr/share/kibana/config") for mount in service.mounts)
    if elastic is None or not secured(elastic) or mounted:
        return
    if not told:
        yield service.place, f"asks {elastic.name} without an account, and its security is on: Kibana shows nothing"
    elif setting(service, "elasticsearch.username")[0] == "elastic" and service.image.partition(":")[2][:1] in "89":
        node = setting(service, "elasticsearch.username")[1]
        yield node, "logs in as elastic, which Kibana 8 forbids: it does not start (kibana_system, or a service token)"


def _apart(one: Service, other: Service) -> bool:
    """Are two services of one project on no common network?"""
    same = one.project is other.project and one is not other
    hosted = one.text("network_mode") or other.text("network_mode")
    return bool(same and not hosted and not set(one.networks) & set(other.networks))


@rule("logs-networks-apart", CRITICAL, over=logstashes)
def networks_apart(service: Service, plan: Plan) -> Iterator[Found]:
    """Logstash shares no network with who sends to it, or with where it writes."""
    flow = flow_of(service, plan)
    for plugin in flow.of("output", "elasticsearch") if flow else ():
        for address in elastic_addresses(plugin):
            other = elasticsearch_at(address.host, plan)
            if other is not None and _apart(service, other):
                yield service.place, f"is on no network with {other.name}, to which it writes: nothing is kept"
                break
        else:
            continue
        break
    for beat in stack(plan, "filebeat"):
        filebeat = filebeat_of(beat, plan)
        output = filebeat.outputs.get("logstash") if filebeat else None
        if output is not None and _apart(beat, service) and any(host == service.name for _, host, _ in _hosts(output)):
            yield beat.place, f"is on no network with {service.name}, to which it sends: no line arrives"


@rule("logs-two-outputs", CRITICAL, over=filebeats)
def two_outputs(filebeat: Filebeat, _: Plan) -> Iterator[Found]:
    """Filebeat takes one output only."""
    on = {name: node for name, node in filebeat.outputs.items() if _enabled(node) and node.is_map}
    if len(on) > 1:
        name, node = list(on.items())[-1]
        others = ", ".join(other for other in on if other != name)
        yield node, f"sends to {name} as well as to {others}: Filebeat takes one output, and does not start with two"


@rule("logs-filebeat-idle", CRITICAL, over=filebeats)
def filebeat_idle(filebeat: Filebeat, plan: Plan) -> Iterator[Found]:
    """Filebeat without an input that is on, or with one that its version no longer has."""
    inputs = filebeat.setting("filebeat.inputs")
    others = any(filebeat.setting(f"filebeat.{key}").written for key in ("modules", "autodiscover", "config"))
    if inputs.is_list and len(inputs) and not others and all(each.get("enabled").flag is False for each in inputs):
        yield inputs, "has no input that is enabled: Filebeat does not start"
    images = [version_of(each) for each in stack(plan, "filebeat") if filebeat_of(each, plan) is filebeat]
    for each in inputs if any(version and version[0] >= 8 for version in images) else ():
        if each.get("type").text == "docker":
            yield each.get("type"), "has an input of type docker, which version 8 does not have any more (container)"


@rule("logs-tls-one-side", CRITICAL, over=filebeats)
def tls_one_side(filebeat: Filebeat, plan: Plan) -> Iterator[Found]:
    """TLS between Filebeat and Logstash on one side only."""
    output = filebeat.outputs.get("logstash")
    inputs = [plugin for flow in flows_of(plan) for plugin in flow.of("input", "beats")]
    if output is None or len(inputs) != 1 or not _enabled(output):
        return
    keys = [key for key, _ in output.items() if key.startswith("ssl")]
    sends = bool(keys) and filebeat.setting("output.logstash.ssl.enabled").flag is not False
    waits = inputs[0].text("ssl") == "true" or inputs[0].text("ssl_enabled") == "true"
    if sends != waits:
        one, other = ("Filebeat", "Logstash") if sends else ("Logstash", "Filebeat")
        yield output, f"{one} speaks TLS here and {other} does not: no line arrives"
