"""What takes a fault back, by its name, and whether there can be such a fault on a deployment at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.errors import InputError, MissingCapability
from seatrial.targets.local import exhaustion, lifecycle, links
from seatrial.targets.local.link_control import find_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.roles import UndoStep
    from seatrial.targets.local.deployment import Deployment

OPERATIONS: dict[str, Callable[..., None]] = {
    "start": lifecycle.start,
    "resume": lifecycle.resume,
    "clear_link": links.clear_link,
    "release_connections": exhaustion.release_connections,
}


def require(deployment: Deployment, step: UndoStep) -> None:
    """Raise MissingCapability or InputError if there can be nothing on this deployment that the step takes back."""
    arguments = step.arguments
    if _operation(step) is links.clear_link:
        find_link(deployment, arguments["source"], arguments["destination"])
    elif _operation(step) is exhaustion.release_connections:
        exhaustion.require_slots(deployment.program(arguments["component"]))
    else:
        deployment.program(arguments["component"])


def take_back(deployment: Deployment, step: UndoStep) -> None:
    """Carry out an undo step. Idempotent. Raises TargetError if the component cannot be brought back."""
    operation = _operation(step)
    try:
        require(deployment, step)
    except (MissingCapability, InputError):
        return  # what cannot be there was never done
    operation(deployment, **step.arguments)


def _operation(step: UndoStep) -> Callable[..., None]:
    if step.operation not in OPERATIONS:
        raise InputError(f"an undo operation ({', '.join(OPERATIONS)}, down)", step.operation)
    return OPERATIONS[step.operation]
