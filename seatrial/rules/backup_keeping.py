"""Rules on what becomes of backups: old ones, copies elsewhere, proof, and the way back."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.backups import Dump, backups_of, callers_of, dumps_of, matches, sample
from seatrial.plan.restores import restores_of
from seatrial.plan.shell_course import fill, option, reached_at
from seatrial.plan.shell_words import text_of
from seatrial.plan.volumes import lies_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Command

AWAY = re.compile(
    r"\b(?:rclone|aws|gsutil|gcloud|az|azcopy|scp|sftp|restic|borg|mc|s3cmd|s4cmd|b2|swift|duplicity|kopia|lftp|ncftpput|"
    r"curl\s.*(?:-T|--upload-file|-X\s*PUT|-F)|rsync|ssh|wal-g|pgbackrest|barman|velero|ossutil|coscli|obsutil|oci)\b"
)
_REMOTE_FOLDERS = re.compile(r"^/(?:mnt|media|nfs|net|efs|remote|nas)/|nfs|s3fs|remote|offsite", re.IGNORECASE)


def commands_beside(dump: Dump, plan: Plan) -> Iterator[Command]:
    """The commands of a dump's script, and of the scripts that its schedule runs beside it."""
    names = callers_of(dump.script, plan)
    for script in plan.all_scripts:
        if script is dump.script or script.file.name in names:
            yield from script.commands


def _finds(dump: Dump, plan: Plan) -> list[Command]:
    """The commands that delete old files."""
    found = []
    for command in commands_beside(dump, plan):
        line = (
            text_of(command.node.parent)
            if command.node.parent is not None and command.node.parent.type == "pipeline"
            else command.text
        )
        if command.name == "find" and re.search(r"-delete|-exec\s+rm|xargs\s+.*rm", line):
            found.append(command)
    return found


def _folders(command: Command) -> list[str]:
    words = [fill(command.script, word) for word in command.program[1:]]
    end = next((number for number, word in enumerate(words) if word.startswith(("-", "(", "!"))), len(words))
    return [str(PurePosixPath(sample(word))) for word in words[:end]]


def _name(command: Command) -> str | None:
    found = option(command.program, "-name", "-iname")
    return None if found is None else fill(command.script, found)


@rule("backup-old-ones-stay", MAJOR, over=dumps_of)
def old_ones_stay(dump: Dump, plan: Plan) -> Iterator[Found]:
    """What deletes old backups looks for other names, or in another folder, than the dump writes."""
    finds = [command for command in _finds(dump, plan) if _near(command, dump)]
    names = dump.paths
    if not finds or not names or any(PurePosixPath(path).name == "x" for path in names):
        return
    if not any(_takes(command, names) for command in finds):
        command = finds[0]
        written = PurePosixPath(names[-1]).name
        if command.program.count("-name") + command.program.count("-iname") == 1:
            said = f"deletes {_name(command)}, and the backups are named like {written}"
            yield command.place, f"{said}: old ones are never deleted, and the disk fills"


def _near(command: Command, dump: Dump) -> bool:
    folders = _folders(command)
    return (
        not folders
        or "x" in folders
        or any(folder in (dump.folder, ".") or dump.folder.startswith(f"{folder}/") for folder in folders)
    )


def _takes(command: Command, names: list[str]) -> bool:
    pattern = _name(command)
    return pattern is None or any(matches(path, pattern) for path in names)


@rule("backup-deletes-new", CRITICAL, over=dumps_of)
def deletes_new(dump: Dump, plan: Plan) -> Iterator[Found]:
    """The newest files are deleted instead of the oldest."""
    for command in _finds(dump, plan):
        age = fill(command.script, option(command.program, "-mtime", "-mmin") or "")
        if re.fullmatch(r"-\d+", age) and not re.search(r"(?:!|-not)\s+-m(?:time|min)", command.text):
            yield (
                command.place,
                f"deletes what is younger than {age[1:]} days (-mtime {age}): the new backups go, the old ones stay",
            )


