"""Recovery time as the probe measures it, against a server that is down for known times; and as pollers would read it.

    python bench/recovery_accuracy.py [--repeat 3] [--quiet-machine] [--quick]

The server is down for 0.3 to 5 s: it refuses, resets, hangs or answers 503; it writes down the truth itself. Beside the
probe (50 Hz) run a load of 100 requests a second and two busy processes, so that both cores of a small machine are
taken.
Exit status 1 if the truth was outside of an interval.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from seatrial import outages as model
from seatrial.attention import sampler_attention
from seatrial.probe.config import SamplerConfig
from seatrial.probe.process import SamplerProcess

LENGTHS_S = (0.3, 0.5, 1.0, 1.9, 2.0, 3.0, 5.0)
MODES = ("refused", "reset", "hang", "503")
BEFORE_S, AFTER_S, RATE_HZ = 2.0, 1.5, 50.0
OK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD_ANSWER = b"HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown"


class Server:
    """Serves, and is down as it is told; every change with its time."""

    def __init__(self, port):
        self.port, self.mode, self.listener = port, "up", None
        self.writers, self.back = set(), asyncio.Event()
        self.next = None  # the socket on which it will listen again
        self.answered = 0.0  # when it first answered after a hang: only then it serves again

    async def listen(self, sock=None):
        sock = sock or self.bound()
        self.listener = await asyncio.start_server(self.serve, sock=sock, backlog=1024)

    def bound(self):
        """A socket with the port, on which nobody listens yet."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        return sock

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            if self.mode in ("reset", "refused"):
                reset(writer)
            while await reader.readuntil(b"\r\n\r\n"):
                if self.mode == "hang":
                    await self.back.wait()
                    if reader.at_eof():  # its client has given up: answering it is no service
                        return
                    self.answered = self.answered or time.monotonic()
                if self.mode in ("reset", "refused"):
                    reset(writer)
                writer.write(BAD_ANSWER if self.mode == "503" else OK_ANSWER)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the case is over
        finally:
            self.writers.discard(writer)
            writer.close()

    def go_down(self, mode):
        """From here on nothing is answered; the moment, which a busy core may stretch, as two bounds."""
        began = time.monotonic()
        self.mode = mode
        self.back.clear()
        if mode == "refused":
            self.listener.close()
            self.next = self.bound()
        if mode in ("refused", "reset"):
            for writer in list(self.writers):
                reset(writer)
        return began, time.monotonic()

    async def come_back(self):
        began = time.monotonic()
        was, self.mode = self.mode, "up"
        if was == "refused":
            self.next.listen(1024)
        ended = time.monotonic()
        self.back.set()
        if was == "refused":
            await self.listen(self.next)
        return began, ended


def reset(writer):
    """End a connection by a real RST."""
    sock = writer.transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def serve_case(port, mode, wait_s, length_s, after_s):
    """A server's life of one case; prints the truth."""
    server = Server(port)
    await server.listen()
    print("listening", flush=True)
    sys.stdin.readline()
    await asyncio.sleep(wait_s)
    down = server.go_down(mode)
    await asyncio.sleep(length_s)
    back = await server.come_back()
    await asyncio.sleep(after_s)
    print(json.dumps([down, (server.answered, server.answered) if server.answered else back]), flush=True)


def burn(stop):
    """A core at full load."""
    while not stop.is_set():
        sum(range(2000))


def poll(url, period_s, stop):
    """What a sequential poller reads: from its first bad look to its first good one after, as krkn's tracker does."""
    lengths, failing_since = [], None
    while time.monotonic() < stop:
        began = time.monotonic()
        try:
            urllib.request.urlopen(url, timeout=period_s).read()
            if failing_since is not None:
                lengths.append(time.monotonic() - failing_since)
            failing_since = None
        except (OSError, urllib.error.URLError):
            failing_since = failing_since or time.monotonic()
        time.sleep(max(period_s - (time.monotonic() - began), 0))
    return sum(lengths)


LOAD = """
import asyncio, sys, time
async def ask(port):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        await asyncio.wait_for(reader.read(100), 2)
        writer.close()
    except (OSError, TimeoutError):
        pass
async def main():
    tasks = set()
    while True:
        tasks.add(asyncio.create_task(ask(int(sys.argv[1]))))
        await asyncio.sleep(0.01)
        tasks = {task for task in tasks if not task.done()}
asyncio.run(main())
"""


