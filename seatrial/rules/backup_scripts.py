"""Rules on a script that makes a backup: whether its failure is told, what it connects to, what it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MINOR, Found, rule
from seatrial.plan.backups import Dump, dumps_of, schedules_of
from seatrial.plan.shell_course import option_at, reached_at
from seatrial.plan.shell_words import Tree, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.shell import Script

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_ENDS = re.compile(r"\b(?:exit|return|die|fail\w*|abort|error_exit|handle_error|cleanup_and_exit|kill)\b")


@rule("backup-pipe-status", CRITICAL, over=dumps_of)
def pipe_status(dump: Dump, _: Plan) -> Iterator[Found]:
    """The status of a pipe is that of its last command: a dump that fails in front is not seen."""
    script = dump.script
    position = reached_at(script, dump.command.node)
    if (
        dump.piped
        and _pipes(dump)
        and not option_at(script, "\0", "pipefail", position)
        and "PIPESTATUS" not in script.text
    ):
        last = dump.piped[-1].name
        yield (
            dump.command.place,
            f"pipes pg_dump into {last} without pipefail: a dump that fails ends as a good one, for {last} succeeds",
        )


def _pipes(dump: Dump) -> bool:
    return any(node.type == "pipeline" for node in [dump.statement, *dump.statement.named_children])


@rule("backup-failure-unseen", CRITICAL, over=dumps_of)
def failure_unseen(dump: Dump, _: Plan) -> Iterator[Found]:
    """A dump that fails, and a script that ends as if it had not."""
    if why := _unseen(dump):
        yield dump.command.place, f"{why}: a failed backup ends as a good one"


def _unseen(dump: Dump) -> str:
    script, statement = dump.script, dump.statement
    parent = statement.parent
    if parent is None:
        return ""
    if parent.type == "list":
        return _after_or(statement, parent)
    if parent.type in ("if_statement", "elif_clause") and dump.command.tested:
        return _after_if(parent, script)
    errexit = option_at(script, "e", "errexit", reached_at(script, dump.command.node))
    if (
        errexit
        or dump.command.tested
        or parent.type not in ("program", "compound_statement", "do_group", "if_statement", "else_clause")
    ):
        return ""
    return _after(statement, script)


def _ends(text: str) -> bool:
    """Does it end with an error, or call what does? What it says is no sign of that."""
    return _ENDS.search(_QUOTED.sub("", text)) is not None


def _after_or(statement: Tree, parent: Tree) -> str:
    """`dump || something`: is the something an end?"""
    text = text_of(parent)[statement.end_byte - parent.start_byte :]
    if (
        text.lstrip().startswith("||")
        and not _ends(text)
        and re.match(r"\s*\|\|\s*(?:true\b|:|echo\b|printf\b|logger\b)", text)
    ):
        return f"passes over a dump that failed ({text.strip()[:40]})"
    return ""


def _after_if(node: Tree, script: Script) -> str:
    """`if dump; then ... else ... fi`: does the branch of the failure end badly?"""
    branch = next((child for child in node.named_children if child.type == "else_clause"), None)
    rest = script.root.text[node.end_byte :].decode(errors="replace")
    if text_of(node).startswith("if !") or any(child.type == "elif_clause" for child in node.named_children):
        return ""
    told = branch is not None and (_ends(text_of(branch)) or re.search(r"\w+=\$?\w+|\+\+", text_of(branch)))
    if told or re.search(r"\bexit\s+[1-9$]|\[\s+(?:!|-s|-f|-z)\s", rest):
        return ""
    return (
        "says that the dump failed, and does not end with an error"
        if branch is not None
        else "goes on where the dump failed"
    )


def _after(statement: Tree, script: Script) -> str:
    """What follows a dump without errexit: a look at `$?` at once, the end, or other commands."""
    later = _following(statement)
    looked = next((number for number, node in enumerate(later) if "$?" in text_of(node)), None)
    if looked == 0:
        node = later[0]
        return _after_status(node, script) if node.type == "if_statement" else ""
    if not later or any(
        re.search(r"\[\s+(?:!\s+)?-[sfez]\s", text_of(node)) and _ends(text_of(node)) for node in later
    ):
        return ""
    asked = [text_of(node) for node in later if node.type in ("if_statement", "list", "negated_command")]
    if any(re.search(r"pg_restore\b.*(?:-l\b|--list)|gzip\s+-t|PIPESTATUS", text) for text in asked):
        return ""
    if looked is not None:
        between = text_of(later[0]).split()[0]
        return f"looks at $? only after `{between}`, whose status it then is"
    return "does not look at the status of the dump (no set -e, no test of $?)"


def _after_status(node: Tree, script: Script) -> str:
    """`if [ $? -eq 0 ]; then ... else ... fi` right behind the dump."""
    text = text_of(node)
    if re.match(r"if\s+\[+\s+\"?\$\?\"?\s+(?:-ne|!=|-gt)\s+\"?0", text):
        return "" if _ends(text) else "says that the dump failed, and does not end with an error"
    return _after_if(node, script)


def _following(statement: Tree) -> list[Tree]:
    found = []
    node = statement.next_named_sibling
    while node is not None:
        if node.type not in ("comment", "variable_assignment") or "$?" in text_of(node):
            found.append(node)
        node = node.next_named_sibling
    return found


@rule("backup-structure-only", CRITICAL, over=dumps_of)
def structure_only(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump without the data."""
    others = [other for other in dumps_of(plan) if other is not dump and not {"-s", "--schema-only"} & set(other.words)]
    if {"-s", "--schema-only"} & set(dump.words) and not others:
        yield dump.command.place, "dumps the structure only (--schema-only): there is no backup of the data"


