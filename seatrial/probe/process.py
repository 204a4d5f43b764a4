"""The sampler as an observer of a run: started, read while it writes, and stopped with all its samples on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import TargetError
from seatrial.samples import SampleTail

if TYPE_CHECKING:
    from seatrial.probe.config import SamplerConfig
    from seatrial.samples import Sample

STOP_S = 5.0


class SamplerProcess:
    """Runs `python -m seatrial.probe` beside the run."""

    name = "probe"

    def __init__(self, config: SamplerConfig) -> None:
        self._config = config
        self._samples = Path(config.folder) / "samples"
        self._log = Path(config.folder) / "probe.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._tails = [SampleTail(self._samples / name) for name in ("probe.csv", "ledger.csv")]

    def start(self) -> None:
        """Begin sampling. Raises TargetError with the sampler's last line if it does not."""
        self._samples.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seatrial.probe"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                process_group=0,  # Ctrl-C is for the runner, which ends this process in its own time
            )  # fmt: skip
        if self._process.stdin is None or self._process.stdout is None:
            raise TargetError("the sampler has no pipes")
        self._process.stdin.write(self._config.to_json().encode() + b"\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != b"ready\n":
            lines = self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            self.stop()
            raise TargetError(f"the sampler did not start: {lines[-1]}")

    @property
    def pid(self) -> int | None:
        """The process, if it was started."""
        return self._process.pid if self._process else None

    def poll(self) -> list[Sample]:
        """The samples recorded since the last poll."""
        return [sample for tail in self._tails for sample in tail.poll()]

    def stop(self) -> None:
        """End sampling; its samples are on disk. Idempotent."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