def case(mode, length_s, chance):
    """One outage: the truth, the probe's bounds, and what a 1 s and a 2 s poller read."""
    port = free_port()
    wait_s = BEFORE_S + chance.uniform(0, 1 / RATE_HZ)
    command = [sys.executable, __file__, "--serve", str(port), mode, str(wait_s), str(length_s), str(AFTER_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as server, \
         tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:  # fmt: skip
        server.stdout.readline()
        load = subprocess.Popen([sys.executable, "-c", LOAD, str(port)])
        url = f"http://127.0.0.1:{port}/"
        probe = SamplerProcess(SamplerConfig(url, folder, rate_hz=RATE_HZ))
        try:
            probe.start()
            server.stdin.write("go\n")
            server.stdin.flush()
            stop = time.monotonic() + wait_s + length_s + AFTER_S - 0.2
            pollers = [pool.submit(poll, url, period_s, stop) for period_s in (1.0, 2.0)]
            down, back = json.loads(server.stdout.readline())
            read = [poller.result() for poller in pollers]
        finally:
            probe.stop()
            load.kill()
            load.wait()
        bounds = measure(model.cut(probe.poll(), back[1] + AFTER_S - 0.3), down[0])
        return (back[0] - down[1], back[1] - down[0]), bounds, read


def measure(samples, down):
    """The bounds over both streams, and for each stream alone."""
    streams = {}
    for sample in samples:
        streams.setdefault(sample.stream, []).append(sample)
    for some in streams.values():
        some.sort(key=lambda sample: sample.start_s)
    found, looked = {}, sampler_attention(streams)
    for name, some in streams.items():
        normal = model.baseline([sample for sample in some if sample.end_s < down])
        found[name] = [outage for outage in model.outages(some, normal, looked) if outage.end.upper_s >= down]
    return model.combine({name: outages for name, outages in found.items() if outages}).duration


def free_port():
    """A port below the range that clients' own connections come from."""
    while True:
        port = random.randint(12000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def main():
    """All cases, a line each, then the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="0.3 and 1 s only, once")
    parser.add_argument("--quiet-machine", action="store_true", help="no busy processes")
    options = parser.parse_args()
    chance = random.Random(7)
    stop = multiprocessing.Event()
    busy = [multiprocessing.Process(target=burn, args=(stop,)) for _ in range(0 if options.quiet_machine else 2)]
    for process in busy:
        process.start()
    try:
        rows = run(LENGTHS_S[:3:2] if options.quick else LENGTHS_S, 1 if options.quick else options.repeat, chance)
    finally:
        stop.set()
        for process in busy:
            process.join()
    return conclude(rows)


def run(lengths, repeat, chance):
    """Measure and print every case."""
    print("mode       truth   lower   upper   width    error  inside   1 s poller  2 s poller")
    rows = []
    for mode in MODES:
        for length_s in lengths:
            for _ in range(repeat):
                (least, most), bounds, (one, two) = case(mode, length_s, chance)
                truth = (least + most) / 2
                error = (bounds.lower_s + bounds.upper_s) / 2 - truth
                inside = bounds.lower_s <= most and bounds.upper_s >= least
                width = bounds.upper_s - bounds.lower_s
                rows.append((inside, width, abs(error), abs(one - truth), abs(two - truth)))
                measured = f"{truth:7.3f} {bounds.lower_s:7.3f} {bounds.upper_s:7.3f} {1e3 * width:5.0f}ms"
                verdict = f"{1e3 * error:+6.1f}ms  {'yes' if inside else 'NO':6}"
                print(f"{mode:8} {measured} {verdict} {one:9.2f} s {two:9.2f} s", flush=True)
    return rows


def conclude(rows):
    """Shares and percentiles of all cases."""
    inside, widths, errors, ones, twos = zip(*rows, strict=True)
    ranked = sorted(errors)
    print(f"\ninside: {sum(inside)} of {len(rows)}; width: median {1e3 * statistics.median(widths):.0f} ms, "
          f"max {1e3 * max(widths):.0f} ms (2/rate: {2e3 / RATE_HZ:.0f} ms)")  # fmt: skip
    print(f"error of the middle: median {1e3 * statistics.median(errors):.1f} ms, "
          f"p99 {1e3 * ranked[math.ceil(0.99 * len(ranked)) - 1]:.1f} ms")  # fmt: skip
    print(f"error of a 1 s poller: median {statistics.median(ones):.2f} s, max {max(ones):.2f} s; "
          f"of a 2 s poller: median {statistics.median(twos):.2f} s, max {max(twos):.2f} s")  # fmt: skip
    return 0 if all(inside) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        port, mode, *times = sys.argv[2:]
        asyncio.run(serve_case(int(port), mode, *map(float, times)))
    else:
        sys.exit(main())
