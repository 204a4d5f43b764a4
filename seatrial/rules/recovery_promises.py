"""Rules on what a disaster-recovery document promises, against its own minutes and against what the files have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, MINOR, Found, rule
from seatrial.plan.datastores import datastore_of
from seatrial.plan.files import Place
from seatrial.plan.recovery_means import has_means, words_of
from seatrial.plan.recovery_words import kind_of
from seatrial.plan.shell_course import statement_of
from seatrial.plan.shell_words import text_of
from seatrial.plan.volumes import CLAIM, home_of_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.recovery import Mention, Objective, RecoveryPlan
    from seatrial.plan.shell import Command

KNOWN = ("database", "application", "infrastructure")
_DATABASE = re.compile(
    r"streaming|standby|read\s+replica|스트리밍|스탠바이|스탠드바이|복제본|postgres|database|데이터베이스|switch|promot|"
    r"primary|전환|승격|마스터",
    re.IGNORECASE,
)
# Parts of which only one is done, or that are done at once, are not added.
_CHOICE = re.compile(
    r"^[A-Z][.)]\s|\beither\b|\bor\b|\bif\b|option|strateg|alternativ|parallel|또는|혹은|옵션|방안|대안|전략|경우|상황|병렬|동시",
    re.IGNORECASE,
)
_MANAGED = re.compile(
    r"\bRDS\b|Aurora|Cloud\s*SQL|Azure\s+Database|managed\s+(?:database|postgres)|관리형", re.IGNORECASE
)
_LACKS = {
    "replica": "no file has one (pg_basebackup -R, a standby.signal, an operator that keeps one)",
    "failover": "nothing in the files promotes a standby",
    "second-site": "no file knows a second site (another context, cluster or region)",
    "blue-green": "no file has a second colour beside the one that serves",
    "backup": "nothing in the files makes a backup",
}
_CALLED = {
    "replica": "a streaming replica",
    "failover": "a failover",
    "second-site": "a second site",
    "blue-green": "a blue-green switch",
    "backup": "a backup",
}


def recoveries(plan: Plan) -> list[RecoveryPlan]:
    """The disaster-recovery documents."""
    return plan.recoveries


def minutes(seconds: float) -> str:
    """A time in minutes or hours."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 and seconds % 1800 == 0 else f"{seconds / 60:g} min"


@rule("recovery-beyond-rto", CRITICAL, over=recoveries)
def beyond_rto(document: RecoveryPlan, _: Plan) -> Iterator[Found]:
    """The minutes of a procedure are more than its RTO; told at its longest step."""
    for procedure in document.procedures:
        objective = document.objective(procedure.kind)
        if objective is not None and objective.rto_s and procedure.seconds > objective.rto_s:
            added = " + ".join(f"{step.seconds / 60:g}" for step in procedure.steps)
            said = f"the steps for a failure of the {procedure.kind} take {minutes(procedure.seconds)} ({added})"
            yield (
                procedure.longest.place,
                f"{said}, and its RTO is {minutes(objective.rto_s)} (line {objective.place.line})",
            )


@rule("recovery-beyond-step", MINOR, over=recoveries)
def beyond_step(document: RecoveryPlan, _: Plan) -> Iterator[Found]:
    """The parts of a step take longer than the step."""
    for step in (step for procedure in document.procedures for step in procedure.steps):
        lengths = [part.seconds for part in step.parts if part.start is None]
        choices = any(_CHOICE.search(each.words) for each in (step, *step.parts))
        if lengths and (max(lengths) if choices else sum(lengths)) > step.seconds:
            added = "at most" if choices else " + ".join(f"{length / 60:g}" for length in lengths) + " ="
            total = minutes(max(lengths) if choices else sum(lengths))
            yield step.place, f"has {minutes(step.seconds)} for a step whose parts take {added} {total}"


@rule("recovery-told-twice", MAJOR, over=recoveries)
def told_twice(document: RecoveryPlan, _: Plan) -> Iterator[Found]:
    """Two values for one objective."""
    rows = [each for each in document.objectives if not each.loose and each.kind in KNOWN]
    for later in (each for each in document.objectives if each.loose and each.kind in KNOWN):
        same = [row for row in rows if row.kind == later.kind]
        if len(same) == 1 and (said := _differs(same[0], later)):
            yield later.place, f"{said} (line {same[0].place.line})"
    for number, later in enumerate(rows):
        for earlier in rows[:number]:
            if earlier.name == later.name and earlier.name and (said := _differs(earlier, later)):
                yield later.place, f"{said} (line {earlier.place.line})"


def _differs(one: Objective, other: Objective) -> str:
    for name, first, second in (("RTO", one.rto_s, other.rto_s), ("RPO", one.rpo_s, other.rpo_s)):
        if first and second and first != second:
            return f"gives the {other.kind} an {name} of {minutes(second)}, and elsewhere one of {minutes(first)}"
    return ""


def _first(document: RecoveryPlan) -> dict[str, Mention]:
    """The first mention of each strategy; of replicas and failovers, that which means the database's."""
    found: dict[str, Mention] = {}
    managed = any(_MANAGED.search(line) for line in document.lines)
    for mention in document.mentions:
        line = document.lines[mention.place.line - 1]
        if mention.strategy in ("replica", "failover"):
            of_database = _DATABASE.search(line) or (
                mention.strategy == "failover" and _kind_at(document, mention) == "database"
            )
            if managed or not of_database:
                continue
        found.setdefault(mention.strategy, mention)
    return found


