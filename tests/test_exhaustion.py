"""The evidence of taken slots: only the refusal that says so counts, in whatever else a server may say no."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from seatrial.targets.local.deployment import HOST, Program
from seatrial.targets.local.exhaust import _readable, raise_limit
from seatrial.targets.local.exhaustion import refusal

RESET = struct.pack("ii", 1, 0)


def postgresql_error(code, text):
    """ErrorResponse of PostgreSQL's protocol 3.0."""
    body = (
        b"".join(f"{key}{value}".encode() + b"\0" for key, value in (("S", "FATAL"), ("C", code), ("M", text))) + b"\0"
    )
    return b"E" + struct.pack("!i", len(body) + 4) + body


@contextmanager
def server(kind, answer):
    """A server of that kind that answers every connection so and closes it; None resets it."""

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if answer is None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    continue
                if connection.recv(4096)[4:8] == b"\x04\xd2\x16\x2f":  # SSLRequest
                    connection.sendall(b"N")
                    connection.recv(4096)
                connection.sendall(answer)

    listener = socket.create_server((HOST, 0))
    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield Program("store", kind, (), {}, "/", port, f"{kind}://me:pw@{HOST}:{port}/0", "", True, (), 1.0)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("kind", "answer", "full", "said"),
    [
        ("redis", b"-ERR max number of clients reached\r\n", True, "max number of clients reached"),
        ("redis", b"", False, "closed"),
        ("redis", None, False, "reset"),
        ("postgresql", postgresql_error("53300", "sorry, too many clients already"), True, "SQLSTATE 53300"),
        ("postgresql", postgresql_error("57P03", "the database system is starting up"), False, "starting up"),
        ("postgresql", postgresql_error("28P01", "password authentication failed"), False, "authentication failed"),
        ("postgresql", postgresql_error("53400", "remaining connection slots are reserved"), True, "reserved"),
        ("postgresql", None, False, ""),
    ],
)  # fmt: skip
def test_only_the_refusal_for_want_of_a_slot_is_evidence(kind, answer, full, said):
    """A server that is starting, that knows no such password, or that resets is no server without slots."""
    with server(kind, answer) as program:
        refused = refusal(program)
    assert refused is not None
    assert (refused.full, said in str(refused)) == (full, True), str(refused)
    assert "pw" not in str(refused)


def test_a_server_that_takes_a_connection_refuses_nothing():
    """Redis answers, be it that it wants to know who asks: the slot is there."""
    with server("redis", b"-NOAUTH Authentication required.\r\n") as program:
        assert refusal(program) is None


def test_a_server_that_is_not_there_is_no_server_without_slots():
    """Nobody listens."""
    with server("redis", b"") as program:
        pass
    assert refusal(program).full is False


def test_slots_above_a_thousand_are_looked_at_too():
    """A server may have more slots than select knows descriptors: 1024."""
    raise_limit()
    reader, writer = os.pipe()
    high = fcntl.fcntl(reader, fcntl.F_DUPFD, 1500)
    try:
        assert not _readable(high)
        os.write(writer, b"x")
        assert _readable(high)
    finally:
        for descriptor in (reader, writer, high):
            os.close(descriptor)
