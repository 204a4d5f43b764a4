"""Rules on when backups run: that they do, within the RPO, and that what runs them can."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.backups import Dump, backups_of, dumps_of, names_of, schedules_of
from seatrial.plan.reach import image_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.schedules import Schedule

_TOOLS = re.compile(r"pgbackrest|wal-g|wal_g|barman|archive_command|archive_mode|walg|pg_receivewal|pg_probackup")


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
    by_image = any(clocks.search(image_name(image)) for image in images if image)
    by_name = any("backup" in each.name for each in plan.workloads if each.kind == "CronJob")
    texts = (script.text for script in plan.all_scripts)
    return (
        by_image
        or by_name
        or any(re.search(r"crontab\s+-|/etc/cron|systemctl\s+enable.*timer|crond", text) for text in texts)
    )


def _by_container(dump: Dump, plan: Plan) -> bool:
    """Does a container that stays up run the script by its own clock?"""
    commands = [" ".join(service.command) for service in plan.services]
    commands += [" ".join(each.words) for each in plan.containers if each.workload.lasting]
    mounts = [mount.target for service in plan.services for mount in service.mounts]
    names = names_of(dump.script, plan)
    clocks = [target for target in mounts if re.search(r"periodic|cron", target)]
    return any(name in text for name in names for text in [*commands, *clocks]) or bool(clocks)


@rule("backup-no-schedule", CRITICAL, over=backups_of)
def no_schedule(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A backup that nothing runs."""
    others = any(schedules_of(other.script, plan) for other in dumps_of(plan))
    loops = _loops(dump) or _by_container(dump, plan) or _by_others(plan)
    if names_of(dump.script, plan) and not (others or loops or _documented(dump, plan)):
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
