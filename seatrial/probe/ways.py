"""The ledger's ways to write: through the API, in SQL, in Redis. Each is a stream's `send`, and never raises."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

from seatrial.ledger import value_of
from seatrial.probe.http1 import HttpClient
from seatrial.probe.sampler import Ended, Stream
from seatrial.samples import OK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import psycopg

    from seatrial.probe.config import LedgerConfig, SamplerConfig

    Send = Callable[[str], Awaitable[str]]

TABLE = "seatrial_ledger"
EXPIRES_S = 86_400  # keys in Redis go by themselves, should nobody remove them


def ledger_streams(config: SamplerConfig) -> list[Stream]:
    """A stream for each way that the configuration gives."""
    ledger = config.ledger
    if ledger is None:
        return []
    ways: dict[str, Send] = {}
    if ledger.write:
        ways["api"] = through_api(config, ledger.write)
    if ledger.sql:
        ways["sql"] = in_sql(config, ledger.sql)
    if ledger.redis:
        ways["redis"] = in_redis(config, ledger.redis)
    return [_stream(config, ledger, way, send) for way, send in ways.items()]


def _stream(config: SamplerConfig, ledger: LedgerConfig, way: str, send: Send) -> Stream:
    numbers = itertools.count(1)

    async def timed(key: str) -> Ended:
        outcome = await send(key)
        return Ended(outcome, time.monotonic())

    return Stream(f"ledger/{way}", ledger.rate_hz, timed, lambda: f"{config.run}-{way}-{next(numbers):06}", finer=1)


def through_api(config: SamplerConfig, write: dict[str, Any]) -> Send:
    """The application's own request, with {id} and {value} in path and body."""
    client = HttpClient(config.url, keep=False)  # the load keeps its connections; here new ones have to work

    async def send(key: str) -> str:
        fields = {"id": key, "value": value_of(key, config.nonce)}
        answer = await client.request(
            write["method"], fill(write["path"], fields), fill(write["json"], fields), write["headers"]
        )
        return answer.outcome

    return send


def in_sql(config: SamplerConfig, dsn: str) -> Send:
    """An insert into a table of Seatrial's own, committed by itself."""
    import psycopg

    database = _Database(dsn, config.timeout_s)

    async def send(key: str) -> str:
        connection = None
        try:
            connection = await database.connection()
            await connection.execute(f"INSERT INTO {TABLE} VALUES (%s, %s, %s)",  # noqa: S608 - a constant name
                                     (config.run, key, value_of(key, config.nonce)))  # fmt: skip
        except (psycopg.Error, OSError) as error:
            return await database.broken(connection, error)
        database.idle.append(connection)
        return OK

    return send


class _Database:
    """Connections, each used by one write at a time, and the table, made again should the database have lost it."""

    def __init__(self, dsn: str, timeout_s: float) -> None:
        self._dsn, self._connect_timeout_s = dsn, max(2, int(timeout_s))
        self._making, self._made = asyncio.Lock(), False
        self.idle: list[psycopg.AsyncConnection[Any]] = []

    async def connection(self) -> psycopg.AsyncConnection[Any]:
        """An idle connection, or a new one."""
        import psycopg

        if self.idle:
            return self.idle.pop()
        timeout: dict[str, Any] = {"autocommit": True, "connect_timeout": self._connect_timeout_s}
        connection = await psycopg.AsyncConnection.connect(self._dsn, **timeout)
        async with self._making:  # two at once would both find it missing, and one would fail
            if not self._made:
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {TABLE} (run text, id text PRIMARY KEY, value text)"
                )
                self._made = True
        return connection

    async def broken(self, connection: psycopg.AsyncConnection[Any] | None, error: Exception) -> str:
        """The outcome of a write that ended in this error: refused without a connection, reset if it was lost."""
        import psycopg

        if connection is None:
            return "refused"
        self._made = self._made and not isinstance(error, psycopg.errors.UndefinedTable)
        lost = connection.broken or connection.closed
        await connection.close()
        return "reset" if lost else "error"


def in_redis(config: SamplerConfig, url: str) -> Send:
    """A key of Seatrial's own, which expires by itself."""
    from redis import exceptions
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    timeout: dict[str, Any] = {"socket_timeout": config.timeout_s, "socket_connect_timeout": config.timeout_s}
    client: Any = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **timeout)

    async def send(key: str) -> str:
        try:
            await client.set(f"seatrial:{key}", value_of(key, config.nonce), ex=EXPIRES_S)
        except exceptions.TimeoutError:
            return "timeout"
        except exceptions.ConnectionError as error:
            return "refused" if _never_taken(error) else "reset"
        except (exceptions.RedisError, OSError) as error:
            return "reset" if isinstance(error, OSError) else "error"
        return OK

    return send


def _never_taken(error: Exception) -> bool:
    """True if the command surely did not change anything: nobody listened, or the server was still loading."""
    from redis.exceptions import BusyLoadingError

    causes = (error, error.__cause__, error.__context__)
    return any(isinstance(cause, ConnectionRefusedError | BusyLoadingError) for cause in causes)


def fill(template: Any, fields: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value with {id} and {value} replaced in every string of it."""
    if isinstance(template, dict):
        return {key: fill(value, fields) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, fields) for value in template]
    if isinstance(template, str):
        for name, value in fields.items():
            template = template.replace(f"{{{name}}}", value)
    return template
