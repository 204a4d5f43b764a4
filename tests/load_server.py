"""A server for the tests of the load: it answers, freezes, hangs and breaks as told, and counts what it was asked."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A user's own locustfile; it imports a module that stands beside it.
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
        self.server.ports.append(self.client_address[1])
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
        self.seen, self.ports, self.flowing = [], [], threading.Event()  # requests, where each came from
        self.flowing.set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """A client that gave up waiting is not news."""

    def count(self, path):
        return sum(seen[0] == path for seen in self.seen)
