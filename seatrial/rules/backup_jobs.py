"""Rules on the CronJobs that make backups: whether they run, and whether their image can."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.backups import Dump, dumps_of, names_of
from seatrial.plan.datastores import datastore_of, repository, tag
from seatrial.plan.reach import image_name
from seatrial.plan.shell_course import option
from seatrial.plan.wiring import wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import Workload

_BARE = frozenset(
    {
        "alpine",
        "busybox",
        "debian",
        "ubuntu",
        "kubectl",
        "curl",
        "python",
        "node",
        "bash",
        "amazonlinux",
        "aws-cli",
        "redis",
        "nginx",
    }
)


def cron_jobs(plan: Plan) -> list[Workload]:
    """The CronJobs that make backups."""
    return [each for each in plan.workloads if each.kind == "CronJob" and _makes_backups(each, plan)]


def _makes_backups(workload: Workload, plan: Plan) -> bool:
    words = " ".join(word for container in workload.containers for word in container.words)
    scripts = (name for dump in dumps_of(plan) for name in names_of(dump.script, plan))
    return "pg_dump" in words or any(name in words for name in scripts)


@rule("backup-suspended", CRITICAL, over=cron_jobs)
def suspended(workload: Workload, _: Plan) -> Iterator[Found]:
    """A backup that is switched off."""
    node = workload.object.get("spec", "suspend")
    if node.flag:
        yield node, "is suspended: it never runs"


@rule("backup-concurrent", MINOR, over=cron_jobs)
def concurrent(workload: Workload, _: Plan) -> Iterator[Found]:
    """Two runs at once."""
    policy = workload.object.get("spec", "concurrencyPolicy")
    if policy.text not in ("Forbid", "Replace"):
        where = policy if policy.written else workload.object.get("spec", "schedule")
        yield where, "lets a run start while the last one still runs (concurrencyPolicy is Allow unless it says Forbid)"


@rule("backup-deadline-short", MAJOR, over=cron_jobs)
def deadline_short(workload: Workload, _: Plan) -> Iterator[Found]:
    """A deadline within which the controller does not look."""
    node = workload.object.get("spec", "startingDeadlineSeconds")
    if node.integer is not None and node.integer < 10:
        yield node, f"may start only within {node.integer} s, and the controller looks every 10 s: it may never run"


def _backup_containers(workload: Workload) -> list[Container]:
    return [each for each in workload.containers if datastore_of(each.image) or image_name(each.image) in _BARE]


@rule("backup-client-missing", CRITICAL, over=cron_jobs)
def client_missing(workload: Workload, plan: Plan) -> Iterator[Found]:
    """An image without pg_dump."""
    for container in _backup_containers(workload):
        words = " ".join(container.words)
        scripts = " ".join(
            dump.script.text for dump in dumps_of(plan) if any(name in words for name in names_of(dump.script, plan))
        )
        installs = re.search(
            r"\b(?:apk|apt|apt-get|yum|dnf)\b.*(?:install|add)|kubectl\s+exec|docker\s+exec", f"{words} {scripts}"
        )
        direct = "pg_dump" in words or "pg_dump" in scripts
        if direct and image_name(container.image) in _BARE and not installs:
            yield container.node.get("image"), f"runs pg_dump in {container.image}, which has none: every run fails"


def _major(image: str) -> int | None:
    match = re.match(r"(\d+)", tag(image))
    return int(match[1]) if match and repository(image).rpartition("/")[2] == "postgres" else None


@rule("backup-client-old", CRITICAL, over=cron_jobs)
def client_old(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A pg_dump that is older than its server."""
    servers = [_major(each.image) for each in plan.containers if each.workload.lasting]
    newest = max((version for version in servers if version), default=0)
    for container in workload.containers:
        mine = _major(container.image)
        if mine is not None and mine < newest:
            yield (
                container.node.get("image"),
                f"runs pg_dump {mine} against PostgreSQL {newest}, and pg_dump refuses servers newer than itself",
            )


@rule("backup-of-itself", CRITICAL, over=cron_jobs)
def of_itself(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A dump of localhost, in a pod without a database."""
    for container in workload.containers:
        words = " ".join(container.words)
        settings = wiring_of(plan).settings(container)
        alone = not any(datastore_of(other.image) for other in workload.containers if other is not container)
        for dump in dumps_of(plan) if alone else ():
            runs = any(name in words for name in names_of(dump.script, plan)) or (
                dump.script.file == workload.node.file and dump.script.text.strip()[:80] in words
            )
            if runs and not dump.elsewhere and _host(dump, set(settings)) in ("localhost", "127.0.0.1", ""):
                yield container.place, "dumps localhost, and in its pod there is no database: every run fails"


def _host(dump: Dump, given: set[str]) -> str:
    """The host that a dump asks in a pod; the name of a variable that the pod gives stands for something else."""
    text = option(dump.words, "-h", "--host")
    if text is None:
        uri = any("://" in word or "$" in word or "host=" in word for word in dump.words[1:])
        return "elsewhere" if uri or "PGHOST" in given or "PGHOST" in dump.script.text else ""
    names = re.findall(r"\$\{?(\w+)", text)
    origin = " ".join(value for name, value, _ in dump.script.assignments if name in names)
    return (
        "elsewhere"
        if any(name in given for name in [*names, *re.findall(r"\$\{?(\w+)", origin)])
        else dump.filled(text)
    )
