"""The probe against real servers in real processes: what it saw is what its clients would have seen."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from tiny_server import Tiny

from seatrial import outages as model
from seatrial.attention import sampler_attention
from seatrial.errors import InputError, TargetError
from seatrial.probe.config import LedgerConfig, SamplerConfig, from_json
from seatrial.probe.http1 import HttpClient
from seatrial.probe.process import SamplerProcess
from seatrial.probe.tool import probe_url, render
from seatrial.samples import read_samples

TINY = Path(__file__).with_name("tiny_server.py")
RATE_HZ = 50.0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def by_stream(samples):
    found = {}
    for sample in sorted(samples, key=lambda sample: sample.start_s):
        found.setdefault(sample.stream, []).append(sample)
    return found


@contextmanager
def sampling(url, folder, **options):
    """A sampler at work; afterwards its samples are in `found`, by stream."""
    found = {}
    process = SamplerProcess(SamplerConfig(url, str(folder), rate_hz=RATE_HZ, **options))
    process.start()
    try:
        yield found
    finally:
        process.stop()
        found |= by_stream(process.poll())


def ask(url, times=1, keep=False):
    """The outcomes of requests one after another by one client."""

    async def requests():
        client = HttpClient(url, keep=keep)
        try:
            return [(await asyncio.wait_for(client.request("GET"), 2)).outcome for _ in range(times)]
        finally:
            client.close()

    return asyncio.run(requests())


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("ok", "ok"),
        ("503", "http_503"),
        ("302", "http_302"),
        ("reset", "reset"),
        ("torn", "reset"),
        ("garbage", "wrong"),
    ],
)
def test_an_outcome_says_what_became_of_the_request(mode, outcome):
    """Answers by their status, redirects not followed, broken connections and what is no HTTP each by their name."""
    with Tiny(mode) as server:
        assert ask(server.url) == [outcome]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_listening_is_refused(host):
    """Also for a name with several addresses, each of which refuses."""
    assert ask(f"http://{host}:{free_port()}/") == ["refused"]


def test_a_failure_on_a_kept_connection_is_not_retried():
    """A server that resets each connection's second request: a client that keeps connections sees every second fail."""
    with Tiny("reset-kept") as server:
        assert ask(server.url, 4, keep=True) == ["ok", "reset", "ok", "reset"]
        assert ask(server.url, 4, keep=False) == ["ok"] * 4


def test_kept_connections_are_kept():
    """Requests one after another on one connection: the server sees a single one."""
    with Tiny() as server:
        seen = []
        verify = server.verify_request
        server.verify_request = lambda *request: seen.append(request) or verify(*request)
        assert ask(server.url, 5, keep=True) == ["ok"] * 5
        assert len(seen) == 1


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes its certificate with openssl")
def test_tls_is_spoken_and_verified(tmp_path, monkeypatch):
    """A certificate of an authority that is trusted is fine, another is an error."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, check=True, cwd=tmp_path, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with Tiny() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://localhost:{server.server_address[1]}/"
        assert ask(url) == ["error"]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert ask(url, 2, keep=True) == ["ok", "ok"]


def test_the_loop_is_open(tmp_path):
    """Answers that take half a second delay nothing: every request was due on the grid and sent when it was due."""
    with Tiny("slow") as server, sampling(server.url, tmp_path) as found:
        time.sleep(2)
    for samples in (found["probe/new"], found["probe/kept"]):
        assert len(samples) >= 1.2 * RATE_HZ
        steps = [(b.intended_s - a.intended_s) * RATE_HZ for a, b in pairwise(samples)]
        assert steps == pytest.approx([1] * len(steps), abs=1e-3)
        assert sorted(s.start_s - s.intended_s for s in samples)[len(samples) // 2] < 0.02
        assert min(s.latency_s for s in samples) >= 0.5


def test_both_streams_are_half_a_period_apart(tmp_path):
    """New connections and kept ones take turns, so that together they look twice as often."""
    with Tiny() as server, sampling(server.url, tmp_path) as found:
        time.sleep(0.5)
    shift = (found["probe/kept"][0].intended_s - found["probe/new"][0].intended_s) * RATE_HZ
    assert shift % 1 == pytest.approx(0.5, abs=1e-3)


def test_an_outage_is_looked_at_more_often(tmp_path):
    """While nobody listens, each stream asks four times as often, and every answer of the server counts as before."""
    with sampling(f"http://127.0.0.1:{free_port()}/", tmp_path) as found:
        time.sleep(1)
    for samples in found.values():
        span = samples[-1].intended_s - samples[0].intended_s
        assert (len(samples) - 1) / span == pytest.approx(4 * RATE_HZ, rel=0.15)
        assert {s.outcome for s in samples} == {"refused"}


def test_a_server_that_is_killed_and_comes_back(tmp_path):
    """SIGKILL and a new start after 0.7 s: both kinds of client saw one outage, and the truth is inside its bounds."""
    port = free_port()

    def serve():
        return subprocess.Popen([sys.executable, str(TINY), str(port)], stdout=subprocess.PIPE, text=True)

    with serve() as first:
        first.stdout.readline()
        with sampling(f"http://127.0.0.1:{port}/", tmp_path) as found:
            time.sleep(1.5)
            struck = time.monotonic()
            first.kill()
            first.wait()
            dead = time.monotonic()
            time.sleep(0.7)
            started = time.monotonic()
            with serve() as second:
                listened = float(second.stdout.readline())
                time.sleep(1)
                second.kill()
                killed = time.monotonic()
                second.wait()
    for samples in found.values():
        seen = [s for s in samples if s.start_s < killed - 0.2]
        normal = model.baseline([s for s in seen if s.end_s < struck])
        (outage,) = model.outages(seen, normal)
        assert outage.failed > 10
        assert outage.onset.lower_s <= dead
        assert outage.onset.upper_s >= struck
        assert outage.end.lower_s <= listened
        assert outage.end.upper_s >= started
        assert outage.duration.upper_s >= 0.7


def test_a_request_without_an_outcome_is_left_out(tmp_path):
    """The end of the sampling is no fault of the server: what was in flight then is no sample; nor is it a failure."""
    with Tiny("hang") as server, sampling(server.url, tmp_path, timeout_s=5) as found:
        time.sleep(0.5)
    assert found == {}


def test_a_request_that_takes_too_long_is_a_timeout(tmp_path):
    """After the client's timeout, counted from when it was sent."""
    with Tiny("hang") as server, sampling(server.url, tmp_path, timeout_s=0.3) as found:
        time.sleep(0.8)
    for samples in found.values():
        assert {s.outcome for s in samples} == {"timeout"}
        assert min(s.end_s - s.start_s for s in samples) >= 0.3


