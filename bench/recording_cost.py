"""What the recording costs: requests per second of one Locust process, with and without it, in alternating slices.

    python bench/recording_cost.py [PAIRS] [SECONDS OF A SLICE]

A closed loop of FastHttpUsers keeps one Locust process at its limit against a small server in another. The recorder is
taken out and put back between slices of the same process: from one process to the next, and with other work on the
machine, the rate drifts by far more than the recording costs. The objective: at most 5 % less.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
USERS = 50
OBJECTIVE = 0.05

SERVER = """
import asyncio

ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 2\\r\\n\\r\\nok"

class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(ANSWER * data.count(b"\\r\\n\\r\\n"))

async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

LOCUSTFILE = """
import json, os, time
import gevent
from locust import FastHttpUser, events, task

class Reader(FastHttpUser):
    @task
    def read(self):
        self.client.get("/read")

def slice_of(environment, seconds, flush):
    def look():
        return time.monotonic(), time.process_time(), environment.stats.total.num_requests

    before = look()
    gevent.sleep(seconds)
    flush()  # each slice pays for what it recorded
    wall, cpu, requests = (after - start for start, after in zip(before, look()))
    return {"requests": requests, "rate": requests / wall, "cpu_us": 1e6 * cpu / requests}

@events.test_start.add_listener
def measure(environment, **_):
    hook, ask = environment.events.request, json.loads(os.environ["BENCH"])
    (listener,) = [each for each in hook._handlers if each.__module__ == "seatrial.load.recorder"]
    (recorder,) = [each.__self__ for each in environment.events.test_stop._handlers]

    def work():
        gevent.sleep(2)  # all users are there, and warm
        slices = []
        for pair in range(ask["pairs"]):
            for recorded in ((True, False), (False, True))[pair % 2]:  # so that a drift favours neither
                if recorded != (listener in hook._handlers):
                    (hook.add_listener if recorded else hook.remove_listener)(listener)
                measured = slice_of(environment, ask["seconds"], recorder.flush)
                slices.append({"pair": pair, "recorded": recorded, **measured})
        with open("result.json", "w") as file:
            json.dump(slices, file)
        environment.runner.quit()

    gevent.spawn(work)
"""


def measure(folder: Path, port: int, pairs: int, seconds: float) -> list[dict[str, float]]:
    """The slices of one Locust process; what was recorded must be on disk."""
    (folder / "samples").mkdir()
    (folder / "bench_load.py").write_text(LOCUSTFILE)
    files = f"{ROOT / 'seatrial' / 'load' / 'seatrial_recording.py'},{folder / 'bench_load.py'}"
    command = [sys.executable, "-m", "locust", "-f", files, "--headless", "--only-summary"]
    command += ["--users", str(USERS), "--spawn-rate", str(USERS), "--stop-timeout", "5"]
    config = {
        "folder": str(folder),
        "host": f"http://127.0.0.1:{port}",
        "timeout_s": 5.0,
        "rate_hz": 1.0,
        "requests": [],
    }
    bench = json.dumps({"pairs": pairs, "seconds": seconds})
    with (folder / "locust.log").open("wb") as log, subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BENCH": bench},
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(json.dumps(config) + "\n")
        process.stdin.flush()  # and held open: its end would end the load
        process.wait(2 * pairs * seconds + 60)
    slices: list[dict[str, float]] = json.loads((folder / "result.json").read_text())
    lines = sum(path.read_text().count("\n") for path in (folder / "samples").glob("load-*.csv"))
    assert lines > sum(each["requests"] for each in slices if each["recorded"]), "the recording was not running"
    return slices


def report(slices: list[dict[str, float]], pairs: int) -> float:
    """Print each pair and the medians; the median loss of rate."""
    print("pair  plain 1/s  recorded 1/s  ratio  plain us  recorded us  ratio")
    rates, costs = [], []
    for pair in range(pairs):
        both = {each["recorded"]: each for each in slices if each["pair"] == pair}
        plain, recorded = both[False], both[True]
        rates.append(recorded["rate"] / plain["rate"])
        costs.append(recorded["cpu_us"] / plain["cpu_us"])
        line = f"{pair:4}  {plain['rate']:9.0f}  {recorded['rate']:12.0f}  {rates[-1]:.3f}"
        print(f"{line}  {plain['cpu_us']:8.1f}  {recorded['cpu_us']:11.1f}  {costs[-1]:.3f}")
    loss, cost = 1 - statistics.median(rates), statistics.median(costs) - 1
    print(f"median of {pairs}: {100 * loss:.1f} % fewer requests per second (at most {100 * OBJECTIVE:g} %),", end=" ")
    print(f"{100 * cost:.1f} % more CPU time for each")
    return loss


def run(pairs: int, seconds: float) -> float:
    """Measure and report; the median loss of rate."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            return report(measure(Path(folder), port, pairs, seconds), pairs)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    arguments = [float(argument) for argument in sys.argv[1:]]
    sys.exit(run(int(arguments[0]) if arguments else 200, arguments[1] if len(arguments) > 1 else 0.1) > OBJECTIVE)
