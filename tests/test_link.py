"""The link proxy by itself, between plain sockets: transparent when clean, true to its shape when not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from seatrial.roles import LinkShape
from seatrial.targets.local.deployment import HOST, Deployment, Link
from seatrial.targets.local.link_control import link_state, set_shape
from seatrial.targets.local.ports import Ports

NAME = "app->store"


class Upstream:
    """A server whose connections the test holds in its hands."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.listener.settimeout(5)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        connection, _ = self.listener.accept()
        connection.settimeout(5)
        return connection


@pytest.fixture(scope="module")
def proxy():
    """A link proxy of its own, as the local target starts it."""
    folder, upstream, ports = Path(tempfile.mkdtemp(prefix="st-")), Upstream(), Ports(set())
    links = (Link("app", "store", ports.free(), upstream.port), Link("app", "nobody", ports.free(), ports.free()))
    deployment = Deployment(folder, {}, links, ())
    deployment.save()
    root = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen([sys.executable, "-m", "seatrial.targets.local.link", str(folder)], cwd=root)
    while link_state(deployment) is None:
        assert process.poll() is None
        time.sleep(0.01)
    yield deployment, upstream
    process.kill()
    process.wait()
    upstream.listener.close()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.fixture
def link(proxy):
    """A clean link; gives functions to connect both ends and to shape it."""
    deployment, upstream = proxy
    opened = []

    def connect():
        client = socket.create_connection((HOST, deployment.links[0].port), 5)
        opened.append(client)
        server = upstream.accept()
        opened.append(server)
        return client, server

    def shape(**values):
        set_shape(deployment, deployment.links[0], LinkShape(**values))

    connect.shape, connect.deployment, connect.upstream = shape, deployment, upstream
    yield connect
    shape()
    for connection in opened:
        connection.close()


def read(connection, count):
    """So many bytes."""
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        assert chunk, f"ended after {len(data)} bytes"
        data += chunk
    return data


def test_the_control_socket_and_the_plan_are_for_their_owner_only(proxy):
    """Nobody else can shape links or read passwords."""
    deployment, _ = proxy
    for path in (deployment.link_socket, deployment.folder / "deployment.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_clean_link_carries_every_byte_both_ways_under_back_pressure(link):
    """Megabytes arrive whole and in order through a reader that is slow to begin, and half-close keeps the way back."""
    client, server = link()
    sent = os.urandom(1 << 16) * 1024
    writer = threading.Thread(target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)))
    writer.start()
    time.sleep(0.2)
    assert writer.is_alive(), "64 MiB must not fit into buffers: back-pressure would not be tested"
    assert read(server, len(sent)) == sent
    assert server.recv(1) == b""
    server.sendall(b"answer")
    assert read(client, 6) == b"answer"
    server.close()
    assert client.recv(1) == b""
    writer.join()


def test_a_refused_upstream_resets_the_client_at_once(proxy):
    """No client waits for a timeout because its server is gone."""
    deployment, _ = proxy
    begin = time.monotonic()
    with pytest.raises(ConnectionResetError), socket.create_connection((HOST, deployment.links[1].port), 5) as client:
        client.recv(1)
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("linger", [True, False], ids=["reset", "closed"])
def test_an_upstream_that_dies_ends_its_clients_at_once(link, linger):
    """A reset arrives as a reset, an end as an end, within half a second."""
    client, server = link()
    if linger:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    begin = time.monotonic()
    server.close()
    if linger:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    else:
        assert client.recv(1) == b""
    assert time.monotonic() - begin < 3


def test_latency_is_added_in_each_direction_without_reordering(link):
    """A round trip takes twice the latency, give or take the jitter, and chunks keep their order."""
    client, server = link()
    link.shape(latency_s=0.05, jitter_s=0.02)
    begin = time.monotonic()
    for number in range(20):
        client.sendall(bytes([number]))
        time.sleep(0.002)
    assert read(server, 20) == bytes(range(20))
    assert time.monotonic() - begin >= 0.03
    begin = time.monotonic()
    client.sendall(b"?")
    read(server, 1)
    server.sendall(b"!")
    read(client, 1)
    assert 0.06 <= time.monotonic() - begin < 3


def test_a_reset_rate_of_one_resets_new_connections_and_chunks(link):
    """Both ends of a connection that exists get a real RST with the next chunk, and new connections get theirs."""
    client, server = link()
    link.shape(reset_rate=1.0)
    client.sendall(b"chunk")
    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    address = (HOST, link.deployment.links[0].port)
    with pytest.raises(ConnectionResetError), socket.create_connection(address, 5) as late:
        late.recv(1)


def test_a_blackhole_holds_everything_and_healing_brings_it(link):
    """Nothing passes, neither bytes nor ends; afterwards what was sent arrives, as after a partition."""
    client, server = link()
    link.shape(blackhole=True)
    client.sendall(b"held")
    late = socket.create_connection((HOST, link.deployment.links[0].port), 5)
    late.sendall(b"late")
    server.settimeout(0.2)
    with pytest.raises(TimeoutError):
        server.recv(1)
    server.sendall(b"back")
    server.close()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)
    link.shape()
    client.settimeout(5)
    with late, link.upstream.accept() as accepted:
        assert read(client, 4) == b"back"
        assert read(accepted, 4) == b"late"


def test_a_blackhole_gives_held_bytes_to_a_server_that_waited(link):
    """A request sent into the partition is answered after it."""
    client, server = link()
    link.shape(blackhole=True)
    client.sendall(b"held")
    time.sleep(0.1)
    link.shape()
    assert read(server, 4) == b"held"


def test_a_shape_expires_by_itself(link):
    """After expires_s the link is clean, whatever has become of who shaped it."""
    client, server = link()
    link.shape(blackhole=True, expires_s=0.3)
    assert link_state(link.deployment)[NAME]["shape"]["blackhole"] is True
    begin = time.monotonic()
    client.sendall(b"x")
    read(server, 1)
    assert 0.2 <= time.monotonic() - begin < 5
    assert link_state(link.deployment)[NAME]["shape"] is None


def test_a_proxy_that_is_asked_nonsense_refuses_and_goes_on(link):
    """A wrong request is answered with an error, and the proxy still carries."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(link.deployment.link_socket))
        control.sendall(b'{"do": "shape", "link": "no->where", "shape": {}}\n')
        assert b'"ok": false' in control.recv(4096)
    client, server = link()
    client.sendall(b"x")
    assert read(server, 1) == b"x"
