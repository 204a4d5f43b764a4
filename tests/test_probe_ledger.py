"""The ledger against a real application, a real PostgreSQL and a real Redis: written, read back, and forgotten."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import redis
from reference_servers import deployment, healthy, postgres_home, wait_until

from seatrial.ledger import ABSENT, PHANTOM, PRESENT, UNREADABLE, WRONG, value_of
from seatrial.probe.config import LedgerConfig, SamplerConfig
from seatrial.probe.forget import forget_redis, forget_sql
from seatrial.probe.process import SamplerProcess
from seatrial.probe.readback import LAG_S, read_back
from seatrial.probe.ways import TABLE
from seatrial.samples import Sample

__all__ = ["deployment", "healthy", "postgres_home"]  # fixtures

WRITE = {"method": "POST", "path": "/api/notes", "json": {"id": "{id}", "text": "{value}"}, "headers": {}}
READ = {"path": "/api/notes/{id}", "value": "text", "headers": {}}


@pytest.fixture
def config(healthy, tmp_path):
    """All three ways, 20 writes a second each."""
    ledger = LedgerConfig(20.0, WRITE, READ, healthy.database_url, healthy.redis_url)
    nonce = f"{time.monotonic_ns():016x}"[::-1]
    return SamplerConfig(
        f"http://127.0.0.1:{healthy.port}", str(tmp_path), "/health", 20.0, timeout_s=1, nonce=nonce, ledger=ledger
    )


def written(config, *steps):
    """The ledger's samples, by stream, of a sampler that ran while these steps were done, each after a second."""
    sampler = SamplerProcess(config)
    sampler.start()
    try:
        for step in steps:
            time.sleep(1)
            step()
        time.sleep(1)
    finally:
        sampler.stop()
    samples = [sample for sample in sampler.poll() if sample.stream.startswith("ledger/")]
    return {
        stream: [s for s in samples if s.stream == stream] for stream in ("ledger/api", "ledger/sql", "ledger/redis")
    }


def every(found):
    return [sample for samples in found.values() for sample in samples]


def states(config, writes, **options):
    """What was read back: the number of each state, by stream."""
    counted = {}
    for item in read_back(config, writes, **options):
        of_stream = counted.setdefault(item.stream, {})
        of_stream[item.state] = of_stream.get(item.state, 0) + 1
    return counted


def rows(healthy, run):
    with psycopg.connect(healthy.database_url) as connection:
        try:
            return connection.execute(f"SELECT count(*) FROM {TABLE} WHERE run = %s", (run,)).fetchone()[0]
        except psycopg.errors.UndefinedTable:
            return None


def test_what_is_written_is_there_until_it_is_forgotten(healthy, config):
    """All three ways: acknowledged at their rate, present, nothing beside them; forgotten once and again."""
    found = written(config)
    for stream, samples in found.items():
        settled = [sample for sample in samples if sample.outcome != "timeout"]  # in flight when it ended
        assert len(settled) >= 15, stream
        assert {sample.outcome for sample in settled} == {"ok"}, stream
    for stream, counted in states(config, [s for s in every(found) if s.ok]).items():
        assert set(counted) == {PRESENT}, stream
    assert rows(healthy, config.run) >= 15
    for _ in range(2):
        forget_sql(healthy.database_url, config.run)
        forget_redis(healthy.redis_url, config.run)
    assert rows(healthy, config.run) is None
    with contextlib.closing(redis.Redis.from_url(healthy.redis_url)) as cache:
        assert list(cache.scan_iter("seatrial:*")) == []


def test_forgetting_leaves_what_another_run_wrote(healthy, config):
    """Its rows stay, and the table with them."""
    written(config)
    with psycopg.connect(healthy.database_url) as connection:
        connection.execute(f"INSERT INTO {TABLE} VALUES ('other', 'other-1', 'x')")
    forget_sql(healthy.database_url, config.run)
    assert (rows(healthy, config.run), rows(healthy, "other")) == (0, 1)
    forget_sql(healthy.database_url, "other")
    assert rows(healthy, "other") is None


