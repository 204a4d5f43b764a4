"""Rules on where backups of a cluster end up: on a volume of their job, and of the right database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, Found, rule
from seatrial.plan.backups import Dump, backups_of, dumps_of, names_of
from seatrial.plan.cluster import cluster_of
from seatrial.plan.recovery_means import BACKS_UP
from seatrial.plan.shell_course import fill, option
from seatrial.plan.volumes import CLAIM, KEPT, LOST, UNDEFINED, PodMount, home_of_data, lies_in, mounts_of
from seatrial.plan.wiring import UNKNOWN, wiring_of
from seatrial.rules.backup_jobs import cron_jobs
from seatrial.rules.backup_keeping import AWAY, commands_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.containers import Container
    from seatrial.plan.kubernetes import Workload

_MAY_COPY = re.compile(
    r"upload|sync|push|\bcopy|python|node\b|\bs3\b|rclone|aws|gsutil|azcopy|velero|restic", re.IGNORECASE
)
_COPIES = ("cp", "mv", "install", "rsync", "tar")


def runs_dump(container: Container, dump: Dump, plan: Plan) -> bool:
    """Does a container run the script of a dump?"""
    words = " ".join(container.words)
    inline = dump.script.file == container.node.file and dump.script.text.strip()[:80] in words
    return inline or any(name in words for name in names_of(dump.script, plan))


def _folder(dump: Dump, container: Container, plan: Plan) -> str:
    """The folder that a dump writes to in a container; empty where nobody can tell."""
    folder, settings = dump.folder, wiring_of(plan).settings(container)
    for _, text, _ in dump.script.assignments:
        default = re.fullmatch(r"\$\{(\w+):?-([^}]+)\}", text)
        if default and default[1] in settings and lies_in(folder, fill(dump.script, default[2])):
            value = settings[default[1]].value
            if value is None or UNKNOWN in value or "$" in value:
                return ""
            folder = value.rstrip("/") + folder[len(fill(dump.script, default[2])) :]
    told = folder.startswith("/") and "$" not in folder and "x" not in folder.split("/")
    return folder if told and not (dump.elsewhere and option(dump.words, "-f", "--file")) else ""


def _copied(dump: Dump, workload: Workload, plan: Plan) -> bool:
    """May something in the pod bring the dump to another place, or to a volume?"""
    commands = list(commands_beside(dump, plan))
    if any(AWAY.match(each.text) or AWAY.match(each.name) for each in commands):
        return True
    everything = [*workload.containers, *workload.init_containers]
    paths = [mount.path for each in everything for mount in mounts_of(each) if mount.behind in (CLAIM, KEPT)]
    for command in commands:
        words = [fill(command.script, word) for word in command.program[1:]]
        if command.name in _COPIES and any(lies_in(word, path) or "$" in word for word in words[-1:] for path in paths):
            return True
    others = (f"{each.image} {' '.join(each.words)}" for each in everything if not runs_dump(each, dump, plan))
    return any(map(_MAY_COPY.search, others)) or any(_MAY_COPY.search(each.name) for each in commands)


@rule("backup-job-no-volume", CRITICAL, over=cron_jobs)
def job_no_volume(workload: Workload, plan: Plan) -> Iterator[Found]:
    """A job that writes its backup where it is gone with the pod."""
    for container in workload.containers if not cluster_of(plan).patched(workload.object) else ():
        for dump in dumps_of(plan):
            folder = _folder(dump, container, plan) if runs_dump(container, dump, plan) else ""
            over = [each for each in mounts_of(container) if lies_in(folder, each.path)]
            mount = max(over, key=lambda each: len(each.path), default=None)
            if not folder or (mount and mount.behind != LOST):
                continue
            fails = mount is None and container.node.get("securityContext", "readOnlyRootFilesystem").flag is True
            if fails or not _copied(dump, workload, plan):
                yield _said(container, f"{dump.script.file.name} writes to {folder}", mount, fails)
                return


def _said(container: Container, what: str, mount: PodMount | None, fails: bool) -> Found:
    kept = next((each for each in mounts_of(container) if each.behind in (CLAIM, KEPT, UNDEFINED)), None)
    follows = "its root file system is read-only, so every run fails" if fails else "every backup is gone with its pod"
    if mount is not None:
        return mount.node.get("mountPath"), f"{what}, an emptyDir: {follows}"
    if kept is not None:
        said = f"mounts {kept.claim or kept.volume} on {kept.path}, and {what}, on no volume"
        return kept.node.get("mountPath"), f"{said}: {follows}"
    return container.place, f"{what}, on no volume: {follows}"


@rule("backup-other-database", CRITICAL, over=backups_of)
def other_database(dump: Dump, plan: Plan) -> Iterator[Found]:
    """The database of Compose is backed up, and that of the cluster is not."""
    by_docker = all(each.elsewhere and "docker" in each.command.name for each in dumps_of(plan))
    homes = [(each, home_of_data(each, plan)) for each in plan.containers] if by_docker else []
    kept = [
        each
        for each, home in homes
        if home and home.store.name == "postgres" and home.mount and home.mount.behind == CLAIM
    ]
    if kept and dump is backups_of(plan)[0] and not _backs_up_cluster(plan):
        where = kept[0].workload.label
        said = "backs up the database of Compose, and nothing backs up that of the cluster"
        yield dump.command.place, f"{said} ({where})"


def _backs_up_cluster(plan: Plan) -> bool:
    """May anything else make backups in the cluster?"""
    cluster = [node.text for each in plan.objects for node in each.node.walk()]
    lines = [line for script in plan.all_scripts for line in script.text.split("\n")]
    scripts = [line for line in lines if "kubectl" in line or "helm" in line]
    return any(BACKS_UP.search(text) or "backup" in text.lower() for text in [*cluster, *scripts])
