"""The reference application, with a real PostgreSQL and a real Redis that are broken under it."""

from __future__ import annotations

import contextlib
import json
import signal
import statistics
import time

import psycopg
import pytest
from reference_servers import HEALTHY, PASSWORD, SECRET_KEY, Deployment, Load, deployment, postgres_home, wait_until

__all__ = ["deployment", "postgres_home"]  # fixtures
pytestmark = pytest.mark.timeout(90)

DEGRADED = {"status": "degraded", "database": "up", "cache": "down"}
END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'insitechart'"


@pytest.fixture
def healthy(deployment) -> Deployment:
    """The deployment, with everything up and seen to be; it had to start before its database and its cache."""
    wait_until(lambda: deployment.request("GET", "/health") == (200, HEALTHY))
    return deployment


def wait_for_recovery(deployment) -> float:
    """Seconds until PostgreSQL accepts connections, and from then until a note is written."""
    wait_until(deployment.database_accepts)
    return wait_until(lambda: deployment.request(*note(f"recovered-{time.monotonic()}"))[0] == 201)


def note(key: str, text: str = "buy") -> tuple[str, str, dict[str, str]]:
    return "POST", "/api/notes", {"id": key, "text": text}


def test_chart_and_sentiment_are_read_through_the_cache(healthy):
    """What was read once is in Redis, and is served from there while the database is not asked."""
    with psycopg.connect(healthy.database_url) as connection:
        status, chart = healthy.request("GET", "/api/chart/nvda")
        assert status == 200
        assert chart["symbol"] == "NVDA"
        assert len(chart["prices"]) == 60
        connection.execute("UPDATE prices SET close = 1 WHERE symbol = 'NVDA'")
        connection.commit()
        assert healthy.request("GET", "/api/chart/NVDA") == (200, chart)
        wait_until(lambda: healthy.request("GET", "/api/chart/NVDA")[1]["prices"][0]["close"] == 1, within_s=8)
    assert healthy.request("GET", "/api/sentiment/TSLA") == (200, {"symbol": "TSLA", "score": -0.18, "mentions": 3120})


@pytest.mark.parametrize("path", ["/api/chart/NOPE", "/api/sentiment/NOPE", "/api/notes/nobodys"])
def test_what_is_not_there_is_404(healthy, path):
    """Unknown symbols and notes are not found, and that is no failure."""
    assert healthy.get(path) == 404


@pytest.mark.parametrize("text", ["buy", "", 'Kurs fällt\n"schnell" \U0001f4c9'])
def test_note_is_written_once_and_read_back(healthy, text):
    """The first write is 201, the same again 200, another text under the same id 409; the first one stays."""
    key = f"note-{time.monotonic()}"
    statuses = [healthy.request(*note(key, each))[0] for each in (text, text, text + "!")]
    assert statuses == [201, 200, 409]
    assert healthy.request("GET", f"/api/notes/{key}") == (200, {"id": key, "text": text})


def test_metrics_count_by_route_template(healthy):
    """Requests are counted by method, route template and status, never by the path that a client made up."""
    for path in ("/api/chart/AAPL", "/api/chart/NOPE", "/made/up"):
        healthy.get(path)
    metrics = healthy.request("GET", "/metrics")[1]
    assert 'http_requests_total{method="GET",route="/api/chart/{symbol}",status="200"}' in metrics
    assert 'http_requests_total{method="GET",route="/api/chart/{symbol}",status="404"}' in metrics
    assert 'http_request_duration_seconds_bucket{le="0.5",method="GET",route="none",status="404"}' in metrics
    assert "/made/up" not in metrics


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_loss_of_the_cache_fails_no_request(healthy, blow):
    """With Redis killed, or accepting connections and answering nothing, no request fails, and few are slower."""
    with Load(healthy, rate_hz=80) as load:
        time.sleep(0.5)
        healthy.cache.signal(blow)
        try:
            wait_until(lambda: healthy.request("GET", "/health") == (200, DEGRADED))
            time.sleep(2)
        finally:
            healthy.cache.start_or_resume(blow)
        # Not by asking for the health: that looks at the cache too, and may find it before the reads do.
        wait_until(healthy.cache_is_used, within_s=1.5)
    assert len(load.answers) > 150
    assert load.failed == []
    assert load.slowest_s < 3
    # More than half of these requests fall into the outage; without a breaker each of them would wait for the cache.
    assert statistics.median(seconds for _, seconds, _ in load.answers) < 0.14


