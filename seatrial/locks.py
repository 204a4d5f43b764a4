"""Locks on files (flock): held by a process for as long as it lives, and gone with it, whatever it died of."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def lock(file: int, *, wait: bool = False) -> bool:
    """Lock an open file until it is closed. False if another holds it, or if it is on a disk that knows no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold a file that nobody else holds. False if somebody does, or if there is no such file."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        yield False
        return
    try:
        yield lock(file)
    finally:
        os.close(file)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else is alone in the folder. Without effect where there is none, or it cannot be locked."""
    try:
        file = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        lock(file, wait=True)
        yield
    finally:
        os.close(file)
