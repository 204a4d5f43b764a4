"""What a fault left behind, in one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.targets.local import processes, supervision
from seatrial.targets.local.exhaustion import helpers
from seatrial.targets.local.links import shaped_links

if TYPE_CHECKING:
    from seatrial.targets.local.deployment import Deployment


def residue(deployment: Deployment) -> tuple[str, ...]:
    """Components that do not run, frozen processes, shaped links, helpers. Raises TargetError if it cannot be seen."""
    found = [sentence for name in deployment.programs for sentence in _component(deployment, name)]
    return (*found, *shaped_links(deployment))


def _component(deployment: Deployment, name: str) -> list[str]:
    found, state = [], supervision.state(deployment, name)
    if state.name not in ("RUNNING", "STARTING"):
        found.append(f"{name} does not run: {state.name} ({state.detail})")
    frozen = [process for process in processes.of_component(deployment, name, state.pid) if processes.frozen(process)]
    if frozen:
        found.append(f"{name} is frozen: {processes.pids(frozen)} in state T")
    holders = helpers(deployment, name)
    if holders:
        found.append(f"a helper ({processes.pids(holders)}) holds the connections of {name}")
    return found
