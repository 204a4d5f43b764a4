"""Carrying out undo steps from their data alone: for the run that wrote them, and for whoever heals after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial import undo
from seatrial.probe.forget import forget_redis, forget_sql
from seatrial.roles import UndoStep
from seatrial.targets import reattach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.roles import Target
    from seatrial.settings import Ledger
    from seatrial.targets import Reattached

_FORGET = {"forget_sql": forget_sql, "forget_redis": forget_redis}


def carry_out(deployment: Target | Reattached, step: UndoStep) -> None:
    """Carry out a step on the deployment it belongs to. Idempotent. Raises TargetError or InputError."""
    forget = _FORGET.get(step.operation)
    if forget is None:
        deployment.undo(step)
    elif deployment.exists:
        forget(deployment.resolve(step.arguments["dsn"]), step.arguments["run"])


def ledger_steps(ledger: Ledger, run: str) -> list[UndoStep]:
    """What removes the ledger's direct writes; a DSN stands in it as the settings have it, references unresolved."""
    stores = {"forget_sql": ledger.sql, "forget_redis": ledger.redis}
    return [UndoStep(operation, {"dsn": dsn, "run": run}) for operation, dsn in stores.items() if dsn]


def heal_abandoned() -> list[undo.Recovered]:
    """Carry out what killed runs left in their journals."""
    return undo.recover(undo.state_folder(), _reach_and_carry_out)


def _reach_and_carry_out(identity: Mapping[str, Any], step: UndoStep) -> None:
    carry_out(reattach(identity), step)
