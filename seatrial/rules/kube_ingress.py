"""Rules about Ingresses: where they lead, how, and whether anybody can read along."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.rules.kube_namespaces import is_forgotten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.cluster import KubeService
    from seatrial.plan.kubernetes import KubeObject
    from seatrial.plan.nodes import Node

_OWN_TLS = re.compile(
    r"alb\.ingress|networking\.gke\.io/managed-cert|gke\.io/pre-shared|pre-shared-cert|router\.tls|appgw-ssl|ssl-cert"
)
_LOCAL = re.compile(r"localhost|.*\.(?:local|localhost|test|nip\.io)")
NGINX = "nginx.ingress.kubernetes.io"


def ingresses(plan: Plan) -> list[KubeObject]:
    """Every Ingress."""
    return plan.of_kind("Ingress")


def _backends(ingress: KubeObject) -> Iterator[tuple[str, Node, Node]]:
    """The Services that it leads to: name, node of the name, port."""
    places = [ingress.get("spec", "defaultBackend"), ingress.get("spec", "backend")]
    places += [path.get("backend") for path in _paths(ingress)]
    for backend in places:
        name, port = backend.get("service", "name"), backend.get("service", "port")
        if name.text:
            yield name.text, name, port.get("number") if port.get("number") else port.get("name")
        elif backend.get("serviceName").text:
            yield backend.get("serviceName").text, backend.get("serviceName"), backend.get("servicePort")


def _paths(ingress: KubeObject) -> Iterator[Node]:
    for entry in ingress.get("spec", "rules"):
        yield from entry.get("http", "paths")


@rule("kube-ingress-backend", CRITICAL, over=ingresses)
def ingress_backend(ingress: KubeObject, plan: Plan) -> Iterator[Found]:
    """An Ingress that leads to a Service or a port that does not exist."""
    cluster = cluster_of(plan)
    if cluster.open or cluster.patched(ingress) or is_forgotten(plan, ingress):
        return
    first = {(name, port.text): (name, node, port) for name, node, port in reversed([*_backends(ingress)])}
    for name, node, port in first.values():
        service = cluster.service(ingress.namespace, name)
        if service is None:
            others = cluster.services_named(name)
            if cluster.operated(ingress.namespace) or any(is_forgotten(plan, each.object) for each in others):
                continue
            tail = f": it is in namespace {others[0].object.namespace}" if others else ""
            yield node, f"leads to Service {name}, which namespace {ingress.namespace} does not have{tail}"
        elif port.text and not _has(service, port):
            has = ", ".join(_shown(each) for each in service.object.get("spec", "ports"))
            yield port, f"leads to port {port.text} of Service {name}, which has only {has}"


def _has(service: KubeService, port: Node) -> bool:
    if service.external and not service.ports:
        return True
    if port.integer is not None:
        return port.integer in service.ports
    return any(each.get("name").text == port.text for each in service.object.get("spec", "ports"))


def _shown(port: Node) -> str:
    name = port.get("name").text
    return f"{port.get('port').text} ({name})" if name else port.get("port").text


@rule("kube-ingress-rewrite", CRITICAL, over=ingresses)
def ingress_rewrite(ingress: KubeObject, plan: Plan) -> Iterator[Found]:
    """A rewrite-target that turns every path into one."""
    node = ingress.get("metadata", "annotations", f"{NGINX}/rewrite-target")
    target = node.text
    wide = [each for each in _paths(ingress) if each.get("pathType").text != "Exact" and not _is_target(each, target)]
    if target and "$" not in target and wide and not cluster_of(plan).patched(ingress):
        path = wide[0].get("path").text or "/"
        yield node, f"rewrites every path under {path} to {target}, as it takes over no part of the path"


def _is_target(path: Node, target: str) -> bool:
    """Is the path the rewrite target itself, for which ingress-nginx writes no rewrite? It ends a prefix with a /."""
    text = path.get("path").text or "/"
    prefix = path.get("pathType").text == "Prefix" and not text.endswith("/")
    return target == (f"{text}/" if prefix else text)


@rule("kube-ingress-tls", MAJOR, over=ingresses)
def ingress_tls(ingress: KubeObject, plan: Plan) -> Iterator[Found]:
    """An Ingress without TLS, or with TLS for other hosts."""
    spec = ingress.get("spec")
    if any(_OWN_TLS.search(key) for key in ingress.annotations) or cluster_of(plan).patched(ingress):
        return
    hosts = [entry.get("host") for entry in spec.get("rules") if not _LOCAL.fullmatch(entry.get("host").text)]
    if not spec.get("tls"):
        if hosts or not len(spec.get("rules")):
            named = ", ".join(dict.fromkeys(host.text or "every host" for host in hosts)) or "every host"
            yield ingress.place, f"serves {named} without TLS{_redirect(ingress)}"
        return
    covered = {name for entry in spec.get("tls") for name in entry.get("hosts").texts()}
    for host in hosts if covered else []:
        if host.text and host.text not in covered and f"*.{host.text.partition('.')[2]}" not in covered:
            yield host, f"has TLS only for {', '.join(sorted(covered))}, not for {host.text}"


def _redirect(ingress: KubeObject) -> str:
    notes = ingress.annotations
    if notes.get(f"{NGINX}/force-ssl-redirect", "").lower() == "true":
        return ": it sends everybody to HTTPS, for which it has no certificate"
    return ": ssl-redirect has no effect" if notes.get(f"{NGINX}/ssl-redirect", "").lower() == "true" else ""


@rule("kube-ingress-class", MINOR, over=ingresses)
def ingress_class(ingress: KubeObject, _plan: Plan) -> Iterator[Found]:
    """The class by the annotation that is deprecated."""
    node = ingress.get("metadata", "annotations", "kubernetes.io/ingress.class")
    if node.text and not ingress.get("spec", "ingressClassName").text:
        yield node, f"names its class {node.text} by a deprecated annotation, not by spec.ingressClassName"
