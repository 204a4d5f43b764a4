"""Reading the ledger back, each write the way it was written, in the runner's own process."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from seatrial.ledger import ABSENT, PHANTOM, PRESENT, UNREADABLE, WRONG, ReadBack, value_of
from seatrial.probe.http1 import Answer, HttpClient
from seatrial.probe.ways import TABLE, fill
from seatrial.samples import OK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatrial.probe.config import SamplerConfig
    from seatrial.samples import Sample

AT_ONCE = 64
LAG_S = 3.0  # how long an acknowledged write may be absent before it is lost
AGAIN_S = 0.2
STRANGERS = 3  # ids that nobody wrote, asked for through the API
NOT_THERE = (404, 410)


def read_back(
    config: SamplerConfig, writes: Iterable[Sample], timeout_s: float = 15.0, lag_s: float = LAG_S
) -> list[ReadBack]:
    """What is there of every write, and what is there that nobody wrote. What cannot be read in time is unreadable.

    An acknowledged write that is absent is read again for `lag_s`: a replica or a cache may lag behind.
    """
    keys: dict[str, list[str]] = {}
    acknowledged = set()
    for write in writes:
        keys.setdefault(write.stream, []).append(write.key)
        if write.ok:
            acknowledged.add((write.stream, write.key))
    found, deadline = _read(config, keys, timeout_s), time.monotonic() + lag_s
    while (missing := _missing(found, acknowledged)) and time.monotonic() < deadline:
        time.sleep(AGAIN_S)
        again = {(item.stream, item.key): item for item in _read(config, missing, timeout_s)}
        found = [again.get((item.stream, item.key), item) if item.state == ABSENT else item for item in found]
    return found


def _read(config: SamplerConfig, keys: dict[str, list[str]], timeout_s: float) -> list[ReadBack]:
    found: list[ReadBack] = []
    if "ledger/api" in keys:
        found += asyncio.run(_through_api(config, keys["ledger/api"], timeout_s))
    for stream, stored in (("ledger/sql", _sql_values), ("ledger/redis", _redis_values)):
        if stream in keys:
            found += _compare(config, stream, keys[stream], _patiently(stored, config, timeout_s))
    return found


def _missing(found: list[ReadBack], acknowledged: set[tuple[str, str]]) -> dict[str, list[str]]:
    """The acknowledged writes that are absent, by stream."""
    keys: dict[str, list[str]] = {}
    for item in found:
        if item.state == ABSENT and (item.stream, item.key) in acknowledged:
            keys.setdefault(item.stream, []).append(item.key)
    return keys


class _Patience:
    """Reading goes on for as long as something can be read; it ends so many seconds after the last thing that could."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.progress()

    def progress(self) -> None:
        self._until = time.monotonic() + self._seconds

    @property
    def over(self) -> bool:
        return time.monotonic() > self._until


async def _through_api(config: SamplerConfig, keys: list[str], timeout_s: float) -> list[ReadBack]:
    """Every key, and some that nobody wrote; those are phantoms if they have a value."""
    client, patience = HttpClient(config.url, keep=True), _Patience(timeout_s)
    free = asyncio.Semaphore(AT_ONCE)

    async def read(key: str) -> ReadBack:
        async with free:
            state = await _read_key(config, client, key, patience)
        return ReadBack("ledger/api", key, state)

    strangers = [f"{config.run}-nobody-{number}" for number in range(STRANGERS)]
    found = await asyncio.gather(*(read(key) for key in [*keys, *strangers]))
    client.close()
    asked, others = found[: len(keys)], found[len(keys) :]
    return [*asked, *(ReadBack(item.stream, item.key, PHANTOM) for item in others if item.state in (PRESENT, WRONG))]


async def _read_key(config: SamplerConfig, client: HttpClient, key: str, patience: _Patience) -> str:
    read: dict[str, Any] = (config.ledger.read if config.ledger else None) or {}
    path = fill(read["path"], {"id": key})
    while not patience.over:
        try:
            request = client.request("GET", path, headers=read.get("headers"))
            state = _state(
                await asyncio.wait_for(request, config.timeout_s), read["value"], value_of(key, config.nonce)
            )
        except TimeoutError:
            state = UNREADABLE
        if state != UNREADABLE:
            patience.progress()
            return state
        await asyncio.sleep(0.1)
    return UNREADABLE


def _state(answer: Answer, field: str, expected: str) -> str:
    """What an answer says of a write; one without the field says that there is nothing."""
    if answer.status in NOT_THERE:
        return ABSENT
    if answer.outcome != OK:
        return UNREADABLE
    try:
        value = _field(answer.json(), field)
    except ValueError:
        return WRONG
    if value is None:
        return ABSENT
    return PRESENT if value == expected else WRONG


def _field(value: Any, dotted: str) -> Any:  # noqa: ANN401 - any JSON value
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _patiently(
    stored: Callable[[SamplerConfig], dict[str, str]], config: SamplerConfig, timeout_s: float
) -> dict[str, str] | None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            values = stored(config)
        except Exception:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.2)
        else:
            return values


def _sql_values(config: SamplerConfig) -> dict[str, str]:
    import psycopg

    if not config.ledger or not config.ledger.sql:
        return {}
    with psycopg.connect(config.ledger.sql, autocommit=True, connect_timeout=3) as connection:
        rows = connection.execute(f"SELECT id, value FROM {TABLE} WHERE run = %s", (config.run,))  # noqa: S608 - a constant
        return dict(rows.fetchall())


def _redis_values(config: SamplerConfig) -> dict[str, str]:
    from redis import Redis

    if not config.ledger or not config.ledger.redis:
        return {}
    client: Any = Redis.from_url(config.ledger.redis, socket_timeout=3, socket_connect_timeout=3, decode_responses=True)
    names = list(client.scan_iter(f"seatrial:{config.run}-*", count=1000))
    values = client.mget(names) if names else []
    client.close()
    found = zip(names, values, strict=True)
    return {name.removeprefix("seatrial:"): value for name, value in found if value is not None}


def _compare(config: SamplerConfig, stream: str, keys: list[str], stored: dict[str, str] | None) -> list[ReadBack]:
    if stored is None:
        return [ReadBack(stream, key, UNREADABLE) for key in keys]

    def state(key: str) -> str:
        if key not in stored:
            return ABSENT
        return PRESENT if stored[key] == value_of(key, config.nonce) else WRONG

    # A value that follows from the run's nonce was written by the sampler, even if a killed one left no sample of it.
    strangers = sorted(key for key in stored.keys() - set(keys) if state(key) == WRONG)
    return [*(ReadBack(stream, key, state(key)) for key in keys), *(ReadBack(stream, k, PHANTOM) for k in strangers)]
