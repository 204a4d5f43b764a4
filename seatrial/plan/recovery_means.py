"""What the files have to recover with: a replica, a second site, another colour, a way back."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.plan.backups import dumps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan

_PAGES = (".md", ".markdown", ".rst", ".txt", ".adoc", ".py")
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_MANAGED = (
    r"repmgr|patroni|spilo|pg_auto_?failover|pg_autoctl|stolon|postgresql\.cnpg\.io|acid\.zalan\.do|PostgresCluster|"
    r"pgpool|multi_az|replicate_source_db|aurora|cloudsql"
)
_SIGNS = {
    "replica": rf"(?i:standby\.signal|primary_conninfo|recovery\.conf|REPLICATION_MODE|"
    rf"CREATE\s+SUBSCRIPTION|{_MANAGED})",
    "failover": rf"(?i:pg_ctl\b.*promote|pg_promote|promote\b.*(?:standby|replica|postgres)|trigger_file|{_MANAGED})",
    "second-site": r"(?i:(?<![\w-])dr(?![\w])|disaster|[-_/]dr[-_/.]|cross[-_]region|"
    r"(?:second(?:ary)?|standby|backup|failover)[-_ ]?(?:site|region|cluster|dc)\b)",
    # GREEN is also a colour of texts on a terminal.
    "blue-green": r"[-_.]green\b|\bgreen[-_.:]|[:=]\s*[\"']?green\b|upstream\s+green|blueGreen|blue[-_/]?green",
    "rollback": r"(?i:rollout\s+undo|roll_?back|argocd|flux)",
}
BACKS_UP = re.compile(
    r"velero|pgbackrest|wal-g|barman|pg_basebackup|VolumeSnapshot|postgres-backup|restic|backup_retention|pg_dump|"
    r"scheduledbackup",
    re.IGNORECASE,
)


@lru_cache(maxsize=2)
def words_of(plan: Plan) -> str:
    """All that the files do, with their paths; documents, the application's code and comments left out."""
    return "\n".join(_texts(plan))


def _texts(plan: Plan) -> Iterator[str]:
    for path, source in plan.sources.items():
        if path.suffix.lower() not in _PAGES:
            yield str(path)
            yield _COMMENT.sub("", source.text)


def has_means(strategy: str, plan: Plan) -> bool:
    """Do the files have what a strategy needs? True for one that needs nothing that could be seen."""
    words = words_of(plan)
    if strategy == "backup":
        return bool(dumps_of(plan)) or BACKS_UP.search(words) is not None
    if strategy == "replica" and re.search(r"pg_basebackup\b[^\n]*\s-\w*R|--write-recovery-conf", words):
        return True
    if strategy == "rollback" and plan.of_kind("Deployment", "StatefulSet"):
        return True
    sign = _SIGNS.get(strategy)
    return sign is None or re.search(sign, words) is not None
