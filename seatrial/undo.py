"""The undo journal: what takes a fault back is on disk before the fault is there, as data.

A process has one journal, a file under the user's state folder. Its first line says whose it is; then each line is an
undo step with the identity of the target that it belongs to, or the number of a step that is done. Healing goes
backwards. A journal whose process is gone is healed by the next start and by `seatrial recover`.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from seatrial.errors import InputError, SeatrialError, TargetError
from seatrial.roles import UndoStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Execute = Callable[[Mapping[str, Any], UndoStep], None]


@dataclass(frozen=True)
class Entry:
    """A pending step of a journal."""

    number: int
    target: Mapping[str, Any]  # the identity of the target, see `seatrial.targets.reattach`
    step: UndoStep


def state_folder() -> Path:
    """Where journals live: `$SEATRIAL_STATE`, or the user's state folder after the XDG base directory specification."""
    if explicit := os.environ.get("SEATRIAL_STATE"):
        return Path(explicit)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "seatrial"


class UndoJournal:
    """The journal of this process. Every step is synced to disk before `write` returns."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError("a folder for undo journals", error.strerror or str(error), folder) from None
        self.path = folder / f"undo-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._count = 0
        owner = {"pid": os.getpid(), "started": psutil.Process().create_time()}
        self._append({"owner": owner})
        _sync_folder(folder)

    def write(self, target: Mapping[str, Any], step: UndoStep) -> Entry:
        """Put a step on disk; only then may what it undoes be done."""
        self._count += 1
        entry = Entry(self._count, dict(target), step)
        line = {"number": entry.number, "target": entry.target}
        self._append({**line, "operation": step.operation, "arguments": dict(step.arguments)})
        return entry

    def done(self, entry: Entry) -> None:
        """The step was carried out, or what it undoes never happened."""
        self._append({"done": entry.number})

    def pending(self) -> list[Entry]:
        """Steps that were not carried out, the latest first."""
        return pending_of(self.path)

    def close(self) -> None:
        """Remove the journal if nothing is pending."""
        if self.path.exists() and not self.pending():
            self.path.unlink()

    def _append(self, value: Mapping[str, Any]) -> None:
        flags, line = os.O_WRONLY | os.O_APPEND | os.O_CREAT, (json.dumps(value) + "\n").encode()
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                if os.write(descriptor, line) < len(line):
                    raise OSError("no space left for the whole of a step")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise TargetError(f"{self.path}: the undo journal cannot be written: {error.strerror or error}") from None


def pending_of(path: Path) -> list[Entry]:
    """The pending steps of a journal file, the latest first. A torn last line belongs to a fault that never was."""
    entries: dict[int, Entry] = {}
    for value in _lines(path):
        if "done" in value:
            entries.pop(value["done"], None)
        elif {"number", "target", "operation", "arguments"} <= value.keys():
            step = UndoStep(value["operation"], value["arguments"])
            entries[value["number"]] = Entry(value["number"], value["target"], step)
    return sorted(entries.values(), key=lambda entry: -entry.number)


def what_is_left() -> str:
    """What became of what this very process had started and broken, to be put behind another sentence."""
    left = [entry for path in state_folder().glob(f"undo-{os.getpid()}-*.jsonl") for entry in pending_of(path)]
    count = f"{len(left)} step{'s are' if len(left) > 1 else ' is'}"
    return f"; {count} left to be taken back: seatrial recover" if left else "; nothing is left behind"


def abandoned(folder: Path) -> list[Path]:
    """Journals whose process is gone, the oldest first."""
    paths = sorted((path for path in folder.glob("undo-*.jsonl") if path.is_file()), key=lambda p: p.stat().st_mtime)
    return [path for path in paths if not _owner_lives(path)]


@dataclass(frozen=True)
class Recovered:
    """What was done about one pending step of an abandoned journal."""

    entry: Entry
    ok: bool
    detail: str


def recover(folder: Path, execute: Execute) -> list[Recovered]:
    """Heal every abandoned journal and remove those of which nothing is left. One failure never stops the others."""
    results: list[Recovered] = []
    for path in abandoned(folder):
        healed = [_carry_out(entry, execute) for entry in pending_of(path)]
        # A later step may have removed what an earlier one needed: then there is nothing left to undo.
        healed = [result if result.ok else _carry_out(result.entry, execute) for result in healed]
        if all(result.ok for result in healed):
            path.unlink(missing_ok=True)
        results += healed
    return results


def _carry_out(entry: Entry, execute: Execute) -> Recovered:
    try:
        execute(entry.target, entry.step)
    except (SeatrialError, OSError) as error:
        return Recovered(entry, ok=False, detail=str(error))
    return Recovered(entry, ok=True, detail="done")


def _owner_lives(path: Path) -> bool:
    owner = next((value["owner"] for value in _lines(path) if "owner" in value), None)
    if owner is None:
        return False
    try:
        process = psutil.Process(owner["pid"])
        return abs(process.create_time() - owner["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):  # gone, or no owner that could be asked for
        return False


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            return
        if isinstance(value, dict):
            yield value


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