@rule("backup-deletes-first", MAJOR, over=dumps_of)
def deletes_first(dump: Dump, _: Plan) -> Iterator[Found]:
    """Old backups are deleted before there is a new one."""
    script = dump.script
    start = reached_at(script, dump.command.node)
    for command in script.commands:
        line = text_of(command.node.parent) if command.node.parent is not None else command.text
        deletes = (
            command.name == "find" and re.search(r"-delete|-exec\s+rm|xargs\s+.*rm", line) and _near(command, dump)
        )
        if deletes and reached_at(script, command.node) < start and not command.inside("function_definition"):
            yield (
                command.place,
                "deletes old backups before the new one is made: while dumps fail, the last good one goes too",
            )


@rule("backup-deletes-anything", MINOR, over=dumps_of)
def deletes_anything(dump: Dump, plan: Plan) -> Iterator[Found]:
    """Everything that is old goes, whatever it is."""
    for command in _finds(dump, plan):
        if (
            _near(command, dump)
            and _name(command) is None
            and not re.search(r"-(?:path|regex|iregex|wholename)\b", command.text)
        ):
            yield (
                command.place,
                f"deletes every old file below {_folders(command)[0]}, whatever its name"
                if _folders(command)
                else "deletes every old file",
            )


@rule("backup-never-deleted", MAJOR, over=backups_of)
def never_deleted(dump: Dump, plan: Plan) -> Iterator[Found]:
    """Backups pile up."""
    stamped = any("20260101" in path for path in dump.paths)
    cleaners = ("rm", "logrotate", "tmpwatch", "tmpreaper", "find")
    cleans = any(command.name in cleaners for command in commands_beside(dump, plan))
    piped = re.search(r"xargs\b.*\brm|prune|forget|--min-age|delete\b", dump.script.text)
    beside = any("find" in each.command and "delete" in each.command for each in plan.schedules)
    if stamped and dump.folder.startswith("/") and dump.folder != "/" and not (cleans or piped or beside):
        said = f"writes a new file each time to {dump.folder}, and nothing deletes old ones"
        yield dump.command.place, f"{said}: the disk fills, and then the backup fails"


def _shared(folder: str, plan: Plan) -> bool:
    """Is a folder of a container one of another machine?"""
    for service in plan.services:
        for mount in service.mounts:
            options = " ".join(
                node.text for node in service.project.declared("volumes").get(mount.source, mount.node).walk()
            )
            if lies_in(folder, mount.target) and (
                _REMOTE_FOLDERS.search(mount.source) or "nfs" in options or "cifs" in options
            ):
                return True
    for container in plan.containers:
        for node in container.node.get("volumeMounts"):
            volume = container.workload.volume(node.get("name").text)
            if lies_in(folder, node.get("mountPath").text) and {"nfs", "csi", "azureFile", "cephfs"} & set(
                volume.keys()
            ):
                return True
    return False


@rule("backup-on-one-host", CRITICAL, over=backups_of)
def on_one_host(dump: Dump, plan: Plan) -> Iterator[Found]:
    """Backups stay on the machine, or in the cluster, that they are of."""
    folder = dump.folder
    if (
        not dump.paths
        or _REMOTE_FOLDERS.search(folder)
        or _shared(folder, plan)
        or any(AWAY.match(each.text) or AWAY.match(each.name) for each in commands_beside(dump, plan))
    ):
        return
    named = [each for each in plan.schedules if folder in each.command or "backup" in each.command]
    moved = any(AWAY.search(each.command) for each in named)
    here = re.compile(rf"{re.escape(folder)}(?![\w-])")
    others = [script for script in plan.all_scripts if here.search(script.text) and script is not dump.script]
    restoring = {id(each.script) for each in restores_of(plan)}
    if not moved and not any(AWAY.search(script.text) and id(script) not in restoring for script in others):
        said = f"writes to {folder}, and nothing copies it to another place"
        yield dump.command.place, f"{said}: who loses the machine loses the backups with it"
