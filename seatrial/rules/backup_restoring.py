"""Rules on the way back from a backup: whether it is proven, restored, and by a restore that goes with it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.backups import Dump, backups_of, callers_of, dumps_of, matches, names_of, schedules_of
from seatrial.plan.restores import Restore, restores_of
from seatrial.plan.shell_course import fill, option, statement_of
from seatrial.plan.shell_words import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.files import Place
    from seatrial.plan.shell import Script

_PROVES = re.compile(
    r"pg_restore|pg_verifybackup|(?:gzip|gunzip|zstd|xz)\s+(?:-\w*t|--test)|zcat|psql\b.*<|amcheck|pg_amcheck"
)
_TRIES = re.compile(r"restore|verify[-_]?(?:backup|dump)|(?:backup|dump)[-_]?(?:verify|check|test)", re.IGNORECASE)
# Inside of what another program runs, where it is no command of the script itself: `sh -c 'pg_restore ...'`.
_RESTORES = re.compile(
    r"^(?!\s*(?:#|echo|printf|command\s+-v|which)\b)[^#\n]*[\"'\s]pg_restore\b(?!\s+(?:--list|-l|--version|-V)\b)",
    re.MULTILINE,
)
_LOCKS = re.compile(r"flock|lockfile|\.lock\b|pidfile|\.pid\b|set\s+-\w*C|noclobber|mkdir\s+[^-].*lock|pgrep|pidof")


@rule("backup-not-proven", MAJOR, over=backups_of)
def not_proven(dump: Dump, plan: Plan) -> Iterator[Found]:
    """Nobody looks whether what was written can be read."""
    scheduled = [each for each in plan.schedules if _TRIES.search(each.command)]
    if not any(_PROVES.search(script.text) for script in _near_scripts(dump, plan)) and not scheduled:
        said = "is never read again (pg_restore --list, a test restore)"
        yield dump.command.place, f"{said}: whether it is a backup shows when it is needed"


def _near_scripts(dump: Dump, plan: Plan) -> list[Script]:
    names = callers_of(dump.script, plan)
    return [script for script in plan.all_scripts if script is dump.script or script.file.name in names]


def _restored_by_hand(plan: Plan) -> bool:
    """Does a document say how?"""
    texts = (source.text for path, source in plan.sources.items() if path.suffix in (".md", ".rst", ".txt", ".adoc"))
    return any(
        re.search(
            r"^\s*(?:\$\s*)?(?:sudo |docker |kubectl |gunzip |zcat |cat )?.*\b(?:pg_restore|psql)\s+-",
            text,
            re.MULTILINE,
        )
        for text in texts
    )


@rule("backup-no-restore", CRITICAL, over=backups_of)
def no_restore(dump: Dump, plan: Plan) -> Iterator[Found]:
    """There is a backup and no way back."""
    told = restores_of(plan) or any(_RESTORES.search(script.text) for script in plan.all_scripts)
    if dump is backups_of(plan)[0] and not told and not _restored_by_hand(plan):
        yield (
            dump.command.place,
            "is restored by no script and no document: in the disaster somebody has to find out how",
        )


def restores(plan: Plan) -> list[Restore]:
    """The restores, where the files tell what they restore."""
    return restores_of(plan) if dumps_of(plan) else []


@rule("backup-restore-format", CRITICAL, over=restores)
def restore_format(restore: Restore, plan: Plan) -> Iterator[Found]:
    """The restore reads another format than the dumps have."""
    dumps = dumps_of(plan)
    kinds = {dump.format for dump in dumps}
    if restore.tool == "pg_restore" and kinds == {"plain"}:
        yield (
            restore.command.place,
            f"reads plain SQL ({dumps[0].script.file}) with pg_restore, which reads only archives (psql): it fails",
        )
    if restore.tool == "psql" and kinds <= {"custom", "tar", "directory"} and kinds and _of_dumps(restore):
        yield (
            restore.command.place,
            f"reads the {dumps[0].format} format ({dumps[0].script.file}) with psql, which reads only SQL: it fails",
        )
    packed = all(dump.gzipped for dump in dumps)
    if (
        restore.tool == "pg_restore"
        and packed
        and not restore.unpacked
        and not re.search(r"gunzip|zcat|gzip\s+-\w*d|pigz|zstd|xz", restore.script.text)
    ):
        yield (
            restore.command.place,
            "gives pg_restore a file that gzip has packed, and it reads only its own archives: it fails",
        )


def _of_dumps(restore: Restore) -> bool:
    whole = fill(restore.script, text_of(statement_of(restore.command)))
    return restore.unpacked or bool(re.search(r"backup|dump|\.gz|latest", whole, re.IGNORECASE))


@rule("backup-restore-name", CRITICAL, over=restores)
def restore_name(restore: Restore, plan: Plan) -> Iterator[Found]:
    """The restore looks for names that no backup has."""
    names = [path for dump in dumps_of(plan) for path in dump.paths if PurePosixPath(path).name != "x"]
    if not names or restore.command.node.start_byte != min(
        each.command.node.start_byte for each in restores_of(plan) if each.script is restore.script
    ):
        return
    patterns = list(_patterns(restore.script))
    if patterns and not any(matches(path, pattern) for _, pattern in patterns for path in names):
        place, pattern = patterns[0]
        shown = PurePosixPath(names[-1]).name
        yield place, f"looks for {PurePosixPath(pattern).name}, and the backups are named like {shown}: it finds none"


def _patterns(script: Script) -> Iterator[tuple[Place, str]]:
    """The patterns by which a script looks for backups."""
    for command in script.commands:
        words = command.program
        given = [option(words, "-name", "-iname", "--include")] if command.name in ("find", "rclone", "aws") else []
        given += (
            [word for word in words[1:] if "*" in word]
            if command.name in ("ls", "gunzip", "zcat", "cat", "tar")
            else []
        )
        for text in given:
            if text and "*" in text and re.search(r"\.\w+|_", text):
                yield command.place, fill(script, text)


def _interval(dump: Dump, plan: Plan) -> float | None:
    times = [each.longest_s for each in schedules_of(dump.script, plan) if each.longest_s]
    return min(times, default=None)


@rule("backup-no-lock", MINOR, over=backups_of)
def no_lock(dump: Dump, plan: Plan) -> Iterator[Found]:
    """Two backups may run at once."""
    runs = schedules_of(dump.script, plan)
    interval = _interval(dump, plan) or min(_objectives(plan), default=None)
    texts = "\n".join([dump.script.text, *(each.command for each in runs)])
    on_hosts = any(each.what == "crontab" for each in runs) or (
        names_of(dump.script, plan) and not any(schedules_of(each.script, plan) for each in dumps_of(plan))
    )
    if on_hosts and interval is not None and interval <= 6 * 3600 and not _LOCKS.search(texts):
        said = "runs" if runs else "has to run"
        yield dump.command.place, f"{said} every {interval / 60:g} minutes without a lock: a slow one meets the next"


def _objectives(plan: Plan) -> list[float]:
    found = [each for document in plan.recoveries for each in document.objectives if each.kind == "database"]
    return [each.rpo_s for each in found if each.rpo_s]


@rule("backup-no-space-check", MINOR, over=backups_of)
def no_space_check(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump starts on a disk that may be full."""
    texts = " ".join(script.text for script in _near_scripts(dump, plan))
    if (
        dump.paths
        and dump.folder.startswith("/")
        and not re.search(r"\bdf\b|statvfs|\bstat\s+(?:-\w+\s+)*-f|findmnt|avail", texts)
    ):
        yield (
            dump.command.place,
            f"does not look whether {dump.folder} has room (df): on a full disk the dump stops in the middle",
        )
