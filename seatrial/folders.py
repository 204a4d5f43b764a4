"""Folders of runs and reports: named by UTC time and what they hold, never used twice."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seatrial.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


LEAST_FREE_BYTES = 50_000_000  # a run of the shipped scenarios leaves about 1 MB, PostgreSQL needs about 45


def require_space(folder: Path) -> None:
    """Raise InputError, before anything is started, if a folder cannot be written to or its disk is nearly full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InputError("a folder that can be written to", error.strerror or str(error), folder) from None
    if free < LEAST_FREE_BYTES:
        expected = f"{LEAST_FREE_BYTES // 1_000_000} MB of free disk space"
        raise InputError(expected, f"{free // 1_000_000} MB", folder)


def require_own(path: Path, mark: str) -> None:
    """Raise InputError if there is a file that does not carry the mark of what Seatrial writes there."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(4096)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError("a file that can be written", error.strerror or str(error), path) from None
    if mark not in head:
        raise InputError("no file here, or an earlier one of Seatrial's", "another, which is left as it is", path)


def new_folder(base: Path, name: str) -> Path:
    """Make `base/20261123T051500Z-name`, with a number behind it if it is there. Raises InputError if it cannot."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        base.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = base / (f"{stamp}-{name}" if number == 1 else f"{stamp}-{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise InputError("a folder for reports that can be written to", error.strerror or str(error), base) from None
    raise AssertionError("itertools.count ends never")
