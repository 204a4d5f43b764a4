"""Taking a local deployment down, whatever state it is in, with nothing but its folder known."""

from __future__ import annotations

import shutil
import signal
import time
import xmlrpc.client
from typing import TYPE_CHECKING

from seatrial.errors import TargetError
from seatrial.targets.local import processes, supervision
from seatrial.targets.local.deployment import OWNED, load_deployment
from seatrial.targets.local.embedded import remove_shared_memory

if TYPE_CHECKING:
    from pathlib import Path

    import psutil

    from seatrial.targets.local.deployment import Deployment

GRACE_S = supervision.STOP_WAIT_S + 5
KILL_S = 10.0


def take_down(folder: Path) -> None:
    """End every process of the deployment, then remove the folder. Idempotent. Raises TargetError if anything stays."""
    known = processes.of_folder(folder)
    if known:
        processes.send((process for process in known if processes.frozen(process)), signal.SIGCONT)
        known |= _shut_down(folder)
    # What remains had no supervisor, or did not listen to it; what is started meanwhile is found by the next look.
    # What was below the supervisor is known from before, should it have hidden its marks.
    left = processes.slay(lambda: set(filter(processes.alive, known)) | processes.of_folder(folder), KILL_S)
    if left:
        raise TargetError(f"{processes.pids(left)} of {folder} could not be ended")
    try:
        _remove(folder)
    except OSError as error:
        raise TargetError(f"{folder} could not be removed: {error.strerror or error}") from None


def _shut_down(folder: Path) -> set[psutil.Process]:
    """Stop everything and then the supervisor; what components have left to it, even while they were stopped."""
    orphans: set[psutil.Process] = set()  # below the supervisor for as long as it lives, whatever they hide
    try:
        deployment = load_deployment(folder)
        supervisor = supervision.call(deployment, "getPID")
        supervision.call(deployment, "stopAllProcesses")
        orphans |= processes.of_folder(folder)
        supervision.call(deployment, "shutdown")
    except (TargetError, xmlrpc.client.Fault):
        return orphans
    return orphans | _await_end(deployment, int(supervisor))


def _await_end(deployment: Deployment, pid: int) -> set[psutil.Process]:
    """What was seen of the deployment until its supervisor had ended."""
    seen: set[psutil.Process] = set()
    deadline_s = time.monotonic() + GRACE_S
    while time.monotonic() < deadline_s:
        found = processes.of_folder(deployment.folder)
        seen |= found
        if not any(process.pid == pid for process in found):
            break
        time.sleep(0.02)
    return seen


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    if not (folder / OWNED).exists():
        if any(folder.iterdir()):
            raise TargetError(f"{folder} is not a folder that Seatrial made; it is left as it is")
        folder.rmdir()
        return
    remove_shared_memory(folder)
    # The mark goes last: a removal that is interrupted can be taken up again.
    for path in folder.iterdir():
        if path.name != OWNED:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / OWNED).unlink()
    folder.rmdir()
