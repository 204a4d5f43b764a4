"""The load, with a real Locust against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from load_server import OWN, Server

from seatrial.errors import InputError, TargetError
from seatrial.load.health import attention, fitness, load_health
from seatrial.load.runner import LocustLoad
from seatrial.samples import read_samples
from seatrial.settings import Load

TIMEOUT_S = 1.0
SECRET = "k3pt-out-of-sight"


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.flowing.set()
        running.shutdown()
        thread.join()


def open_loop(rate_hz, *requests):
    return Load.model_validate({"rate_hz": rate_hz, "requests": requests})


@contextmanager
def running(load, url, folder, root=Path()):
    observer = LocustLoad(load, url, TIMEOUT_S, folder, root)
    observer.start()
    try:
        yield observer
    finally:
        observer.stop()


def record(load, url, folder, seconds):
    with running(load, url, folder) as observer:
        time.sleep(seconds)
    return sorted(observer.poll(), key=lambda sample: sample.intended_s)


def samples_of(folder):
    (path,) = (folder / "samples").glob("load-*.csv")
    return path


def pid_of(folder):
    return int(samples_of(folder).stem.removeprefix("load-"))


def ended(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def children_idle():
    def cpu_s():
        return [child.cpu_times()[:2] for child in psutil.Process().children()]

    before = cpu_s()
    time.sleep(0.4)
    return cpu_s() == before


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_freeze_does_not_stop_the_schedule(server, tmp_path):
    """Requests go out on their grid while the server is frozen, so that all who would have waited are seen to wait."""
    load = open_loop(100, {"name": "a", "path": "/a", "weight": 3}, {"name": "b", "path": "/b"})
    with running(load, server.url, tmp_path) as observer:
        time.sleep(1.2)
        server.flowing.clear()
        frozen_s = time.monotonic()
        time.sleep(0.9)
        server.flowing.set()
        time.sleep(1.2)
    samples = sorted(observer.poll(), key=lambda sample: sample.intended_s)
    steps = {round(later.intended_s - one.intended_s, 4) for one, later in pairwise(samples)}
    assert steps == {0.01}
    during = sorted(s.latency_s for s in samples if frozen_s <= s.intended_s < frozen_s + 0.9)
    assert len(during) == pytest.approx(90, abs=2)
    assert 0.5 < during[int(0.95 * len(during))] < 3.0
    begun, last = samples[0].intended_s, samples[-1].intended_s
    assert (len(samples) - 1) / (last - begun) == pytest.approx(100, rel=0.02)
    assert [s.stream[-1] for s in samples[:8]] == list("aabaaaba")
    assert Counter(s.stream for s in samples[: len(samples) // 4 * 4]).most_common(1)[0][1] == len(samples) // 4 * 3
    assert not fitness(samples, load_health(tmp_path), begun, last, 100).unfit


def test_every_way_to_fail_has_its_name(server, tmp_path):
    """What a client came to know stands in the outcome; a redirect is not what was asked for; nobody is sent twice."""
    paths = ("ok", "302", "503", "close", "torn", "hang")
    samples = record(open_loop(60, *({"name": f"p{p}", "path": f"/{p}"} for p in paths)), server.url, tmp_path, 1.5)
    outcomes = {stream: {s.outcome for s in samples if s.stream == stream} for stream in {s.stream for s in samples}}
    expected = {
        "pok": "ok",
        "p302": "http_302",
        "p503": "http_503",
        "pclose": "reset",
        "ptorn": "reset",
        "phang": "timeout",
    }
    assert outcomes == {f"load/{name}": {outcome} for name, outcome in expected.items()}
    assert server.count("/close") == sum(s.stream == "load/pclose" for s in samples)


def test_an_answer_without_the_expected_text_is_wrong(server, tmp_path):
    """Status 200 with another body: the server says `ok`, one request expects that and the other does not."""
    good, bad = ({"name": name, "path": "/ok", "expect": text} for name, text in (("good", "ok"), ("bad", "AAPL")))
    failing = {"name": "failing", "path": "/503", "expect": "ok"}
    samples = record(open_loop(60, good, bad, failing), server.url, tmp_path, 1)
    assert {(s.stream, s.outcome) for s in samples} == {
        ("load/good", "ok"), ("load/bad", "wrong"), ("load/failing", "http_503"),
    }  # fmt: skip


def test_new_connections_are_opened_all_the_time(server, tmp_path):
    """One request in ten ends its connection: a server that takes no new ones is noticed; the rest are kept."""
    record(open_loop(100, {"name": "a", "path": "/ok"}), server.url, tmp_path, 2)
    connections = len(set(server.ports))
    assert len(server.seen) / 15 < connections < len(server.seen) / 2


def test_a_server_that_is_gone_refuses(server, tmp_path):
    """Without a listener every request is refused, at once and on the grid."""
    samples = record(open_loop(50, {"name": "a", "path": "/"}), "http://127.0.0.1:9", tmp_path, 0.5)
    assert {s.outcome for s in samples} == {"refused"}
    assert len(samples) > 20


def test_a_body_carries_a_fresh_id_and_headers_stay_secret(server, tmp_path):
    """{id} is new in each request; a header's value reaches the server and no command line or file."""
    write = {"name": "w", "method": "POST", "path": "/n/{id}", "json": {"id": "{id}"}, "headers": {"X-Key": SECRET}}
    with running(open_loop(50, write), server.url, tmp_path):
        time.sleep(0.5)
        process = Path(f"/proc/{pid_of(tmp_path)}")
        shown = (process / "cmdline").read_text() + (process / "environ").read_text()
    ids = [json.loads(body)["id"] for _, body, _ in server.seen]
    assert len(ids) == len(set(ids)) > 10
    assert [path for path, _, _ in server.seen] == [f"/n/{each}" for each in ids]
    assert {headers["X-Key"] for _, _, headers in server.seen} == {SECRET}
    assert {headers["Content-Type"] for _, _, headers in server.seen} == {"application/json"}
    assert SECRET not in shown
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET in path.read_text()]


