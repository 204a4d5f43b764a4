"""Rules on when backups run: that they do, within the RPO, and that what runs them can."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.backups import Dump, backups_of, dumps_of, names_of, schedules_of
from seatrial.plan.datastores import datastore_of, repository, tag
from seatrial.plan.reach import image_name
from seatrial.plan.shell_course import option
from seatrial.plan.wiring import wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import Workload
    from seatrial.plan.schedules import Schedule

_TOOLS = re.compile(r"pgbackrest|wal-g|wal_g|barman|archive_command|archive_mode|walg|pg_receivewal|pg_probackup")
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


def told(seconds: float) -> str:
    """A time as people say it."""
    for unit, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= length:
            count = seconds / length
            return f"{count:.3g} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"


def every(seconds: float) -> str:
    """An interval as people say it."""
    text = told(seconds)
    return f"every {text.removeprefix('1 ')}" if text.startswith("1 ") else f"every {text}"


def _loops(dump: Dump) -> bool:
    return dump.command.inside("while_statement", "for_statement") and "sleep" in dump.script.text


def _by_others(plan: Plan) -> bool:
    """Is there something else that backs the database up, or runs scripts by its own clock?"""
    images = [each.image for each in plan.services] + [each.image for each in plan.containers]
    clocks = re.compile(r"backup|ofelia|cron|pgbackrest|wal-g|barman|velero|airflow|jenkins|rundeck")
    by_image = any(clocks.search(image_name(image)) for image in images if image and "postgres-backup" not in image)
    texts = (script.text for script in plan.all_scripts)
    return by_image or any(re.search(r"crontab\s+-|/etc/cron|systemctl\s+enable.*timer|crond", text) for text in texts)


@rule("backup-no-schedule", CRITICAL, over=backups_of)
def no_schedule(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A backup that nothing runs."""
    any_other = any(schedules_of(other.script, plan) for other in dumps_of(plan))
    if (
        names_of(dump.script, plan)
        and not any_other
        and not (schedules_of(dump.script, plan) or _loops(dump) or _by_others(plan) or _documented(dump, plan))
    ):
        objective = _objective(plan)
        tail = f": the RPO of {told(objective)} cannot be kept" if objective else ""
        yield dump.command.place, f"is run by no schedule (crontab, timer, CronJob){tail}"


def _documented(dump: Dump, plan: Plan) -> bool:
    """Does a document have the line of the crontab?"""
    names = names_of(dump.script, plan)
    texts = (source.text for path, source in plan.sources.items() if path.suffix in (".md", ".rst", ".txt"))
    return any(
        re.search(rf"(?:[\d*,/-]+\s+){{4}}[\d*,/-]+\s.*{re.escape(name)}", text) for text in texts for name in names
    )


def _objective(plan: Plan) -> float | None:
    """The RPO of the database, or the strictest one that names no kind."""
    found = [
        each.rpo_s
        for document in plan.recoveries
        for each in document.objectives
        if each.kind == "database" and each.rpo_s
    ]
    return min(found, default=None)


def backups_run(plan: Plan) -> list[Schedule]:
    """What runs backups."""
    found = {id(each): each for dump in dumps_of(plan) for each in schedules_of(dump.script, plan)}
    return list(found.values())


@rule("backup-beyond-rpo", CRITICAL, over=backups_run)
def beyond_rpo(schedule: Schedule, plan: Plan) -> Iterator[Found]:
    """Backups come less often than the data may be lost."""
    objective = _objective(plan)
    texts = (source.text for path, source in plan.sources.items() if path.suffix != ".md")
    if objective is None or any(_TOOLS.search(text) for text in texts):
        return
    beside = [
        each.longest_s
        for each in backups_run(plan)
        if (each.what == "CronJob") == (schedule.what == "CronJob") and each.longest_s
    ]
    if beside and schedule.longest_s and min(beside) > objective and schedule.longest_s == min(beside):
        said = f"backs up {every(schedule.longest_s)}, and the RPO of the database is {told(objective)}"
        yield schedule.place, f"{said}: more is lost than may be"


@rule("backup-crontab-percent", CRITICAL, over=lambda plan: plan.timetables)
def crontab_percent(schedule: Schedule, _: Plan) -> Iterator[Found]:
    """A bare % in a crontab."""
    if schedule.what == "crontab" and re.search(r"(?<!\\)%", schedule.command):
        yield (
            schedule.place,
            "has a % in its command, which cron takes for the end of the line (write \\%): the rest never runs",
        )


@rule("backup-script-missing", CRITICAL, over=lambda plan: plan.timetables)
def script_missing(schedule: Schedule, plan: Plan) -> Iterator[Found]:
    """A schedule runs a script that is not there."""
    names = {path.name for path in plan.sources}
    for name in re.findall(r"([\w.-]+\.(?:sh|py))\b", schedule.command):
        if name not in names and re.search(r"backup|dump|restore", name):
            yield schedule.place, f"runs {name}, which is no file here: there is no backup"


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
