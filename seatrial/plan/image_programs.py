"""What is known of public images: which programs they have, and which they do not have for sure."""

from __future__ import annotations

from seatrial.plan.datastores import repository, tag

PROBERS = frozenset({
    "curl", "wget", "nc", "netcat", "bash", "python", "python3", "node", "jq", "pg_isready", "psql", "redis-cli",
    "mysqladmin", "mysql", "mongo", "mongosh", "http", "ncat", "telnet", "ping", "lsof", "netstat", "ss", "ps",
})  # fmt: skip
_NET = frozenset({"curl", "wget", "nc", "netcat", "ncat", "telnet", "http", "jq", "ping", "netstat", "ss", "lsof"})
_CLIENTS = frozenset({"pg_isready", "psql", "redis-cli", "mysqladmin", "mysql", "mongo", "mongosh"})
_LANGUAGES = {"python": frozenset({"python", "python3"}), "node": frozenset({"node"})}
_BUSYBOX = frozenset({"wget", "nc", "ping", "ps", "telnet", "netstat"})
# By image: what is in its Debian form, what is in its Alpine form.
_SERVERS = {
    "postgres": frozenset({"pg_isready", "psql", "bash"}),
    "redis": frozenset({"redis-cli"}),
    "valkey": frozenset({"valkey-cli"}),
}
# Statically linked servers on busybox.
_ON_BUSYBOX = frozenset({
    "prom/prometheus", "prom/alertmanager", "prom/node-exporter", "prom/blackbox-exporter", "prom/pushgateway",
    "quay.io/prometheus/prometheus", "quay.io/prometheus/alertmanager", "quay.io/prometheus/node-exporter",
    "prometheuscommunity/postgres-exporter", "quay.io/prometheuscommunity/postgres-exporter",
})  # fmt: skip
OFFICIAL = frozenset({"debian", "ubuntu", "alpine", "python", "node", "ruby", "golang", "rust", "openjdk",
                      "eclipse-temurin", "buildpack-deps"})  # fmt: skip


def public_name(image: str) -> str:
    """The repository of an image, without Docker Hub's own prefixes."""
    name = repository(image).lower()
    for prefix in ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "library/"):
        name = name.removeprefix(prefix)
    return name


def has_program(image: str, program: str) -> bool | None:
    """Is a program in a public image? None where nobody can tell."""
    name, label = public_name(image), tag(image).lower()
    if name == "scratch" or name.startswith(("gcr.io/distroless/", "oliver006/redis_exporter")):
        return None if "debug" in label or "alpine" in label or name.endswith("python3") else False
    if name in _ON_BUSYBOX:
        return True if program in _BUSYBOX else False if program in ("curl", "bash") else None
    if name in _SERVERS:
        return _in_server(_SERVERS[name], "alpine" in label, program)
    if name.startswith("docker.elastic.co/"):
        return True if program in ("curl", "bash") else False if program in _CLIENTS else None
    return _in_base(name, label, program) if name in OFFICIAL else None


def _in_server(own: frozenset[str], alpine: bool, program: str) -> bool | None:
    if program in own or (alpine and program in _BUSYBOX):
        return True
    if program in _CLIENTS or program in ("curl", "python", "python3", "node"):
        return False
    return False if program in _NET and not alpine else None


def _in_base(name: str, label: str, program: str) -> bool | None:
    if program in _LANGUAGES.get(name, ()):
        return True
    if name == "alpine" or "alpine" in label:
        lacks = program in _CLIENTS or program in ("curl", "bash", "jq", "http", "python", "python3", "node")
        return True if program in _BUSYBOX else False if lacks else None
    slim = "slim" in label or name in ("debian", "ubuntu")
    if program == "bash":
        return True
    if slim:
        lacks = program in _NET | _CLIENTS or program in ("ps", "python", "python3", "node")
        return False if lacks and name in ("debian", "ubuntu", "python", "node") else None
    if name in ("python", "node", "buildpack-deps"):
        return (
            True if program in ("curl", "wget") else False if program in _CLIENTS or program in ("jq", "nc") else None
        )
    return None
