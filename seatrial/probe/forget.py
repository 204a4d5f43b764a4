"""Removing what the ledger wrote past the application, directly into a database or a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.errors import TargetError
from seatrial.probe.ways import TABLE

if TYPE_CHECKING:
    import psycopg

LOCK_MS = 10_000  # how long another run's write may keep the table


def forget_sql(dsn: str, run: str) -> None:
    """Remove a run's rows, and the table if no other run has rows in it. Idempotent. Raises TargetError."""
    import psycopg

    try:
        with psycopg.connect(dsn, connect_timeout=3) as connection:
            there = connection.execute("SELECT to_regclass(%s)", (TABLE,)).fetchone()
            if there is not None and there[0] is not None:
                _forget_rows(connection, run)
    except psycopg.errors.UndefinedTable:
        return  # another run has removed it meanwhile
    except psycopg.Error as error:
        raise TargetError(f"the ledger's rows of {run} could not be removed: {type(error).__name__}") from None


def _forget_rows(connection: psycopg.Connection[Any], run: str) -> None:
    """In one transaction, alone with the table: what another run is just writing is there before it is looked at."""
    connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
    connection.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
    connection.execute(f"DELETE FROM {TABLE} WHERE run = %s", (run,))  # noqa: S608 - a constant name
    if connection.execute(f"SELECT 1 FROM {TABLE} LIMIT 1").fetchone() is None:  # noqa: S608 - a constant name
        connection.execute(f"DROP TABLE {TABLE}")


def forget_redis(url: str, run: str) -> None:
    """Remove a run's keys. Idempotent. Raises TargetError."""
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            for key in client.scan_iter(f"seatrial:{run}-*", count=1000):
                client.delete(key)
    except (RedisError, OSError) as error:
        raise TargetError(f"the ledger's keys of {run} could not be removed: {type(error).__name__}") from None
