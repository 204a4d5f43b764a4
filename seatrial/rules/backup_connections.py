"""Rules on what a backup connects to: the password, the database, the user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.backups import Dump, callers_of, dumps_of, schedules_of
from seatrial.plan.datastores import datastore_of
from seatrial.plan.shell_course import option
from seatrial.plan.wiring import UNKNOWN, wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.files import Place

_PASSWORD = re.compile(
    r"PGPASSWORD|PGPASSFILE|pgpass|PGSERVICE|service=|(?:^|[;&|]\s*)(?:source|\.)\s+\S|vault|secretsmanager|set\s+-a",
    re.IGNORECASE | re.MULTILINE,
)


def _around(dump: Dump, plan: Plan) -> str:
    """All texts that may give a script its environment: itself, what runs it, what it is listed in."""
    names = callers_of(dump.script, plan)
    texts = [source.text for path, source in plan.sources.items() if path == dump.script.file]
    for path, source in plan.sources.items():
        if any(name in source.text for name in names) and path != dump.script.file:
            texts.append(source.text)
    return "\n".join(texts + [each.command for each in schedules_of(dump.script, plan)])


@rule("backup-no-password", CRITICAL, over=dumps_of)
def no_password(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump over the network, for which nobody gives a password."""
    uri = any("://" in dump.filled(word) or "password=" in dump.filled(word) for word in dump.words)
    quiet = {"-w", "--no-password"} & set(dump.words)
    host = option(dump.words, "-h", "--host")
    unset = re.search(r"^\s*unset\s.*\bPGPASSWORD\b", dump.script.text, re.MULTILINE)
    if dump.elsewhere or uri or quiet or host is None or dump.filled(host).startswith("/") or "$@" in dump.words:
        return
    if unset or not _PASSWORD.search(_around(dump, plan)):
        user = option(dump.words, "-U", "--username")
        as_user = f" as {dump.filled(user)}" if user and "$" not in dump.filled(user) else ""
        missing = "nothing gives a password (PGPASSWORD, a .pgpass file, a service)"
        said = f"connects to {dump.filled(host)}{as_user}, and {missing}"
        yield dump.command.place, f"{said}: run by a schedule it fails, for nobody is there to type one"


@rule("backup-password-written", MAJOR, over=dumps_of)
def password_written(dump: Dump, _: Plan) -> Iterator[Found]:
    """The password of the database stands in the script."""
    for name, value, node in dump.script.assignments:
        if name == "PGPASSWORD" and value and "$" not in value and "`" not in value:
            yield (
                dump.script.place(node),
                "has the password of the database in it: whoever reads the repository has it too",
            )


_NAMED = {
    "database": ("POSTGRES_DB", r"(?:CREATE\s+DATABASE|createdb(?:\s+-\S+\s+\S+)*)\s+\"?(\w+)"),
    "user": ("POSTGRES_USER", r"(?:CREATE\s+(?:ROLE|USER)|createuser(?:\s+-\S+)*)\s+\"?(\w+)"),
}


def _made(plan: Plan, kind: str) -> set[str]:
    """The databases, or the users, that the files make; empty where one of them is not told."""
    name, pattern = _NAMED[kind]
    given = [service.values for service in plan.services if _is_postgres(service.image)]
    wiring = wiring_of(plan)
    given += [
        {each.name: each.value or "$" for each in wiring.settings(container).values()}
        for container in plan.containers
        if _is_postgres(container.image) and container.workload.lasting
    ]
    servers = [values for values in given if any(key.startswith("POSTGRES_") for key in values)]
    found = {values.get(name) or values.get("POSTGRES_USER") or "postgres" for values in servers}
    if any(UNKNOWN in each or "$" in each for each in found):
        return set()
    texts = [source.text for path, source in plan.sources.items() if path.suffix != ".md"]
    return found | {each for text in texts for each in re.findall(pattern, text, re.IGNORECASE)} if found else found


def _is_postgres(image: str) -> bool:
    store = datastore_of(image)
    return store is not None and store.name == "postgres"


@rule("backup-database-unknown", CRITICAL, over=dumps_of)
def database_unknown(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump of a database that no file makes."""
    made = _made(plan, "database")
    name = dump.database
    if re.fullmatch(r"[A-Za-z_][\w-]*", name) and made and name not in made and dump.words[0] == "pg_dump":
        said = f"dumps the database {name}, and the files make {' and '.join(sorted(made))}"
        yield _written(dump, name) or dump.command.place, f"{said}: it fails, or keeps what nobody needs"


@rule("backup-user-unknown", CRITICAL, over=dumps_of)
def user_unknown(dump: Dump, plan: Plan) -> Iterator[Found]:
    """A dump as a user that no file makes."""
    made = _made(plan, "user")
    name = dump.connection("-U", "--username", "PGUSER")
    if re.fullmatch(r"[A-Za-z_][\w-]*", name) and made and name not in made:
        said = f"connects as {name}, and the files make {' and '.join(sorted(made))}"
        yield _written(dump, name) or dump.command.place, f"{said}: the server refuses it"


def _written(dump: Dump, value: str) -> Place | None:
    """Where the script writes a value down."""
    for _, text, node in dump.script.assignments:
        if text == value or text.endswith(f"-{value}}}"):
            return dump.script.place(node)
    return None
