"""Removing what the ledger wrote past the application, directly into a database or a cache."""

from __future__ import annotations

from seatrial.errors import TargetError
from seatrial.probe.ways import TABLE


def forget_sql(dsn: str, run: str) -> None:
    """Remove a run's rows, and the table if no other run has rows in it. Idempotent. Raises TargetError."""
    import psycopg

    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=3) as connection:
            there = connection.execute("SELECT to_regclass(%s)", (TABLE,)).fetchone()
            if there is None or there[0] is None:
                return
            connection.execute(f"DELETE FROM {TABLE} WHERE run = %s", (run,))  # noqa: S608 - a constant name
            left = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()  # noqa: S608 - a constant name
            if left and left[0] == 0:
                connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
    except psycopg.Error as error:
        raise TargetError(f"the ledger's rows of {run} could not be removed: {type(error).__name__}") from None


def forget_redis(url: str, run: str) -> None:
    """Remove a run's keys. Idempotent. Raises TargetError."""
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            for key in client.scan_iter(f"seatrial:{run}-*", count=1000):
                client.delete(key)
    except (RedisError, OSError) as error:
        raise TargetError(f"the ledger's keys of {run} could not be removed: {type(error).__name__}") from None