def test_forgetting_waits_for_what_another_run_is_writing(healthy, config):
    """The table looks empty while another run's first row is not yet committed: it is not dropped under that run."""
    written(config)
    with psycopg.connect(healthy.database_url) as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(f"INSERT INTO {TABLE} VALUES ('other', 'other-1', 'x')")
        forgetting = pool.submit(forget_sql, healthy.database_url, config.run)
        time.sleep(0.5)
        assert not forgetting.done()
        connection.commit()
        forgetting.result(5)
    assert (rows(healthy, config.run), rows(healthy, "other")) == (0, 1)
    forget_sql(healthy.database_url, "other")
    assert rows(healthy, "other") is None


def test_lost_changed_and_invented_writes_are_told_apart(healthy, config):
    """What others removed is absent, what they changed is wrong, what they invented is a phantom, by each way."""
    found = written(config)
    keys = {stream: [s.key for s in samples if s.ok] for stream, samples in found.items()}
    with psycopg.connect(healthy.database_url) as connection:
        for table, column, stream in ((TABLE, "value", "ledger/sql"), ("notes", "text", "ledger/api")):
            connection.execute(f"DELETE FROM {table} WHERE id = %s", (keys[stream][0],))
            connection.execute(f"UPDATE {table} SET {column} = 'x' WHERE id = %s", (keys[stream][1],))
        connection.execute(f"INSERT INTO {TABLE} VALUES (%s, %s, 'x')", (config.run, f"{config.run}-sql-x"))
    with contextlib.closing(redis.Redis.from_url(healthy.redis_url)) as cache:
        cache.delete(f"seatrial:{keys['ledger/redis'][0]}")
        cache.set(f"seatrial:{keys['ledger/redis'][1]}", "x")
        cache.set(f"seatrial:{config.run}-redis-x", "x")
    counted = states(config, [s for s in every(found) if s.ok])
    for stream, some in keys.items():
        phantoms = {} if stream == "ledger/api" else {PHANTOM: 1}
        assert counted[stream] == {PRESENT: len(some) - 2, ABSENT: 1, WRONG: 1, **phantoms}, stream