def test_database_killed_and_started_again(healthy):
    """Without its database the application is 503 at once; it serves within a second of the database's return."""
    healthy.request(*note("before-the-kill"))
    with Load(healthy, rate_hz=80) as load:
        time.sleep(0.5)
        healthy.database.kill()
        wait_until(lambda: healthy.get("/health") == 503, within_s=1)
        assert healthy.request("GET", "/health")[1]["status"] == "down"
        healthy.database.start()
        assert wait_for_recovery(healthy) < 3
        recovered_s = time.monotonic()
        time.sleep(1)
    assert healthy.request("GET", "/api/notes/before-the-kill")[0] == 200
    assert {status for _, _, status in load.failed} == {503}
    assert [answer for answer in load.failed if answer[0] > recovered_s] == []
    assert load.slowest_s < 4


def test_database_paused_and_resumed(healthy):
    """While PostgreSQL is silent every answer comes within about a second; it serves within a second of its return."""
    with Load(healthy, rate_hz=80) as load:
        time.sleep(0.5)
        healthy.database.signal(signal.SIGSTOP)
        try:
            wait_until(lambda: healthy.get("/health") == 503, within_s=2)
            time.sleep(3)
        finally:
            healthy.database.signal(signal.SIGCONT)
        assert wait_for_recovery(healthy) < 3
        recovered_s = time.monotonic() + 1
        time.sleep(2)
    assert {status for _, _, status in load.failed} == {503}
    assert [answer for answer in load.failed if answer[0] > recovered_s] == []
    assert load.slowest_s < 4


def test_connections_taken_by_others(healthy):
    """With its connections ended and every slot taken (53300), the application says 503 quickly, and recovers."""
    others = []
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(healthy.database_url, autocommit=True))
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.append(stack.enter_context(psycopg.connect(healthy.database_url)))
        first.execute(END_CONNECTIONS)
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(12):
                others.append(stack.enter_context(psycopg.connect(healthy.database_url)))
        began = time.monotonic()
        assert healthy.request(*note("no-slot"))[0] == 503
        assert time.monotonic() - began < 1.2
        for connection in others:
            connection.close()
        assert wait_for_recovery(healthy) < 1


def test_ended_connections_reach_no_request(healthy):
    """Connections that the database ended while they were idle are replaced before any request has them."""
    with psycopg.connect(healthy.database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'insitechart'"
        )
    time.sleep(0.1)
    assert [healthy.request(*note(f"replaced-{number}"))[0] for number in range(12)] == [201] * 12


def test_log_is_json_without_secrets(healthy):
    """Every line of the log is a JSON object; the loss of the database is one of them; a secret is masked in each."""
    healthy.database.kill()
    try:
        wait_until(lambda: healthy.get("/health") == 503)
    finally:
        healthy.database.start()
    log = healthy.app.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line["level"] == "WARNING" and line["message"].startswith("database lost") for line in lines)
    assert PASSWORD not in log
    assert SECRET_KEY not in log
    assert "*** complete" in log


def test_sigterm_ends_it_cleanly(healthy):
    """SIGTERM ends the application within two seconds, without a failed request and without an error in its log."""
    with Load(healthy, rate_hz=50) as load:
        time.sleep(0.5)
        healthy.app.process.terminate()
        assert healthy.app.process.wait(timeout=2) in (0, -signal.SIGTERM)
    assert {status for _, _, status in load.failed} <= {0}  # refused, after its end
    errors = [line for line in healthy.app.log.read_text().splitlines() if json.loads(line)["level"] == "ERROR"]
    assert errors == []
