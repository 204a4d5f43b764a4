"""Rules on what a disaster-recovery document names: files, objects, alerts, people, and its drills."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, MINOR, Found, rule
from seatrial.plan.files import Place
from seatrial.rules.recovery_promises import KNOWN, recoveries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.recovery import RecoveryPlan

_SCRIPT = re.compile(r"(?<![\w/.:-])((?:[\w.-]+/|/)*[\w.-]+\.(?:sh|bash))\b")
_DRILL = re.compile(r"drill|exercise|rehears|game\s*day|fire\s*drill|훈련|모의|연습", re.IGNORECASE)
_OFTEN = re.compile(
    r"quarter|month|year|annual|half|weekly|every|분기|매월|월\s*\d?\s*회|반기|매년|연\s*\d|년\s*\d|정기|주기",
    re.IGNORECASE,
)
_SIMULATED = {
    "database": r"데이터베이스|디비|\bdb\b|database|postgres|복제|레플리카|replica|primary|프라이머리|백업|backup",
    "application": r"애플리케이션|어플리케이션|서비스|application|service|\bapp\b|블루|blue|롤백|rollback",
    "infrastructure": r"인프라|infrastructure|데이터\s*센터|data\s*cent|region|\bDR\b|사이트|\bsite\b|네트워크|network",
}
_EMPTY = re.compile(
    r"\bTBD\b|\bTODO\b|\bFIXME\b|미정\b|(?:010|02)[- ]?(?:0000|[Xx]{4}|1234)[- ]?(?:0000|[Xx]{4}|5678)|"
    r"[Xx]{3}-[Xx]{3,4}-[Xx]{4}|\b555-\d{4}\b|@example\.(?:com|org)|"
    r"[\[<{](?:[^\]>}|]{0,12}\s)?(?:name|phone|e-?mail|이름|성명|연락처|전화(?:번호)?|이메일|담당자)\s*(?:입력)?[\]>}](?!\()",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"contact|call\s+the\s+team|연락처|연락망|비상\s*연락|팀\s*소집|on[- ]call", re.IGNORECASE)
_REACHED = re.compile(
    r"[\w.+-]+@[\w-]+\.\w+|\+?\d{2,3}[- ]\d{3,4}[- ]\d{4}|slack|pagerduty|opsgenie|teams\b|#[a-z][\w-]{2,}",
    re.IGNORECASE,
)


def _code(document: RecoveryPlan) -> Iterator[tuple[int, str]]:
    """What stands in code, with its lines: blocks, and words in backticks."""
    fenced = False
    for number, line in enumerate(document.lines, start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line
        else:
            yield from ((number, text) for text in re.findall(r"`([^`]+)`", line))


@rule("recovery-file-missing", MAJOR, over=recoveries)
def file_missing(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """A script that the document tells to run, and that is not there."""
    names = {path.name for path in plan.sources}
    seen: set[str] = set()
    for number, text in _code(document):
        for path in _SCRIPT.findall(text):
            name = PurePosixPath(path).name
            if (
                name not in names
                and name not in seen
                and not path.startswith(("/usr/", "/etc/", "/bin/"))
                and "://" not in text
            ):
                seen.add(name)
                yield Place(document.file, number), f"tells to run {path}, which is not there"


@rule("recovery-object-missing", MAJOR, over=recoveries)
def object_missing(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """A command of the document on an object that no manifest has."""
    known = {(each.kind.lower(), each.name) for each in plan.objects}
    short = {
        "deploy": "deployment",
        "deployments": "deployment",
        "sts": "statefulset",
        "statefulsets": "statefulset",
        "svc": "service",
        "ds": "daemonset",
    }
    for number, text in _code(document) if plan.workloads else ():
        for kind, name in re.findall(
            r"\b(deploy(?:ments?)?|statefulsets?|sts|daemonset|ds|cronjob|job)[/ ]([a-z][a-z0-9-]*)\b", text
        ):
            whole = short.get(kind, kind)
            if (
                "kubectl" in text
                and whole in {each for each, _ in known}
                and (whole, name) not in known
                and whole != "job"
            ):
                yield Place(document.file, number), f"names the {whole} {name}, which no manifest has"


@rule("recovery-alert-unknown", MINOR, over=recoveries)
def alert_unknown(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """An alert by whose name the disaster is to be seen, and that no rule file has."""
    alerts = {each.alert for each in plan.rules if each.alert}
    for number, line in enumerate(document.lines, start=1) if alerts else ():
        for name in (
            re.findall(r"`([A-Z][a-z]+(?:[A-Z]+[a-z0-9]*)+)`", line)
            if re.search(r"alert|알림|경보|알람", line, re.IGNORECASE)
            else ()
        ):
            if name not in alerts and not name.endswith("Manager"):
                yield Place(document.file, number), f"waits for the alert {name}, which no rule file has"


@rule("recovery-contact-empty", MAJOR, over=recoveries)
def contact_empty(document: RecoveryPlan, _: Plan) -> Iterator[Found]:
    """A contact that was never filled in."""
    for number, line in enumerate(document.lines, start=1):
        if match := _EMPTY.search(line):
            yield (
                Place(document.file, number),
                f"has a placeholder ({match[0].strip()[:30]}) where a disaster needs the real thing",
            )


@rule("recovery-no-contact", MINOR, over=recoveries)
def no_contact(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """The team is to be called, and nothing says how."""
    told = any(_REACHED.search(line) for line in document.lines if not line.startswith("#"))
    managed = any(
        _REACHED.search(source.text)
        for each in plan.alertmanagers
        for path, source in plan.sources.items()
        if path == each.node.file
    )
    if told or managed or any(_EMPTY.search(line) for line in document.lines):
        return
    for number, line in enumerate(document.lines, start=1):
        if _CONTACT.search(line):
            yield Place(document.file, number), "counts on people being reached, and no file says who, or how"
            return


def _paragraphs(document: RecoveryPlan) -> Iterator[tuple[int, str]]:
    """The lines that speak of drills, each with what follows it up to the next empty line."""
    speaking = False
    for number, line in enumerate(document.lines, start=1):
        speaking = bool(line.strip()) and (speaking or _DRILL.search(line) is not None)
        if speaking:
            yield number, line


def _drills(document: RecoveryPlan) -> tuple[Place | None, str]:
    """Where the drills are, and all that is said of them."""
    parts = [section for section in document.sections if _DRILL.search(section.title)]
    lines = list(_paragraphs(document))
    text = "\n".join([line for section in parts for _, line in section.body] + [line for _, line in lines])
    if parts:
        return parts[0].place, text
    return (Place(document.file, lines[0][0]) if lines else None), text


@rule("recovery-no-drill", MAJOR, over=recoveries)
def no_drill(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """A plan that nobody ever tries."""
    objectives = [each for each in document.objectives if each.kind in KNOWN]
    place, _ = _drills(document)
    elsewhere = any(
        _DRILL.search(source.text)
        for path, source in plan.sources.items()
        if path.suffix == ".md" and path != document.file
    )
    if objectives and place is None and not elsewhere:
        yield objectives[0].place, "promises times that no drill tries: the document speaks of none"


@rule("recovery-drill-leaves-out", MINOR, over=recoveries)
def drill_leaves_out(document: RecoveryPlan, _: Plan) -> Iterator[Found]:
    """A disaster that no drill simulates."""
    place, text = _drills(document)
    drills = [section for section in document.sections if _DRILL.search(section.title)]
    listed = [item for section in drills for item in section.items]
    listed += [line for section in drills for _, line in section.body if line.startswith("#")]
    text = "\n".join(listed) if len(listed) > 1 else text
    kinds = sorted({each.kind for each in document.objectives if each.kind in KNOWN})
    missing = [kind for kind in kinds if not re.search(_SIMULATED[kind], text, re.IGNORECASE)]
    if place is not None and missing:
        yield place, f"has no drill for a failure of the {' and of the '.join(missing)}"


@rule("recovery-drill-unscheduled", MINOR, over=recoveries)
def drill_unscheduled(document: RecoveryPlan, plan: Plan) -> Iterator[Found]:
    """Drills that are promised again and again, and that nothing starts or asks for."""
    place, text = _drills(document)
    asks = re.compile(
        r"drill|seatrial|chaos|game-?day|litmus|toxiproxy|restore-test|test-restore|failover|훈련", re.IGNORECASE
    )
    runs = [each.command if each.what != "workflow" else f"{each.command} {each.place.file}" for each in plan.schedules]
    if place is not None and _OFTEN.search(text) and not any(map(asks.search, runs)):
        yield (
            place,
            "promises drills at fixed times, and no schedule (crontab, workflow, CronJob) starts one or reminds of it",
        )
