"""Seconds from `git clone` to the first verdict on a clean machine, split into clone, install, start, run and report.

    python bench/first_verdict.py [SCENARIO...]        default: kill-database; `verify` for the whole main job

Works in a temporary folder with a new virtual environment; packages come from wherever pip is configured to get them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def timed(label, *command, cwd=None, env=None):
    """Run a command, print how long it took, and give its output."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    print(f"{label:<28}{time.monotonic() - started:8.1f} s   exit {done.returncode}", flush=True)
    return done.stdout


def split(folder):
    """Seconds of a run's phases, from its timeline."""
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    at = {event["kind"]: event["at_s"] for event in reversed(events)}
    parts = {"start of the load": ("run-begin", "before-begin"), "before": ("before-begin", "before-end")}
    parts |= {"fault and recovery": ("before-end", "after-begin"), "after": ("after-begin", "after-end")}
    parts["read back and audit"] = ("after-end", "run-end")
    return {name: at[end] - at[start] for name, (start, end) in parts.items() if start in at and end in at}


def main():
    """Clone, install, run; print the parts and the whole."""
    asked = sys.argv[1:] or ["kill-database"]
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        began = time.monotonic()
        timed("git clone", "git", "clone", "-q", str(ROOT), str(base / "clone"))
        timed("python -m venv", sys.executable, "-m", "venv", str(base / "venv"))
        timed("pip install .", str(base / "venv/bin/pip"), "install", "-q", ".", cwd=base / "clone")
        command = ["verify"] if asked == ["verify"] else ["run", *asked]
        env = {**os.environ, "SEATRIAL_STATE": str(base / "state")}
        out = timed(f"seatrial {' '.join(command)}", str(base / "venv/bin/seatrial"), *command, "--format", "json",
                    cwd=base / "clone", env=env)  # fmt: skip
        whole = time.monotonic() - began
        document = json.loads(out)
        for run in document["runs"]:
            for name, seconds in split(base / "clone" / run).items():
                print(f"  {name:<26}{seconds:8.1f} s")
        print(f"{'clone to verdict':<28}{whole:8.1f} s   {document['verdict']}")


if __name__ == "__main__":
    main()