def test_stopping_loses_nothing_in_flight(server, tmp_path):
    """Whatever the server was asked is in the samples with its answer, and Locust is gone; a second stop is nothing."""
    with running(open_loop(60, {"name": "slow", "path": "/slow"}), server.url, tmp_path) as observer:
        assert os.getpgid(pid_of(tmp_path)) != os.getpgid(0)
        assert wait_for(lambda: len(server.seen) > 40, 5)
        before = observer.poll()
        observer.stop()
        samples = before + observer.poll()
        observer.stop()
    assert {s.outcome for s in samples} == {"ok"}
    assert len(samples) == len(server.seen)
    assert ended(pid_of(tmp_path))


def test_a_users_own_locustfile_is_recorded(server, tmp_path):
    """It runs as it is, beside its own modules, against this target; each request is a sample of a closed loop."""
    root = tmp_path / "own"
    root.mkdir()
    (root / "load.py").write_text(OWN)
    (root / "beside.py").write_text("PATH = '/slow'\n")
    load = Load.model_validate({"locustfile": "load.py", "users": 4})
    begun = time.monotonic()
    with running(load, server.url, tmp_path, root) as observer:
        time.sleep(1.2)
    samples, stopped = observer.poll(), time.monotonic()
    assert {(s.stream, s.outcome) for s in samples} == {
        ("load/read, twice said", "ok"), ("load/judged", "wrong"), ("load/broken", "http_503"),
    }  # fmt: skip
    assert len(samples) == len(server.seen)
    assert all(s.intended_s == s.start_s and begun < s.start_s < s.end_s < stopped for s in samples)
    assert all(s.end_s - s.start_s == pytest.approx(0.5, abs=0.1) for s in samples if "read" in s.stream)
    assert {row.loop for row in load_health(tmp_path)} == {"closed"}


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_a_stall_of_the_generator_itself_is_recorded(server, tmp_path, loop):
    """Stopped for 0.5 s: the span in which it did not look is known, from its samples or from its heartbeat."""
    (tmp_path / "load.py").write_text(OWN)
    (tmp_path / "beside.py").write_text("PATH = '/slow'\n")
    own = Load.model_validate({"locustfile": "load.py", "users": 4})
    with running(
        own if loop == "closed" else open_loop(50, {"name": "a", "path": "/"}), server.url, tmp_path, tmp_path
    ):
        time.sleep(1)
        stopped = time.monotonic()
        os.kill(pid_of(tmp_path), signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(pid_of(tmp_path), signal.SIGCONT)
        woken = time.monotonic()
        time.sleep(0.5)
    found = attention(read_samples(samples_of(tmp_path)), load_health(tmp_path)).stalls
    stall = max(found, key=lambda span: span.length_s)
    assert stopped - 0.1 < stall.lower_s < stopped + 0.1
    assert woken - 0.1 < stall.upper_s < woken + 0.2


def test_a_killed_runner_takes_locust_with_it(server, tmp_path):
    """SIGKILL to the runner ends Locust by itself, with what was in flight recorded."""
    program = (
        "import sys, time; from pathlib import Path; from seatrial.settings import Load; "
        "from seatrial.load.runner import LocustLoad\n"
        "load = Load.model_validate({'rate_hz': 50.0, 'requests': ({'name': 'slow', 'path': '/slow'},)})\n"
        "LocustLoad(load, sys.argv[1], 1.0, Path(sys.argv[2]), Path()).start(); time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program, server.url, str(tmp_path)])
    assert wait_for(lambda: len(server.seen) > 10, 20)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    if not (gone := wait_for(lambda: ended(pid_of(tmp_path)), 5)):
        os.kill(pid_of(tmp_path), signal.SIGKILL)
    assert gone
    assert len(read_samples(samples_of(tmp_path))) == len(server.seen)


def test_a_missing_locustfile_is_wrong_input(tmp_path):
    """It is named, and nothing is started."""
    observer = LocustLoad(Load.model_validate({"locustfile": "none.py"}), "http://127.0.0.1:9", 1, tmp_path, tmp_path)
    with pytest.raises(InputError, match=r"none\.py: expected a locustfile, found no such file"):
        observer.start()
    with pytest.raises(InputError, match="requests or a locustfile"):
        LocustLoad(Load(), "http://127.0.0.1:9", 1, tmp_path, tmp_path).start()
    assert not list(tmp_path.iterdir())


def test_a_locustfile_that_does_not_load_says_why(tmp_path):
    """The error carries Locust's last lines, and no process is left."""
    (tmp_path / "own.py").write_text("from locust import User\nraise RuntimeError('no token in the vault')\n")
    observer = LocustLoad(Load.model_validate({"locustfile": "own.py"}), "http://127.0.0.1:9", 1, tmp_path, tmp_path)
    with pytest.raises(TargetError, match="no token in the vault"):
        observer.start()
    assert ended(pid_of(tmp_path))


def test_a_rate_out_of_reach_is_saturation(server, tmp_path):
    """A generator that cannot keep 10,000 a second says so, whatever the server did."""
    samples = record(open_loop(10_000, {"name": "a", "path": "/"}), server.url, tmp_path, 2)
    window = samples[0].intended_s, samples[-1].intended_s
    assert "the load generator was saturated" in fitness(samples, load_health(tmp_path), *window, 10_000).unfit


def test_a_prepared_load_begins_at_once(server, tmp_path):
    """`prepare` pays for the start-up while the target comes up; one that is never started ends when stopped."""
    load = open_loop(50, {"name": "a", "path": "/"})
    observer, unused = (LocustLoad(load, server.url, 1, tmp_path / name, tmp_path) for name in ("one", "two"))
    observer.prepare()
    unused.prepare()
    assert wait_for(children_idle, 20)
    asked = time.monotonic()
    observer.start()
    assert time.monotonic() - asked < 3
    unused.stop()
    observer.stop()
    assert observer.poll()
    assert not unused.poll()
