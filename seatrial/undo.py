"""The undo journal: what takes a fault back is on disk before the fault is there, as data.

A process has one journal, a file under the user's state folder, which it keeps locked. The first line says whose it is;
then each line is an undo step with the identity of the target that it belongs to, or the number of a step that is
done. Healing goes backwards. A journal that nobody keeps is healed by the next start and by `seatrial recover`.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import InputError, TargetError, attempt
from seatrial.locks import alone, claimed, lock
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
    """The journal of this process. Every step is synced to disk before `write` returns.

    Its file is locked for as long as this process lives and has not closed it; a lock ends with its holder, whatever
    the holder died of and wherever it ran.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"undo-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._entries: dict[int, Entry] = {}  # what is pending, whatever becomes of the file
        self._count = 0
        new = self.path.with_suffix(".new")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            if not lock(self._file):
                raise OSError("files on this disk cannot be locked; set SEATRIAL_STATE to another")
            self._append({"owner": _this_process()})
            new.rename(self.path)  # nobody ever sees a journal without its owner and its lock
            _sync_folder(folder)
        except OSError as error:
            raise InputError("a folder for undo journals", error.strerror or str(error), folder) from None
        finally:
            with suppress(OSError):
                new.unlink()

    def write(self, target: Mapping[str, Any], step: UndoStep) -> Entry:
        """Put a step on disk; only then may what it undoes be done. Raises TargetError if it cannot be put there."""
        if not self.path.exists():
            raise TargetError(f"{self.path}: the undo journal was removed; nothing more is broken without one")
        entry = Entry(self._count + 1, dict(target), step)
        line = {"number": entry.number, "target": entry.target}
        self._append({**line, "operation": step.operation, "arguments": dict(step.arguments)})
        self._count = entry.number
        self._entries[entry.number] = entry
        return entry

    def done(self, entry: Entry) -> None:
        """The step was carried out, or what it undoes never happened."""
        self._entries.pop(entry.number, None)
        with suppress(TargetError):  # then whoever heals carries it out once more, which changes nothing
            self._append({"done": entry.number})

    def pending(self) -> list[Entry]:
        """Steps that were not carried out, the latest first."""
        return sorted(self._entries.values(), key=lambda entry: -entry.number)

    def close(self) -> None:
        """Remove the journal if nothing is pending, else leave it to whoever heals. Idempotent."""
        if not self._entries:
            self.path.unlink(missing_ok=True)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, value: Mapping[str, Any]) -> None:
        line = (json.dumps(value) + "\n").encode()
        try:
            size = os.fstat(self._file).st_size
            try:
                if os.write(self._file, line) < len(line):
                    raise OSError("no space left for the whole of a step")
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, size)  # half a step would spoil the next one, too
                raise
        except OSError as error:
            raise TargetError(f"{self.path}: the undo journal cannot be written: {error.strerror or error}") from None


def pending_of(path: Path) -> list[Entry]:
    """The pending steps of a journal file, the latest first. A torn line belongs to a fault that never was."""
    entries: dict[int, Entry] = {}
    for value in _lines(path):
        match value:
            case {"done": int(number)}:
                entries.pop(number, None)
            case {"number": int(number), "target": dict(of), "operation": str(operation), "arguments": dict(arguments)}:
                entries[number] = Entry(number, of, UndoStep(operation, arguments))
    return sorted(entries.values(), key=lambda entry: -entry.number)


def what_is_left() -> str:
    """What became of what this very process had started and broken, to be put behind another sentence."""
    own = (path for path in _journals(state_folder()) if _owner(path) == _this_process())
    left = [entry for path in own for entry in pending_of(path)]
    count = f"{len(left)} step{'s are' if len(left) > 1 else ' is'}"
    return f"; {count} left to be taken back: seatrial recover" if left else "; nothing is left behind"


def abandoned(folder: Path) -> list[Path]:
    """Journals whose process is gone, the oldest first."""
    found = []
    for path in _journals(folder):
        with claimed(path) as free:
            if free:
                found.append(path)
    return found


@dataclass(frozen=True)
class Recovered:
    """What was done about one pending step of an abandoned journal."""

    entry: Entry
    ok: bool
    detail: str


def recover(folder: Path, execute: Execute) -> list[Recovered]:
    """Heal every abandoned journal and remove those of which nothing is left. One failure never stops the others."""
    results: list[Recovered] = []
    with alone(folder):  # another process that heals is waited for; what it healed is no longer there to be healed
        for path in _journals(folder):
            with claimed(path) as free:
                if free:
                    results += _heal(path, execute)
    return results


def _heal(path: Path, execute: Execute) -> list[Recovered]:
    entries, elsewhere = pending_of(path), _elsewhere(path)
    if entries and elsewhere:
        why = f"it was left {elsewhere}; heal it there, or if that is gone for good, remove {path}"
        return [Recovered(entry, ok=False, detail=why) for entry in entries]
    healed = [_carry_out(entry, execute) for entry in entries]
    # A later step may have removed what an earlier one needed: then there is nothing left to undo.
    healed = [result if result.ok else _carry_out(result.entry, execute) for result in healed]
    if all(result.ok for result in healed):
        path.unlink(missing_ok=True)
    return healed


def _carry_out(entry: Entry, execute: Execute) -> Recovered:
    why = attempt(execute, entry.target, entry.step)
    return Recovered(entry, ok=not why, detail=why or "done")


def _journals(folder: Path) -> list[Path]:
    """The journals in the folder, the oldest first; some may be gone by the time they are looked at."""

    def changed_s(path: Path) -> float:
        with suppress(OSError):
            return path.stat().st_mtime
        return 0.0

    return sorted(folder.glob("undo-*.jsonl"), key=changed_s)


def _this_process() -> dict[str, Any]:
    """Who owns a journal, and where: a pid says nothing after a restart of the machine, or in another container."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    host, namespace = platform.node(), str(Path("/proc/self/ns/pid").readlink())
    return {"pid": os.getpid(), "boot": boot, "pid_namespace": namespace, "host": host}


def _owner(path: Path) -> dict[str, Any]:
    owner = next((value["owner"] for value in _lines(path) if "owner" in value), None)
    return owner if isinstance(owner, dict) else {}


def _elsewhere(path: Path) -> str:
    """Where what this journal takes back is to be found, if not here: there its processes and folders are."""
    owner, here = _owner(path), _this_process()
    if owner.get("boot", here["boot"]) != here["boot"]:  # another machine, or this one before it was started again
        return "" if owner.get("host") == here["host"] else f"on the machine {owner.get('host')}"
    return "" if owner.get("pid_namespace", here["pid_namespace"]) == here["pid_namespace"] else "in another container"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # gone meanwhile, or no file
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue  # what is not whole was never carried on with
        if isinstance(value, dict):
            yield value


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
