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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from seatrial.errors import InputError, TargetError
from seatrial.load.health import HealthSample, load_health, saturation
from seatrial.load.rows import WallClock
from seatrial.load.runner import LocustLoad
from seatrial.load.schedule import interleave, max_in_flight
from seatrial.samples import UNSENT, Sample
from seatrial.settings import Load

TIMEOUT_S = 1.0
SECRET = "k3pt-out-of-sight"
OWN = """
from locust import FastHttpUser, HttpUser, task
from beside import PATH

class Slow(HttpUser):
    @task
    def read(self):
        self.client.get(PATH, name="read, twice\\nsaid")

class Quick(FastHttpUser):
    @task
    def judge(self):
        with self.client.get("/ok", name="judged", catch_response=True) as response:
            response.failure("not what was promised")

    @task
    def broken(self):
        self.client.get("/503", name="broken")
"""


class Handler(BaseHTTPRequestHandler):
    """Answers as its path says, after the freeze if there is one, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: two would wait for each other

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, body.decode(), dict(self.headers)))
        self.server.flowing.wait(5)
        time.sleep({"/slow": 0.5, "/hang": 3}.get(self.path, 0))
        if self.path == "/close":
            self.close_connection = True
            return
        if self.path == "/torn":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            self.close_connection = True
            return
        self.send_response({"/503": 503, "/302": 302}.get(self.path, 200))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.flowing = [], threading.Event()
        self.flowing.set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """A client that gave up waiting is not news."""

    def count(self, path):
        return sum(seen[0] == path for seen in self.seen)


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


def pid_of(folder):
    (path,) = (folder / "samples").glob("load-*.csv")
    return int(path.stem.removeprefix("load-"))


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
    assert 0.5 < during[int(0.95 * len(during))] < 1.0
    begun, last = samples[0].intended_s, samples[-1].intended_s
    assert (len(samples) - 1) / (last - begun) == pytest.approx(100, rel=0.02)
    assert [s.stream[-1] for s in samples[:8]] == list("aabaaaba")
    assert Counter(s.stream for s in samples[: len(samples) // 4 * 4]).most_common(1)[0][1] == len(samples) // 4 * 3
    assert saturation(samples, load_health(tmp_path), begun, last, 100) is None


def test_every_way_to_fail_has_its_name(server, tmp_path):
    """What a client came to know stands in the outcome; a redirect is an answer, and nobody is sent a second time."""
    paths = ("ok", "302", "503", "close", "torn", "hang")
    samples = record(open_loop(60, *({"name": f"p{p}", "path": f"/{p}"} for p in paths)), server.url, tmp_path, 1.5)
    outcomes = {stream: {s.outcome for s in samples if s.stream == stream} for stream in {s.stream for s in samples}}
    expected = {"pok": "ok", "p302": "ok", "p503": "http_503", "pclose": "reset", "ptorn": "reset", "phang": "timeout"}
    assert outcomes == {f"load/{name}": {outcome} for name, outcome in expected.items()}
    assert server.count("/close") == sum(s.stream == "load/pclose" for s in samples)


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
    with running(load, server.url, tmp_path, root) as observer:
        begun = time.monotonic()
        time.sleep(1.2)
    samples, stopped = observer.poll(), time.monotonic()
    assert {(s.stream, s.outcome) for s in samples} == {
        ("load/read, twice said", "ok"), ("load/judged", "wrong"), ("load/broken", "http_503"),
    }  # fmt: skip
    assert len(samples) == len(server.seen)
    assert all(s.intended_s == s.start_s and begun - 0.1 < s.start_s < s.end_s < stopped for s in samples)
    assert all(s.end_s - s.start_s == pytest.approx(0.5, abs=0.1) for s in samples if "read" in s.stream)
    assert {row.loop for row in load_health(tmp_path)} == {"closed"}


def test_a_killed_runner_takes_locust_with_it(server, tmp_path):
    """SIGKILL to the runner ends Locust by itself, with what was in flight recorded."""
    program = (
        "import sys, time; from pathlib import Path; from seatrial.settings import Load\n"
        "from seatrial.load.runner import LocustLoad\n"
        "load = Load.model_validate({'rate_hz': 50.0, 'requests': ({'name': 'slow', 'path': '/slow'},)})\n"
        "LocustLoad(load, sys.argv[1], 1.0, Path(sys.argv[2]), Path()).start(); time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program, server.url, str(tmp_path)])
    assert wait_for(lambda: len(server.seen) > 10, 20)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert wait_for(lambda: ended(pid_of(tmp_path)), 5)
    (path,) = (tmp_path / "samples").glob("load-*.csv")
    assert len(path.read_text().splitlines()) - 1 == len(server.seen)


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
    begun, last = samples[0].intended_s, samples[-1].intended_s
    assert "the load generator was saturated" in saturation(samples, load_health(tmp_path), begun, last, 10_000)


def test_a_prepared_load_begins_at_once(server, tmp_path):
    """`prepare` pays for the start-up while the target comes up; one that is never started ends when stopped."""
    load = open_loop(50, {"name": "a", "path": "/"})
    observer, unused = (LocustLoad(load, server.url, 1, tmp_path / name, tmp_path) for name in ("one", "two"))
    observer.prepare()
    unused.prepare()
    assert wait_for(children_idle, 20)
    asked = time.monotonic()
    observer.start()
    took = time.monotonic() - asked
    begun = time.monotonic()
    unused.stop()
    observer.stop()
    assert took < 0.5
    assert time.monotonic() - begun < 5
    assert not unused.poll()


def seconds(*shares, loop="open", begin=0.0):
    rows = [HealthSample(begin, 0.0, 0.0, 0, 0, 0, loop)]
    return rows + [HealthSample(begin + at, cpu, 0.0, 1, 100, 0, loop) for at, cpu in enumerate(shares, 1)]


def grid(count, rate_hz, outcome="ok", late_s=0.0):
    due = (number / rate_hz for number in range(count))
    return [
        Sample("load/a", t, t, t + late_s, outcome) if outcome == UNSENT
        else Sample("load/a", t, t + late_s, t + late_s + 0.01, outcome)
        for t in due
    ]  # fmt: skip


FIT = seconds(0.3, 0.3, 0.3, 0.3)
JUDGED = {
    "fit": (grid(400, 100), FIT, 100, None),
    "sent late": (grid(400, 100, late_s=0.06), FIT, 100, "sent 0.060 s late"),
    "in flight to the brim of a target that hangs": (grid(400, 100, UNSENT), FIT, 100, None),
    "given up late": (grid(360, 100) + grid(40, 100, UNSENT, 2.0), FIT, 100, "sent 2.000 s late"),
    "short of the rate": (grid(370, 92.5), FIT, 100, "came to 92.5 of 100 requests"),
    "nothing sent": ([], FIT, 100, "came to 0.0 of 100 requests"),
    "no core left": (grid(400, 100), seconds(0.7, 0.9, 0.9, 0.9), 100, "used 85% of its core"),
    "busy outside of the window": (grid(400, 100), [*FIT, HealthSample(5.0, 1.0, 0, 0, 0, 0, "open")], 100, None),
    "no record": (grid(400, 100), [], 100, "no record"),
    "died in the window": (grid(400, 100), seconds(0.3), 100, "no record"),
    "closed loop, slow": (grid(10, 2.5), seconds(0.3, 0.3, 0.3, 0.3, loop="closed"), 100, None),
    "closed loop, no core left": (grid(10, 2.5), seconds(1, 1, 1, 1, loop="closed"), None, "used 100% of its core"),
}


@pytest.mark.parametrize("case", JUDGED)
def test_saturation_is_the_generators_fault_only(case):
    """The sentence names what the generator could not do; a target that hangs is not its fault."""
    samples, health, rate_hz, expected = JUDGED[case]
    said = saturation(samples, health, 0.0, 4.0, rate_hz)
    assert said is None if expected is None else expected in said


def test_a_torn_health_record_is_read_up_to_the_tear(tmp_path):
    """A killed Locust leaves half a line; the seconds before it count."""
    header = "at_s,cpu,lag_p99_s,in_flight,sent,unsent,loop"
    (tmp_path / "load-health.csv").write_text(f"{header}\n1,0.5,0.01,3,100,2,open\n2,0.")
    assert load_health(tmp_path) == [HealthSample(1.0, 0.5, 0.01, 3, 100, 2, "open")]


def test_a_wall_clock_that_is_set_moves_no_sample():
    """A start comes from the wall clock; once that jumps, starts before the jump are reckoned back from their ends."""
    clock = WallClock(100.0, 5000.0)
    assert clock.start(5000.5, seen_s=101.0, response_ms=200) == pytest.approx(100.5)  # its with-block took 0.3 s
    clock.check(101.0, 5061.0)
    assert clock.start(5000.9, seen_s=101.0, response_ms=100) == pytest.approx(100.9)
    assert clock.start(5061.5, seen_s=101.7, response_ms=200) == pytest.approx(101.5)
    assert clock.start(None, seen_s=102.0, response_ms=None) == 102.0


def test_shares_are_exact_and_spread():
    """In every round each kind has its weight, and heavy kinds do not come in one lump."""
    order = interleave([8, 2])
    rounds = [[next(order) for _ in range(10)] for _ in range(3)]
    assert [one.count(0) for one in rounds] == [8, 8, 8]
    assert rounds[0] == [0, 0, 1, 0, 0, 0, 0, 1, 0, 0]


def test_room_in_flight_outlasts_a_target_that_hangs():
    """Twice what waits when nothing is answered, at least 100, and never more than a process may open."""
    assert (max_in_flight(10, 2), max_in_flight(100, 2), max_in_flight(10_000, 2)) == (100, 400, 8000)
