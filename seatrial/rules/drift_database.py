"""Rules on drift around the database: tables that only Compose makes, URLs that ask for another driver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MAJOR, Found, rule
from seatrial.plan.built import image_here
from seatrial.plan.cluster import cluster_of
from seatrial.plan.counterparts import Pair, pairs_of
from seatrial.plan.datastores import repository
from seatrial.plan.python_packages import package_lists, requirements
from seatrial.plan.wiring import wiring_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from seatrial.plan import Plan

_AT_START = "/docker-entrypoint-initdb.d"
_TABLES = re.compile(r"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\b", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"alembic|create_all|CREATE\s+TABLE|flyway|liquibase|migrat|yoyo|dbmate|goose|initdb|psql\b[^\n]*\s-\w*f",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(postgres|postgresql|mysql|mariadb)(?:\+(\w+))?://", re.IGNORECASE)
_CHANGES = re.compile(r"(?:postgres(?:ql)?|mysql|mariadb)\+\w|make_url|drivername|URL\.create|\.set\(\s*driver")
# What SQLAlchemy loads for a driver, and the packages that bring it; the empty one is its default.
_DRIVERS = {
    ("postgresql", ""): ("psycopg2", r"psycopg2"), ("postgresql", "psycopg2"): ("psycopg2", r"psycopg2"),
    ("postgresql", "asyncpg"): ("asyncpg", r"asyncpg"), ("postgresql", "psycopg"): ("psycopg", r"psycopg(?!2)"),
    ("postgresql", "psycopg_async"): ("psycopg", r"psycopg(?!2)"), ("postgresql", "pg8000"): ("pg8000", r"pg8000"),
    ("mysql", ""): ("MySQLdb", r"mysqlclient"), ("mysql", "pymysql"): ("pymysql", r"pymysql"),
    ("mysql", "aiomysql"): ("aiomysql", r"aiomysql"), ("mysql", "asyncmy"): ("asyncmy", r"asyncmy"),
}  # fmt: skip


def _made_at_start(pair: Pair, plan: Plan) -> list[PurePosixPath]:
    """The files with tables that Compose gives to its database for the first start."""
    found = []
    for mount in pair.service.mounts:
        if mount.kind == "bind" and mount.target.startswith(_AT_START):
            source = pair.service.project.path(mount.source)
            inside = (path for path in plan.sources if path == source or source in path.parents)
            found += [path for path in inside if _TABLES.search(plan.sources[path].text)]
    return found


def _made_otherwise(files: list[PurePosixPath], plan: Plan) -> bool:
    """May something else make the tables: a migration, the code, a command that names one of the files?"""
    composed = {file for project in plan.projects for file in project.files}
    for path, source in plan.sources.items():
        if path in files or path in composed or path.suffix in (".md", ".rst", ".adoc"):
            continue
        if _OTHERWISE.search(source.text) or _OTHERWISE.search(str(path)) or any(f.name in source.text for f in files):
            return True
    return False


@rule("drift-tables", MAJOR, over=pairs_of)
def tables(pair: Pair, plan: Plan) -> Iterator[Found]:
    """Compose's database makes its tables at its first start, and that of Kubernetes does not."""
    files = _made_at_start(pair, plan) if pair.store else []
    mounts = pair.container.node.get("volumeMounts")
    given = any(each.get("mountPath").text.startswith(_AT_START) for each in mounts)
    cluster = cluster_of(plan)
    unsure = cluster.open or cluster.patched(pair.container.workload.object)
    official = repository(pair.container.image).removeprefix("docker.io/").removeprefix("library/") == pair.store
    if files and official and not (given or unsure or _made_otherwise(files, plan)):
        said = f"has nothing in {_AT_START}, where Compose mounts {files[0]} for {pair.service.name}"
        yield (mounts if mounts else pair.container.place), f"{said}: no file makes these tables on Kubernetes"


@rule("drift-driver", CRITICAL, over=pairs_of)
def driver(pair: Pair, plan: Plan) -> Iterator[Found]:
    """One variable, whose URL asks for another driver in Compose than on Kubernetes, and one of them is not there."""
    if pair.store or _rewrites(plan) or cluster_of(plan).patched(pair.container.workload.object):
        return
    listed = _packages(pair, plan)
    for name, setting in wiring_of(plan).settings(pair.container).items() if "sqlalchemy" in listed else ():
        here = _SCHEME.match(pair.service.value_of(name) or "")
        there = _SCHEME.match(setting.value or "")
        if not here or not there or here[0].lower() == there[0].lower() or _family(here[1]) != _family(there[1]):
            continue
        if why := _lacks(there, listed):
            yield setting.node, f"{name} begins with {there[0]}, and in Compose with {here[0]}: {why}"
        elif why := _lacks(here, listed):
            node = pair.service.environment.get(name, pair.service.place)  # it may come from an env_file
            yield node, f"{name} begins with {here[0]}, and on Kubernetes with {there[0]}: {why}"


def _rewrites(plan: Plan) -> bool:
    """Does the code change the scheme itself?"""
    return any(path.suffix == ".py" and _CHANGES.search(each.text) for path, each in plan.sources.items())


def _packages(pair: Pair, plan: Plan) -> str:
    """The packages of the image, a line each; empty where they are not told."""
    dockerfile = image_here(pair.container.image, plan) or image_here(pair.service.image or pair.service.name, plan)
    lists = package_lists(dockerfile, plan) if dockerfile else []
    return "\n".join(line.lower() for source in lists for _, line in requirements(source))


def _family(base: str) -> str:
    return {"postgres": "postgresql", "mariadb": "mysql"}.get(base.lower(), base.lower())


def _lacks(url: re.Match[str], listed: str) -> str:
    """Why SQLAlchemy cannot open a URL with these packages; empty where it may."""
    if url[1].lower() == "postgres":
        return "SQLAlchemy does not know postgres://"
    name, package = _DRIVERS.get((_family(url[1]), (url[2] or "").lower()), ("", ""))
    there = re.search(rf"^{package}", listed, re.MULTILINE) is not None
    return "" if there else f"SQLAlchemy loads {name} for it, which the image does not have"
