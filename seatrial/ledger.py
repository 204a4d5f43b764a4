"""The ledger's account: acknowledged, failed and unknown writes, and what was there when they were read back.

A write is a Sample of a stream `ledger/...` with the write's id as its key. Its value follows from its id and the
run's nonce, so that a value which nobody wrote is recognised without a list of values.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from seatrial.samples import Sample

ACKNOWLEDGED, FAILED, UNKNOWN = "acknowledged", "failed", "unknown"
PRESENT, ABSENT, WRONG, PHANTOM, UNREADABLE = "present", "absent", "wrong", "phantom", "unreadable"


def value_of(key: str, nonce: str) -> str:
    """The value that the write of this id carries: 16 hexadecimal digits."""
    return hashlib.sha256(f"{nonce}:{key}".encode()).hexdigest()[:16]


def write_result(sample: Sample) -> str:
    """Acknowledged, failed (it never reached the server, or the server said no) or unknown."""
    if sample.ok:
        return ACKNOWLEDGED
    refused = sample.outcome in ("refused", "unsent") or sample.outcome.startswith("http_")
    return FAILED if refused else UNKNOWN


@dataclass(frozen=True)
class ReadBack:
    """What was found under an id: present, absent, wrong (another value), phantom (an id nobody wrote), unreadable."""

    stream: str
    key: str
    state: str


def write_read_back(path: Path, found: Iterable[ReadBack]) -> None:
    """Write what was found as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((item.stream, item.key, item.state) for item in found)


def read_back_file(path: Path) -> list[ReadBack]:
    """What `write_read_back` wrote; empty if the file does not exist. Raises InputError if it is something else."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [ReadBack(*row) for row in csv.reader(file) if len(row) == 3]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError("what was read back, as CSV", str(error), path) from None
