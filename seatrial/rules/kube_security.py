"""Rules about what a pod may do to its node, and under whose name it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.cluster import cluster_of
from seatrial.plan.datastores import datastore_of
from seatrial.rules.kube_namespaces import is_forgotten
from seatrial.rules.references import all_containers, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import Workload


@rule("kube-privileged", MAJOR, over=all_containers)
def privileged(container: Container, _plan: Plan) -> Iterator[Found]:
    """A privileged container."""
    node = container.node.get("securityContext", "privileged")
    if node.flag is True:
        yield node, "is privileged: whoever breaks into it has the node"


@rule("kube-host-access", MAJOR, over=workloads)
def host_access(workload: Workload, _plan: Plan) -> Iterator[Found]:
    """Namespaces or folders of the node in a pod that is no agent of the node."""
    agent = workload.kind == "DaemonSet"  # it looks at its node on purpose
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        node = workload.pod.get(key)
        if node.flag is True and not agent:
            yield node, f"{key} gives the pod the node's own {key.removeprefix('host').lower()}"
    for volume in workload.pod.get("volumes"):
        path = volume.get("hostPath", "path")
        if path.text and path.text != "/etc/localtime" and not (agent and not path.text.endswith(".sock")):
            yield path, f"mounts {path.text} of whatever node it runs on"


def _writes(container: Container) -> bool:
    """The images of datastores write their configuration at each start."""
    return datastore_of(container.image) is not None


def _reads_logs(workload: Workload) -> bool:
    """Does an agent read the logs of its node, which belong to root? It says so by its user."""
    paths = (volume.get("hostPath", "path").text for volume in workload.pod.get("volumes"))
    return workload.kind == "DaemonSet" and any(path.startswith("/var/log") for path in paths)


def _missing(container: Container) -> list[str]:
    """The settings that a container's security lacks, those of its pod counted."""
    own, pod = container.node.get("securityContext"), container.workload.pod.get("securityContext")
    user = own.get("runAsUser").integer if own.get("runAsUser").written else pod.get("runAsUser").integer
    root = own.get("runAsNonRoot").flag if own.get("runAsNonRoot").written else pod.get("runAsNonRoot").flag
    profile = own.get("seccompProfile", "type").text or pod.get("seccompProfile", "type").text
    dropped = {text.upper() for text in own.get("capabilities", "drop").texts()}
    checks = {
        "runAsNonRoot": root is True or bool(user) or (user == 0 and _reads_logs(container.workload)),
        "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem").flag is True or _writes(container),
        "allowPrivilegeEscalation: false": own.get("allowPrivilegeEscalation").flag is False,
        "capabilities.drop: [ALL]": "ALL" in dropped,
        "seccompProfile": profile in ("RuntimeDefault", "Localhost"),
    }
    return [name for name, present in checks.items() if not present]


@rule("kube-hardening", MINOR, over=workloads)
def hardening(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A workload without the usual restrictions."""
    if cluster_of(plan).patched(workload.object):
        return
    absent = list(dict.fromkeys(name for each in workload.containers for name in _missing(each)))
    pod = workload.pod
    if pod.get("automountServiceAccountToken").flag is not False and not pod.get("serviceAccountName").text:
        absent += ["automountServiceAccountToken: false"] if absent else []
    if absent:
        yield workload.place, f"its securityContext lacks {', '.join(absent)}"


@rule("kube-service-account", CRITICAL, over=workloads)
def service_account(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A service account that its namespace does not have."""
    cluster = cluster_of(plan)
    node = workload.pod.get("serviceAccountName")
    node = node if node.text else workload.pod.get("serviceAccount")
    unsure = cluster.open or cluster.patched(workload.object) or cluster.operated(workload.namespace)
    if node.text in ("", "default") or node.text in cluster.created or unsure or is_forgotten(plan, workload.object):
        return
    others = cluster.named.get(("ServiceAccount", node.text), [])
    if cluster.lookup("ServiceAccount", workload.namespace, node.text) or any(
        is_forgotten(plan, each) for each in others
    ):
        return
    tail = f"it is in namespace {others[0].namespace}" if others else "no pod is created"
    yield node, f"runs as ServiceAccount {node.text}, which namespace {workload.namespace} does not have: {tail}"


@rule("kube-priority-class", CRITICAL, over=workloads)
def priority_class(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A priority class that does not exist, though others do."""
    node = workload.pod.get("priorityClassName")
    known = {each.name for each in plan.of_kind("PriorityClass")}
    judged = known and not node.text.startswith("system-") and not cluster_of(plan).open
    if judged and node.text and node.text not in known:
        yield node, f"has the PriorityClass {node.text}, which does not exist (there is {', '.join(sorted(known))})"