def test_a_write_that_is_only_late_is_not_lost(healthy, config):
    """A replica or a cache lags: what is absent at first and there a second later is present, by each way."""
    keys = {
        f"ledger/{way}": [f"{config.run}-{way}-{number:06}" for number in range(3)] for way in ("api", "sql", "redis")
    }
    with psycopg.connect(healthy.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (run text, id text PRIMARY KEY, value text)")

    def arrive():
        values = {stream: [(key, value_of(key, config.nonce)) for key in some] for stream, some in keys.items()}
        with psycopg.connect(healthy.database_url) as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO notes (id, text) VALUES (%s, %s)", values["ledger/api"])
            cursor.executemany(f"INSERT INTO {TABLE} VALUES ('{config.run}', %s, %s)", values["ledger/sql"])
        with contextlib.closing(redis.Redis.from_url(healthy.redis_url)) as cache:
            cache.mset({f"seatrial:{key}": value for key, value in values["ledger/redis"]})

    late = threading.Timer(1.0, arrive)
    late.start()
    try:
        writes = [Sample(stream, 0, 0, 0, "ok", key) for stream, some in keys.items() for key in some]
        assert states(config, writes) == {stream: {PRESENT: 3} for stream in keys}
    finally:
        late.join()
        forget_sql(healthy.database_url, config.run)


def test_nobody_waits_for_a_write_that_was_not_acknowledged(config):
    """A refused one is absent, and that is no loss."""
    began = time.monotonic()
    counted = states(config, [Sample("ledger/api", 0, 0, 0, "refused", f"{config.run}-api-000001")])
    assert counted == {"ledger/api": {ABSENT: 1}}
    assert time.monotonic() - began < LAG_S


def test_a_write_whose_record_was_lost_is_no_phantom(healthy, config):
    """Its value could be made by the run's own sampler only."""
    found = written(config)
    acknowledged = [s for s in every(found) if s.ok]
    without_last = [s for s in acknowledged if not s.key.endswith("000003")]
    assert len(without_last) == len(acknowledged) - 3
    assert all(PHANTOM not in counted for counted in states(config, without_last).values())


def test_a_database_that_is_killed_refuses_and_is_written_to_again(healthy, config):
    """After SIGKILL writes fail, none by itself is acknowledged; after the restart they succeed, and all are there."""
    found = written(config, healthy.database.kill, healthy.database.start, lambda: wait_until(healthy.database_accepts))
    outcomes = [sample.outcome for sample in found["ledger/sql"]]
    assert "refused" in outcomes
    assert set(outcomes) <= {"ok", "refused", "reset", "timeout"}
    assert outcomes[0] == outcomes[-5] == "ok"
    assert set(states(config, [s for s in found["ledger/sql"] if s.ok])["ledger/sql"]) == {PRESENT}


def test_a_cache_that_loses_its_data_shows_it(healthy, config):
    """Redis without persistence, killed and started: refused while it was gone, and what it had acknowledged gone."""
    found = written(config, healthy.cache.kill, healthy.cache.start)["ledger/redis"]
    outcomes = [sample.outcome for sample in found]
    assert "refused" in outcomes
    assert set(outcomes) <= {"ok", "refused", "reset"}
    counted = states(config, [s for s in found if s.ok], lag_s=0)["ledger/redis"]
    assert counted[ABSENT] >= 10
    assert counted[PRESENT] >= 10


def test_a_cache_that_hangs_is_a_timeout(healthy, config):
    """SIGSTOP: unknown whether it was written, so never refused; afterwards it goes on."""
    stop = lambda: healthy.cache.signal(signal.SIGSTOP)  # noqa: E731 - a step
    resume = lambda: healthy.cache.signal(signal.SIGCONT)  # noqa: E731 - a step
    found = written(config, stop, lambda: time.sleep(0.5), resume)["ledger/redis"]
    outcomes = [sample.outcome for sample in found]
    assert set(outcomes) == {"ok", "timeout"}
    assert outcomes[-5] == "ok"


def test_a_store_that_does_not_come_back_is_unreadable_in_time(healthy, config):
    """Neither lost nor there; the reading takes little more than its patience, however many writes there are."""
    keys = [f"{config.run}-api-{number:06}" for number in range(200)]
    writes = [Sample(stream, 0, 0, 0, "ok", key) for stream in ("ledger/api", "ledger/sql") for key in keys]
    healthy.database.kill()
    try:
        began = time.monotonic()
        assert states(config, writes, timeout_s=1) == {"ledger/api": {UNREADABLE: 200}, "ledger/sql": {UNREADABLE: 200}}
        assert time.monotonic() - began < 8
    finally:
        healthy.database.start()
        wait_until(healthy.database_accepts)


def test_an_application_that_knows_every_id_invents_them(config):
    """Asked for ids that nobody wrote, it has values for them: phantoms."""
    from dataclasses import replace

    read = {"path": "/health?{id}", "value": "status", "headers": {}}
    key = f"{config.run}-api-000001"
    changed = replace(config, ledger=replace(config.ledger, read=read))
    counted = states(changed, [Sample("ledger/api", 0, 0, 0, "ok", key)])
    assert counted["ledger/api"] == {WRONG: 1, PHANTOM: 3}
    nothing = replace(config, ledger=replace(config.ledger, read={**read, "value": "no.such.field"}))
    assert states(nothing, [Sample("ledger/api", 0, 0, 0, "ok", key)], lag_s=0)["ledger/api"] == {ABSENT: 1}
    assert value_of(key, config.nonce) != "ok"