def _kind_at(document: RecoveryPlan, mention: Mention) -> str:
    """The kind of disaster that the headings above a line speak of."""
    above = [kind_of(each.title) for each in document.sections if each.place.line < mention.place.line]
    return next((kind for kind in reversed(above) if kind), "")


@rule("recovery-without-means", CRITICAL, over=recoveries)
def without_means(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """A strategy that no file has the means for."""
    deployed = bool(plan.services or plan.workloads)
    for strategy, mention in _first(document).items() if deployed else ():
        if strategy in _LACKS and not has_means(strategy, plan):
            yield mention.place, f"counts on {_CALLED[strategy]} ({mention.words}), and {_LACKS[strategy]}"


@rule("recovery-standby-stands-still", CRITICAL, over=recoveries)
def stands_still(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """A copy of the primary that does not follow it."""
    mention = _first(document).get("replica")
    for command in _base_backups(plan) if mention else ():
        where = f"{command.place.file}:{command.place.line}"
        said = f"counts on a streaming replica, and what {where} makes is a copy that does not follow (no -R)"
        yield mention.place, f"{said}: it starts as a second primary with old data"  # type: ignore[union-attr]


def _base_backups(plan: Plan) -> Iterator[Command]:
    """The base backups that become a server's data directory, and are told nothing of their primary."""
    for script in plan.all_scripts:
        follows = re.search(r"standby\.signal|primary_conninfo|recovery\.conf", script.text)
        for command in script.commands if "pg_basebackup" in script.text and not follows else ():
            words = command.program
            flags = "".join(word[1:] for word in words if re.fullmatch(r"-[A-Za-z]+", word))
            serves = re.search(r"PGDATA|/var/lib/postgresql", text_of(statement_of(command)))
            if "pg_basebackup" in words and serves and "R" not in flags and "--write-recovery-conf" not in words:
                yield command


@rule("recovery-no-procedure", MAJOR, over=recoveries)
def no_procedure(document: RecoveryPlan, _: Plan) -> Iterator[Found]:
    """A disaster with objectives and without steps."""
    kinds = {procedure.kind for procedure in document.procedures}
    for section in document.sections:
        if _is_procedure(section.title) and len(section.items) > 1:
            kinds |= {kind for kind in KNOWN if _speaks_of(kind, section.title)}
    rows = {each.kind: each for each in reversed(document.objectives) if each.kind in KNOWN}
    linked = re.search(r"runbooks?\b|런북|\]\([^)]*\.md", "\n".join(document.lines), re.IGNORECASE)
    for kind, objective in sorted(rows.items()) if kinds and not linked else ():
        if kind not in kinds:
            promised = f"an RTO of {minutes(objective.rto_s)}" if objective.rto_s else "an RPO"
            yield (
                objective.place,
                f"promises {promised} for a failure of the {kind}, and the document has no steps for it",
            )


def _is_procedure(title: str) -> bool:
    return not re.search(r"drill|훈련|scenario|시나리오|objective|목표|유형|checklist|체크", title, re.IGNORECASE)


def _speaks_of(kind: str, title: str) -> bool:
    return kind_of(title) == kind


_STORES = {
    "redis": (
        r"redis|레디스|cache|캐시",
        r"redis-cli.*(?:--rdb|bgsave|\bsave\b)|dump\.rdb|appendonly\.aof|appendonlydir",
    ),
    "rabbitmq": (
        r"rabbit|래빗|queue|큐|메시지",
        r"export_definitions|rabbitmqctl.*export|rabbitmqadmin.*export|mnesia",
    ),
    "mysql": (r"mysql", r"mysqldump|xtrabackup"),
    "mongo": (r"mongo|몽고", r"mongodump"),
}


@rule("recovery-component-left-out", MINOR, over=recoveries)
def component_left_out(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """A component that keeps data, that nothing backs up, and of which the document says nothing."""
    text = "\n".join(line for each in plan.recoveries for line in each.lines)
    seen: set[str] = set()
    for name, place in _keepers(plan) if document is plan.recoveries[0] else ():
        words, saves = _STORES.get(name, ("", ""))
        told = not words or name in seen or re.search(words, text, re.IGNORECASE)
        if not told and not re.search(saves, words_of(plan), re.IGNORECASE):
            seen.add(name)
            yield (
                place,
                f"keeps data ({name}) that nothing backs up, and {document.file} does not say what becomes of it",
            )


def _keepers(plan: Plan) -> Iterator[tuple[str, Place]]:
    """Datastores whose data lie on a volume."""
    for service in plan.services:
        store = datastore_of(service.image)
        for mount in service.mounts if store else ():
            if (
                store
                and mount.kind != "tmpfs"
                and (mount.target == store.data or store.data.startswith(f"{mount.target}/"))
            ):
                yield store.name, Place(service.place.file, service.place.line)
    for container in plan.containers:
        home = home_of_data(container, plan)
        if home is not None and home.mount is not None and home.mount.behind == CLAIM:
            yield home.store.name, Place(container.place.file, container.place.line)
