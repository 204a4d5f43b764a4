"""Locust beside the run: a process of its own, watched through the files that it writes, and stopped with care."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import seatrial
from seatrial.errors import InputError, TargetError
from seatrial.load.health import load_health
from seatrial.masking import Masker
from seatrial.samples import SampleTail

if TYPE_CHECKING:
    from seatrial.samples import Sample
    from seatrial.settings import Load

HERE = Path(__file__).parent
LOG = "load.log"
LOG_LINES = 15
START_DEADLINE_S = 60.0
STOP_GRACE_S = 10.0
FOREVER = "87600h"  # said aloud, so that a locust.conf lying about cannot end the load early


class LocustLoad:
    """The load as an observer of a run: every request a sample; an open loop unless it is the user's own locustfile."""

    name = "load"

    def __init__(
        self, load: Load, base_url: str, timeout_s: float, folder: Path, root: Path, *, masker: Masker | None = None
    ) -> None:
        self._masker = masker or Masker()
        self._masker.learn([request.headers for request in load.requests])
        self._load, self._base_url, self._timeout_s = load, base_url, timeout_s
        self._folder, self._root = folder.absolute(), root.absolute()
        self._process: subprocess.Popen[str] | None = None
        self._tails: dict[Path, SampleTail] = {}
        self._old_files: frozenset[Path] = frozenset()
        self._old_health = 0

    def prepare(self) -> None:
        """Start the process and let it import Locust, to wait for `start`. Optional: it makes `start` quick."""
        if self._process is not None:
            return
        command = self._command()
        (self._folder / "samples").mkdir(parents=True, exist_ok=True)
        self._old_files, self._old_health = frozenset(self._files()), len(load_health(self._folder))
        with (self._folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                process_group=0,
                cwd=self._root if self._load.locustfile else self._folder,
                env=self._environment(),
            )

    def start(self) -> None:
        """Begin the load, and see it begin. Raises InputError (no locustfile), TargetError with Locust's last lines."""
        self.prepare()
        if not self._send_config() or not self._wait_for_start():
            self._kill()
            raise TargetError(f"Locust did not begin its load; its last lines: {self._last_lines()}")

    def poll(self) -> list[Sample]:
        """The samples recorded since the last poll."""
        for path in set(self._files()) - self._old_files - set(self._tails):
            self._tails[path] = SampleTail(path)
        return [sample for tail in self._tails.values() for sample in tail.poll()]

    def stop(self) -> None:
        """End the load: nothing new is sent, what is in flight is waited for, all samples are on disk. Idempotent."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        self._close_stdin(process)
        try:
            process.wait(self._timeout_s + STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._masker.file(self._folder / LOG)  # what a locustfile printed

    def _files(self) -> list[Path]:
        return sorted((self._folder / "samples").glob("load-*.csv"))

    def _command(self) -> list[str]:
        load = self._load
        if load.locustfile is None and not load.requests:
            raise InputError("requests or a locustfile under [load]", "neither")
        if load.locustfile is None:
            return self._locust(str(HERE / "locustfile.py"), 1)
        path = self._root / load.locustfile
        if not path.is_file():
            raise InputError("a locustfile", "no such file", path)
        return self._locust(f"{HERE / 'seatrial_recording.py'},{path}", load.users)

    def _locust(self, locustfiles: str, users: int) -> list[str]:
        count, patience = str(users), f"{self._timeout_s + 1:g}"
        command = [sys.executable, "-m", "locust", "-f", locustfiles, "--headless", "--only-summary"]
        command += ["--users", count, "--spawn-rate", count, "--run-time", FOREVER]
        return [*command, "--stop-timeout", patience, "--exit-code-on-error", "0"]

    def _environment(self) -> dict[str, str]:
        """The runner's, with Seatrial importable; Locust's own variables only for a locustfile that may expect them."""
        own = self._load.locustfile is not None
        environment = {name: value for name, value in os.environ.items() if own or not name.startswith("LOCUST_")}
        paths = [os.path.abspath(path) for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        package = str(Path(seatrial.__file__).parent.parent)
        return {**environment, "PYTHONPATH": os.pathsep.join(dict.fromkeys([*paths, package])), "PYTHONUNBUFFERED": "1"}

    def _send_config(self) -> bool:
        """By standard input: headers may hold secrets, which neither a command line nor a file may show."""
        requests = [request.model_dump(mode="json", by_alias=True) for request in self._load.requests]
        config = {"folder": str(self._folder), "host": self._base_url, "timeout_s": self._timeout_s}
        config |= {"rate_hz": self._load.rate_hz, "requests": requests, "secrets": self._masker.known}
        return self._say(json.dumps(config) + "\n")

    def _say(self, line: str) -> bool:
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def _wait_for_start(self) -> bool:
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if len(load_health(self._folder)) > self._old_health:
                return True
            if self._process is None or self._process.poll() is not None:
                return False
            time.sleep(0.02)
        return False

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._close_stdin(process)

    @staticmethod
    def _close_stdin(process: subprocess.Popen[str]) -> None:
        try:
            if process.stdin:
                process.stdin.close()
        except BrokenPipeError:
            pass

    def _last_lines(self) -> str:
        lines = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return self._masker.text("\n".join(lines[-LOG_LINES:])) or "it said nothing"
