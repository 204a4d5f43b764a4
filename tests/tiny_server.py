"""An HTTP server of a page, which answers as it is told: in a thread for most tests, as a process to be killed."""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import threading
import time

ANSWERS = {
    "ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "503": b"HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown",
    "302": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"SMTP ready, say HELO\r\n\r\n",
    "torn": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf",
}


class Handler(socketserver.BaseRequestHandler):
    """Serves a connection until its client ends it."""

    def handle(self):
        served = 0
        while self._asked():
            served += 1
            mode = self.server.mode
            if mode == "hang":
                self.server.back.wait(10)
            elif mode == "slow":
                time.sleep(0.5)
            elif mode == "busy":
                time.sleep(0.05)
            if mode == "reset" or (mode == "reset-kept" and served > 1):
                return self._reset()
            self.request.sendall(ANSWERS.get(mode, ANSWERS["ok"]))
            if mode in ("garbage", "torn"):
                return None
        return None

    def _asked(self):
        content = b""
        while not content.endswith(b"\r\n\r\n"):
            try:
                piece = self.request.recv(4096)
            except OSError:
                return False
            if not piece:
                return False
            content += piece
        return True

    def _reset(self):
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


class Tiny(socketserver.ThreadingTCPServer):
    """Listens when it is made; a context manager that serves while it is entered."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, mode="ok", port=0):
        self.mode, self.back = mode, threading.Event()
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.back.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """A client that went away is not news."""


if __name__ == "__main__":
    with Tiny(port=int(sys.argv[1])) as server:
        sys.stdout.write(f"{time.monotonic()}\n")
        sys.stdout.flush()
        threading.Event().wait()
