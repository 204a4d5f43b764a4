"""Folders of runs and reports: named by UTC time and what they hold, never used twice."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seatrial.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


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
