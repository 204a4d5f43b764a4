"""Rules about NetworkPolicies: none where a database is, and ones that cut what the programs need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MINOR, Found, rule
from seatrial.plan.addresses import addresses_of, lead_of
from seatrial.plan.cluster import cluster_of
from seatrial.plan.datastores import datastore_of
from seatrial.plan.kubernetes import match_labels
from seatrial.plan.volumes import runs_server
from seatrial.rules.references import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import KubeService
    from seatrial.plan.kubernetes import KubeObject, Workload
    from seatrial.plan.nodes import Node

_DNS = 53
_OTHERS = frozenset({"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "GlobalNetworkPolicy",
                     "AdminNetworkPolicy", "AuthorizationPolicy"})  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """A workload that has to reach a port of another's pods."""

    source: Workload
    target: Workload
    ports: frozenset[str]  # of the pod, by number and by name
    variable: str


def databases(plan: Plan) -> list[Workload]:
    """The first database of each namespace."""
    found: dict[str, Workload] = {}
    for workload in plan.workloads:
        for each in workload.containers:
            store = datastore_of(each.image)
            if store is not None and workload.lasting and runs_server(each, store):
                found.setdefault(cluster_of(plan).home(workload.namespace), workload)
    return list(found.values())


@rule("kube-network-policy-none", MINOR, over=databases)
def network_policy_none(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A namespace with a database and no NetworkPolicy."""
    near = cluster_of(plan).near("NetworkPolicy", workload.namespace)
    if not near and not plan.of_kind(*_OTHERS) and not cluster_of(plan).open:
        said = f"no NetworkPolicy in namespace {workload.namespace}"
        yield workload.place, f"{said}: every pod of the cluster may connect to {workload.label}"


@lru_cache(maxsize=2)
def _edges(plan: Plan) -> dict[int, list[Edge]]:
    """What each workload has to reach, by the URLs in its variables."""
    found: dict[int, list[Edge]] = {}
    for workload in plan.workloads:
        for container in workload.containers:
            for address in addresses_of(container, plan):
                lead = lead_of(address, cluster_of(plan))
                if lead is not None and lead.service is not None:
                    for target in (each for each in cluster_of(plan).pods(lead.service) if each is not workload):
                        ports = _pod_ports(lead.service, address.port, target)
                        found.setdefault(id(workload), []).append(Edge(workload, target, ports, address.variable))
    return found


def _pod_ports(service: KubeService, port: int | None, target: Workload) -> frozenset[str]:
    entry = service.ports.get(port or -1)
    wanted = entry.get("targetPort").text or str(port) if entry is not None else str(port or "")
    named = {name: str(number) for each in target.containers for number, name in each.ports.items() if name}
    numbers = {number: name for name, number in named.items()}
    return frozenset(filter(None, {wanted, named.get(wanted, ""), numbers.get(wanted, "")}))


def _policies(workload: Workload, way: str, plan: Plan) -> list[KubeObject]:
    """The policies that restrict a workload's pods in a direction."""
    cluster = cluster_of(plan)
    labels = cluster.labels(workload)
    found = []
    for each in cluster.near("NetworkPolicy", workload.namespace):
        selector = each.get("spec", "podSelector")
        kinds = each.get("spec", "policyTypes").texts() or [
            "Ingress",
            *(["Egress"] if each.get("spec", "egress") else []),
        ]
        if way in kinds and (not len(selector) or match_labels(selector, labels)):
            found.append(each)
    return found


def _peer_fits(peer: Node, other: Workload, own_home: str, plan: Plan) -> bool:
    """May a peer of a policy be the other workload's pods? An address block may be anybody."""
    cluster = cluster_of(plan)
    if peer.get("ipBlock").written:
        return True
    spaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    if spaces.written:
        thing = next((each for each in plan.of_kind("Namespace") if each.name == other.namespace), None)
        labels = {"kubernetes.io/metadata.name": other.namespace, **(thing.labels if thing else {})}
        if len(spaces) and not match_labels(spaces, labels):
            return thing is None and not spaces.get("matchLabels", "kubernetes.io/metadata.name").written
    elif cluster.home(other.namespace) != own_home:
        return False
    return not len(pods) or match_labels(pods, cluster.labels(other))


def _allows(policies: list[KubeObject], way: str, other: Workload, ports: frozenset[str], plan: Plan) -> bool:
    side = "from" if way == "ingress" else "to"
    for policy in policies:
        home = cluster_of(plan).home(policy.namespace)
        for entry in policy.get("spec", way):
            peers = list(entry.get(side))
            if (not peers or any(_peer_fits(peer, other, home, plan) for peer in peers)) and _port_fits(entry, ports):
                return True
    return False


def _port_fits(entry: Node, ports: frozenset[str]) -> bool:
    given = list(entry.get("ports"))
    tcp = [each for each in given if each.get("protocol").text in ("", "TCP")]
    return not given or not ports or any(_covers(each, ports) for each in tcp)


def _covers(entry: Node, ports: frozenset[str]) -> bool:
    first, last = entry.get("port"), entry.get("endPort").integer
    if not first.text or first.text in ports:
        return True
    start = first.integer
    numbers = [int(port) for port in ports if port.isdigit()]
    return start is not None and last is not None and any(start <= number <= last for number in numbers)


@lru_cache(maxsize=2)
def _edges_to(plan: Plan) -> dict[int, list[Edge]]:
    """Who has to reach each workload."""
    found: dict[int, list[Edge]] = {}
    for edge in (edge for edges in _edges(plan).values() for edge in edges):
        found.setdefault(id(edge.target), []).append(edge)
    return found


@rule("kube-network-policy-cuts", CRITICAL, over=workloads)
def network_policy_cuts(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A NetworkPolicy that does not allow a connection that a workload's variables need."""
    for way, edges in (("egress", _edges(plan)), ("ingress", _edges_to(plan))):
        policies = _policies(workload, way.capitalize(), plan)
        cut: dict[str, str] = {}
        for edge in edges.get(id(workload), []) if policies else ():
            other = edge.target if way == "egress" else edge.source
            if not _allows(policies, way, other, edge.ports, plan):
                port = next((each for each in sorted(edge.ports) if each.isdigit()), "its port")
                cut.setdefault(f"{'to' if way == 'egress' else 'from'} {other.label} on {port}", edge.variable)
        if cut:
            said = ", ".join(f"{where} ({variable})" for where, variable in cut.items())
            yield policies[0].place, f"{way} of {workload.label} is not allowed {said}"


@rule("kube-network-policy-dns", CRITICAL, over=workloads)
def network_policy_dns(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A NetworkPolicy that lets a workload connect to names, and not ask for them."""
    policies = _policies(workload, "Egress", plan)
    if not policies or not _edges(plan).get(id(workload)):
        return
    if not any(_allows_dns(entry) for policy in policies for entry in policy.get("spec", "egress")):
        said = f"egress of {workload.label} does not allow DNS (UDP port {_DNS})"
        yield policies[0].place, f"{said}, so it finds no Service by its name"


def _allows_dns(entry: Node) -> bool:
    """Does a rule let UDP port 53 out to anything that may be the DNS server?"""
    ports = list(entry.get("ports"))
    asks = not ports or any(
        each.get("protocol").text == "UDP" and (not each.get("port").text or _covers(each, frozenset({"53", "dns"})))
        for each in ports
    )
    peers = list(entry.get("to"))
    return asks and (
        not peers
        or any(peer.get("namespaceSelector").written or peer.get("ipBlock").written or ports for peer in peers)
    )