@rule("backup-name-misleads", MINOR, over=dumps_of)
def name_misleads(dump: Dump, _: Plan) -> Iterator[Found]:
    """A dump in a format that its name denies."""
    names = [path.rpartition("/")[2] for path in dump.paths]
    if dump.format in ("custom", "tar") and names and all(re.search(r"\.sql(?:\.gz)?$", name) for name in names):
        tail = ", packed a second time by gzip, which pg_restore cannot read as it is" if dump.gzipped else ""
        ending = ".sql.gz" if names[-1].endswith(".gz") else ".sql"
        yield dump.command.place, f"writes the {dump.format} format under a name of plain SQL ({ending}){tail}"


@rule("backup-needs-terminal", CRITICAL, over=dumps_of)
def needs_terminal(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump in a container with a terminal, which no schedule has."""
    words = dump.command.program
    before = words[: len(words) - len(dump.words)]
    terminal = any(re.fullmatch(r"-[a-z]*t[a-z]*|--tty", word) for word in before if word not in ("--", "-T"))
    composed = (
        "compose" in " ".join(words[:2]) and "exec" in before and not {"-T", "--no-TTY", "--no-tty"} & set(before)
    )
    if (terminal or composed) and schedules_of(dump.script, plan):
        what = "docker compose exec takes a terminal unless -T is given" if composed else "asks for a terminal (-t)"
        yield dump.command.place, f"{what}, and what a schedule runs has none: it fails"


@rule("backup-folder-not-made", MINOR, over=dumps_of)
def folder_not_made(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump into a folder that nothing makes."""
    folder = dump.folder
    text = dump.script.text
    known = re.search(r"\bmkdir\b|\binstall\s+-d|\[\s+!?\s*-[dw]\s|\bmountpoint\b|\bcd\s", text)
    mounted = any(
        folder.startswith(mount.get("mountPath").text)
        for each in plan.containers
        for mount in each.node.get("volumeMounts")
        if mount.get("mountPath").text
    )
    mounted = mounted or any(folder.startswith(mount.target) for service in plan.services for mount in service.mounts)
    if folder.startswith("/") and not folder.startswith(("/tmp", "/var/tmp")) and not known and not mounted:  # noqa: S108 - looked for
        yield dump.command.place, f"writes to {folder}, which nothing makes: on a new host the backup fails"
