"""Who has a deployment to itself: a run on it, or whoever heals it or takes it down. Never two of them at once."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seatrial.errors import TargetError
from seatrial.locks import lock
from seatrial.targets.local.deployment import OWNED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Claim:
    """The claim of one process on a deployment, at most as long as that process lives."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / OWNED
        self._file = -1

    def take(self) -> None:
        """Claim the deployment, if there is one. Idempotent. Raises TargetError naming who has it."""
        if self._file >= 0:
            return
        try:
            file = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return
        except OSError as error:
            raise TargetError(f"{self._path}: {error.strerror}") from None
        if not lock(file):
            holder = os.read(file, 32).decode(errors="replace").strip()
            os.close(file)
            raise TargetError(f"the deployment in {self._path.parent} is in use by another seatrial (pid {holder}); "
                              f"try again when that has ended")  # fmt: skip
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Let others have it. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the deployment inside the block, and after it only if it was held before."""
        before = self._file >= 0
        self.take()
        try:
            yield
        finally:
            if not before:
                self.release()