def test_the_sampler_ends_with_its_input(tmp_path):
    """Closing its standard input ends it by itself, with exit status 0 and every sample whole."""
    (tmp_path / "samples").mkdir()
    with Tiny() as server:
        config = SamplerConfig(server.url, str(tmp_path))
        command = [sys.executable, "-m", "seatrial.probe"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            process.stdin.write(config.to_json() + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.5)
            process.stdin.close()
            assert process.wait(3) == 0
    content = (tmp_path / "samples" / "probe.csv").read_bytes()
    assert content.endswith(b"\n")
    assert len(read_samples(tmp_path / "samples" / "probe.csv")) == content.count(b"\n") - 1 > 10


def test_the_sampler_dies_with_a_killed_runner(tmp_path):
    """SIGKILL to the process that started it: it ends by itself, and its samples are on disk."""
    runner = (
        "import sys, time\nfrom seatrial.probe.config import from_json\n"
        "from seatrial.probe.process import SamplerProcess\n"
        "sampler = SamplerProcess(from_json(sys.argv[1]))\nsampler.start()\n"
        "print(sampler.pid, flush=True)\ntime.sleep(60)"
    )
    with Tiny() as server:
        config = SamplerConfig(server.url, str(tmp_path)).to_json()
        with subprocess.Popen([sys.executable, "-c", runner, config], stdout=subprocess.PIPE, text=True) as process:
            sampler = psutil.Process(int(process.stdout.readline()))
            time.sleep(0.3)
            process.kill()
            gone, _ = psutil.wait_procs([sampler], 2)
    assert gone
    assert len(read_samples(tmp_path / "samples" / "probe.csv")) > 10


def test_samples_can_be_read_while_it_samples(tmp_path):
    """`poll` gives each sample once, soon after it was taken."""
    with Tiny() as server:
        process = SamplerProcess(SamplerConfig(server.url, str(tmp_path)))
        process.start()
        try:
            time.sleep(0.5)
            first = process.poll()
            assert time.monotonic() - max(s.end_s for s in first) < 2
            time.sleep(0.2)
        finally:
            process.stop()
            process.stop()
        assert len(first) + len(process.poll()) == len(read_samples(tmp_path / "samples" / "probe.csv"))


def test_a_sampler_that_slept_does_not_wake_up_as_a_flood(tmp_path):
    """Stopped for 1.5 s, it leaves a gap that is seen as one, and goes on at its rate."""
    with Tiny() as server:
        process = SamplerProcess(SamplerConfig(server.url, str(tmp_path), rate_hz=RATE_HZ))
        process.start()
        try:
            time.sleep(0.4)
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(1.5)
            os.kill(process.pid, signal.SIGCONT)
            time.sleep(0.4)
        finally:
            process.stop()
        samples = by_stream(process.poll())["probe/new"]
    (gap,) = model.sampling_gaps(samples, RATE_HZ)
    assert gap.upper_s - gap.lower_s == pytest.approx(1.5, abs=0.3)
    assert max(s.start_s - s.intended_s for s in samples) < 3


def sampled_while(server, folder, what):
    """A busy server (there is always a request in flight), sampled while `what` happens to the sampler or to it."""
    server.mode = "busy"
    process = SamplerProcess(SamplerConfig(server.url, str(folder), rate_hz=RATE_HZ))
    process.start()
    try:
        time.sleep(1)
        struck = time.monotonic()
        what(process.pid)
        time.sleep(1)
    finally:
        process.stop()
    streams = by_stream(process.poll())
    looked = sampler_attention(streams)
    return [
        outage
        for samples in streams.values()
        for outage in model.outages(samples, model.baseline([s for s in samples if s.end_s < struck]), looked)
    ]


def test_a_sampler_that_stalls_with_requests_in_flight_reads_no_outage(tmp_path):
    """Stopped for 0.5 s while the server answers: the silence is its own. The server that hangs so long is down."""

    def stall(pid):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(pid, signal.SIGCONT)

    with Tiny() as server:
        assert sampled_while(server, tmp_path / "stalled", stall) == []

        def hang(_pid):
            server.mode = "hang"
            time.sleep(0.5)
            server.back.set()
            server.mode = "busy"

        found = sampled_while(server, tmp_path / "hung", hang)
    assert found
    assert all(0.3 < outage.duration.lower_s < 0.6 for outage in found)
    assert all(0.5 < outage.duration.upper_s < 0.9 for outage in found)


def test_a_sampler_that_cannot_start_says_why(tmp_path):
    """Its last words come with the error."""
    with pytest.raises(TargetError, match=r"did not start: .*ftp://nowhere"):
        SamplerProcess(SamplerConfig("ftp://nowhere", str(tmp_path))).start()


def test_a_configuration_survives_the_journey():
    """One line there and back."""
    ledger = LedgerConfig(10.0, write={"path": "/n"}, read={"path": "/n/{id}", "value": "text"}, sql="x", redis="y")
    config = SamplerConfig("http://h/", "f", nonce="abc", ledger=ledger)
    assert "\n" not in config.to_json()
    assert from_json(config.to_json()) == config
    assert from_json(SamplerConfig("http://h/", "f").to_json()).ledger is None


def test_the_tool_reports_outages_as_intervals():
    """`seatrial probe`: the contract of its JSON, an outage of half a second inside its bounds, and words."""
    with Tiny() as server:

        async def strike():
            await asyncio.sleep(1.5)
            server.mode = "503"
            await asyncio.sleep(0.5)
            server.mode = "ok"

        async def both():
            return (await asyncio.gather(asyncio.to_thread(probe_url, server.url, 50, 3, 1), strike()))[0]

        found = asyncio.run(both())
    (outage,) = found["outages"]
    assert json.loads(json.dumps(found)).keys() == {"samples", "failed", "outcomes", "outages"}
    assert found["outcomes"]["http_503"] == found["failed"]
    assert outage["lower_s"] <= outage["upper_s"]
    assert 0.5 <= outage["upper_s"] < 2
    first, recovered = (datetime.fromisoformat(outage[key]) for key in ("first_failure", "recovered"))
    assert 0.4 < (recovered - first).total_seconds() < 2
    assert f"{found['failed']} failed ({found['failed']} http_503)" in render(found)
    assert "down for [" in render(found)


def test_the_tool_claims_no_end_that_it_did_not_see():
    """Down until the end: no upper bound, not recovered."""
    found = probe_url(f"http://127.0.0.1:{free_port()}/", 20, 0.6, 1)
    (outage,) = found["outages"]
    assert outage["upper_s"] is None
    assert outage["recovered"] is None
    assert found["failed"] == found["samples"] > 10
    assert "not recovered" in render(found)


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/", "http://", "http://host:port/", "http://a:pw@host/"])
def test_a_bad_url_is_one_clear_line_without_the_password(url):
    """What was expected and what was found, before anything is started."""
    with pytest.raises(InputError, match="URL") as caught:
        probe_url(url, 50, 1, 1)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)
